"""Versions, requirements and documents that must say the same thing."""

import re
import sys

import pytest

import skim_hf

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@pytest.fixture(scope="module")
def project(root):
    with open(root / "pyproject.toml", "rb") as file:
        return tomllib.load(file)


def requirement_name(requirement):
    return re.match(r"[A-Za-z0-9._-]+", requirement)[0].lower().replace("_", "-")


def test_the_version_is_said_once(root, project):
    assert "version" not in project["project"]
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "skim_hf._version.__version__"}
    citation = (root / "CITATION.cff").read_text(encoding="utf-8")
    assert re.findall(r"^version: (.+)$", citation, re.MULTILINE) == [skim_hf.__version__]


def test_the_base_install_is_the_runtime_s_and_the_command_line_s(project):
    names = {requirement_name(requirement) for requirement in project["project"]["dependencies"]}
    assert names == {"numpy", "safetensors", "tokenizers", "huggingface-hub", "typer", "rich"}


def test_every_requirement_is_pinned(root, project):
    lines = (root / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line.split("#")[0].strip() for line in lines]
    pins = [pin for pin in pins if pin]
    assert all(re.fullmatch(r"[a-z0-9-]+==[A-Za-z0-9.]+", pin) for pin in pins), "exact pins only"
    pinned = {pin.split("==")[0] for pin in pins}
    assert len(pinned) == len(pins)
    required = [*project["project"]["dependencies"], *project["build-system"]["requires"]]
    for extra in project["project"]["optional-dependencies"].values():
        required += extra
    assert {requirement_name(requirement) for requirement in required} - {"skim-hf"} <= pinned


def test_every_lint_exemption_carries_a_reason(root):
    text = (root / "pyproject.toml").read_text(encoding="utf-8")
    ignored = re.search(r"^ignore = \[\n(.*?)^\]", text, re.MULTILINE | re.DOTALL)[1]
    assert all("#" in line for line in ignored.splitlines())
    exempted = re.search(r"^\[tool\.ruff\.lint\.per-file-ignores\]\n(.*?)^\[", text, re.MULTILINE | re.DOTALL)
    lines = [line for line in exempted[1].splitlines() if line]
    entries = [number for number, line in enumerate(lines) if "= [" in line]
    assert all("#" in lines[number] or lines[number - 1].startswith("#") for number in entries)


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", "docs/architecture.md"])
def test_python_blocks_of_the_documents_are_python(root, document):
    path = root / document
    if not path.exists():
        pytest.skip(f"{document} is not written yet")
    text = path.read_text(encoding="utf-8")
    for number, block in enumerate(re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)):
        compile(block, f"{document}, block {number}", "exec")


def test_the_licence_and_the_typing_marker_are_there(root):
    assert "Apache License" in (root / "LICENSE").read_text(encoding="utf-8")
    assert (root / "src" / "skim_hf" / "py.typed").exists()
