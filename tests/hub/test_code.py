"""The code of a model is complete in itself, or completed from the installed package."""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest

from skim_hf.hub.code import PACKAGE, code_files, full_auto_map
from skim_hf.modeling.auto_map_skim_rnn import AUTO_MAP

TRAVELLING = {path.name for path in PACKAGE.glob("*_skim_rnn.py")}


@pytest.fixture(scope="module")
def saved(make_folder, tmp_path_factory):
    return make_folder(tmp_path_factory.mktemp("saved") / "model")


@pytest.fixture
def folder(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "model")


def config_of(folder):
    return json.loads((folder / "config.json").read_text())


def test_a_saved_model_has_all_of_its_code(folder):
    files = code_files(folder, config_of(folder))
    assert set(files) == {path.name for path in folder.glob("*.py")} <= TRAVELLING
    assert {path.parent for path in files.values()} == {folder}


def test_what_is_missing_comes_from_the_package(folder):
    whole = set(code_files(folder, config_of(folder)))
    for name in ("cells_skim_rnn.py", "modeling_skim_rnn.py"):
        (folder / name).unlink()
    files = code_files(folder, config_of(folder))
    assert set(files) == whole
    assert files["cells_skim_rnn.py"] == PACKAGE / "cells_skim_rnn.py"
    assert files["pooling_skim_rnn.py"] == folder / "pooling_skim_rnn.py"
    for path in folder.glob("*.py"):
        path.unlink()
    assert set(code_files(folder, {})) == whole


def test_the_map_has_every_class_of_ours_that_the_code_has(folder):
    assert full_auto_map(folder, {}) == full_auto_map(folder, config_of(folder)) == AUTO_MAP
    path = folder / "modeling_skim_rnn.py"
    path.write_text(path.read_text().replace("class SkimRNNForTokenClassification(", "class Absent("))
    assert AUTO_MAP.keys() - full_auto_map(folder, {}).keys() == {"AutoModelForTokenClassification"}
    path.unlink()
    assert full_auto_map(folder, {}) == AUTO_MAP


def test_the_map_is_read_without_torch():
    code = "import sys, skim_hf.hub.code; print('torch' in sys.modules or 'transformers' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE.parents[1])}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr


def test_two_versions_are_not_mixed(folder):
    with open(folder / "pooling_skim_rnn.py", "a") as file:
        file.write("# of another version\n")
    assert code_files(folder, config_of(folder))["pooling_skim_rnn.py"].parent == folder
    (folder / "cells_skim_rnn.py").unlink()
    with pytest.raises(ValueError, match=r"lacks the code cells_skim_rnn\.py, and its pooling_skim_rnn\.py"):
        code_files(folder, config_of(folder))


def test_code_of_ones_own_travels_too(folder):
    (folder / "mine.py").write_text("from .mine_too import f\nfrom .cells_skim_rnn import LSTMCell\n")
    (folder / "mine_too.py").write_text("def f():\n    from .configuration_skim_rnn import SkimRNNConfig\n")
    (folder / "unused.py").write_text("")
    config = config_of(folder)
    config["auto_map"] = {"AutoModel": "mine.Mine", "AutoTokenizer": ["org/other--theirs.T", None]}
    with pytest.raises(ValueError, match=r"auto_map in config\.json must map"):
        code_files(folder, config)
    config["auto_map"] = {"AutoModel": "mine.Mine", "AutoBackbone": "org/other--theirs.T"}
    assert full_auto_map(folder, config) == AUTO_MAP | config["auto_map"]
    files = code_files(folder, config)
    assert {"mine.py", "mine_too.py"} <= set(files)
    assert not {"unused.py", "theirs.py"} & set(files)
    config["custom_pipelines"] = {"some-task": {"impl": "unused.Pipeline", "pt": []}}
    assert "unused.py" in code_files(folder, config)
    for wrong in ([], {"some-task": {}}, {"some-task": {"impl": 1}}, {"some-task": "unused.Pipeline"}):
        with pytest.raises(ValueError, match=r"custom_pipelines in config\.json"):
            code_files(folder, {**config, "custom_pipelines": wrong})


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("from . import cells_skim_rnn", "''"),
        ("from ..util import x", "'.util'"),
        ("from .sub.cells import x", "'sub.cells'"),
        ("from .absent import x", "absent.py"),
        ("from .é import x", "'é'"),
    ],
)
def test_what_transformers_cannot_load_is_refused(folder, line, named):
    with open(folder / "pooling_skim_rnn.py", "a", encoding="utf-8") as file:
        file.write(f"\n{line}\n")
    with pytest.raises(ValueError, match=re.escape(named)):
        code_files(folder, config_of(folder))


def test_a_map_that_leads_out_of_the_folder_is_refused(folder):
    for name in ("../secret.Model", "/etc/passwd.Model", "a/b.Model", "Model"):
        with pytest.raises(ValueError, match=r"module '"):
            code_files(folder, {"auto_map": {"AutoModel": name}})
