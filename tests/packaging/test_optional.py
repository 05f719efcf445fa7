"""Importing what an extra installs."""

import json

import pytest

from skim_hf._optional import require


def test_an_installed_module_is_returned():
    assert require("json", "train") is json
    assert require("json.decoder", "train") is json.decoder


@pytest.mark.parametrize("module", ["skim_hf_absent", "skim_hf_absent.part"])
def test_an_absent_package_names_the_extra(module):
    with pytest.raises(ImportError, match=r"pip install 'skim-hf\[train\]'") as caught:
        require(module, "train")
    assert "'skim_hf_absent', which is not installed" in str(caught.value)
    assert caught.value.name == "skim_hf_absent"


def test_an_absent_part_of_an_installed_package_is_no_missing_extra():
    with pytest.raises(ModuleNotFoundError, match=r"json\.absent"):
        require("json.absent", "train")


def test_a_broken_package_raises_its_own_error(tmp_path, monkeypatch):
    (tmp_path / "skim_hf_broken.py").write_text("import skim_hf_absent\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError) as caught:
        require("skim_hf_broken", "train")
    assert caught.value.name == "skim_hf_absent"
    assert "pip install" not in str(caught.value)
