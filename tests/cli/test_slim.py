"""Smaller copies of models, on the command line."""

from skim_hf.runtime import SkimRuntime


def test_a_copy_is_written_and_described(cli, records, folder, tmp_path):
    (found,) = records("slim", folder, tmp_path / "slim", "--words", 5)
    assert (found["words"], found["words_cut"]) == (7, 8)
    assert found["size"] < found["size_before"]
    assert SkimRuntime.from_pretrained(found["folder"])("a film")["label"] in ("negative", "positive")
    shown = cli("slim", folder, tmp_path / "slim", "--dtype", "float32", "--format", "table")
    assert shown.exit_code == 0
    assert "15 (0 cut)" in shown.stdout


def test_what_cannot_be_written_is_said(cli, folder):
    found = cli("slim", folder, folder)
    assert found.exit_code == 1
    assert "another folder" in found.stderr
