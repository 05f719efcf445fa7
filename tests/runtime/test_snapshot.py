"""The bytes of a stream that is put aside."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skim_hf.runtime.snapshot import MAGIC, VERSION, pack, unpack

SETTINGS = {"model": "ab12", "backend": "numpy", "dtype": "float32", "threshold": 0.1, "max_tokens": None}
PARTS = [b"", b"words", bytes(range(256))]
PACKED = pack(SETTINGS, PARTS)


@given(st.lists(st.binary(max_size=300), max_size=4))
def test_parts_come_back(parts):
    assert unpack(pack(SETTINGS, parts), SETTINGS) == parts


@given(position=st.integers(0, len(PACKED) - 1), value=st.integers(1, 255))
def test_no_changed_byte_goes_unnoticed(position, value):
    damaged = bytearray(PACKED)
    damaged[position] ^= value
    with pytest.raises(ValueError, match="snapshot"):
        unpack(bytes(damaged), SETTINGS)


@given(cut=st.integers(0, len(PACKED) - 1))
def test_no_missing_end_goes_unnoticed(cut):
    with pytest.raises(ValueError, match="snapshot"):
        unpack(PACKED[:cut], SETTINGS)


@given(st.binary(max_size=80))
def test_other_bytes_are_refused(data):
    for wrong in (data, MAGIC + data, PACKED + data + b"\0"):
        with pytest.raises(ValueError, match="snapshot"):
            unpack(wrong, SETTINGS)


@pytest.mark.parametrize("wrong", [None, "text", bytearray(PACKED), 3])
def test_what_is_not_bytes_is_refused(wrong):
    with pytest.raises(TypeError, match=f"got {type(wrong).__name__}"):
        unpack(wrong, SETTINGS)


@pytest.mark.parametrize(
    "about",
    [
        b"",
        b"\xff",
        b"[" * 100_000,
        b"[]",
        b"{}",
        b'{"settings": 3, "lengths": []}',
        b'{"settings": {}, "lengths": 3}',
        b'{"settings": {}, "lengths": [-1]}',
        b'{"settings": {}, "lengths": [true]}',
        b'{"settings": {}, "lengths": [1e3]}',
        b'{"settings": {}, "lengths": [4]}',
    ],
)
def test_a_right_checksum_around_anything_else_is_refused(about):
    for size in (len(about), 0, 1 << 31):
        body = size.to_bytes(4, "little") + about + b"abc"
        forged = MAGIC + VERSION.to_bytes(2, "little") + hashlib.blake2b(body, digest_size=16).digest() + body
        with pytest.raises(ValueError, match="snapshot"):
            unpack(forged, {})
    with pytest.raises(ValueError, match="snapshot"):
        unpack(MAGIC + VERSION.to_bytes(2, "little") + hashlib.blake2b(b"", digest_size=16).digest(), {})


def test_another_version_is_named():
    later = MAGIC + (VERSION + 1).to_bytes(2, "little") + PACKED[len(MAGIC) + 2 :]
    with pytest.raises(ValueError, match=f"version {VERSION + 1}.*reads version {VERSION}"):
        unpack(later, SETTINGS)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": "cd34"}, "another model"),
        ({"threshold": 0.2}, r"threshold=0\.1 instead of 0\.2"),
        ({"dtype": "int8", "backend": "native"}, "backend='numpy' instead of 'native', dtype='float32'"),
        ({"max_tokens": 7}, "max_tokens=None instead of 7"),
    ],
)
def test_other_settings_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        unpack(PACKED, {**SETTINGS, **change})
