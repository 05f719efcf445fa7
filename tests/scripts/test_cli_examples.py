"""The commands that the README shows are run, and shown with what they print."""

import json
import shutil

import pytest

from ..runtime.conftest import folder, shared_models  # noqa: F401, fixtures


@pytest.mark.skipif(shutil.which("bash") is None, reason="the commands are typed in bash")
def test_commands_are_kept_with_what_they_print(script, folder, tmp_path):  # noqa: F811
    examples = script("_cli_examples")
    path = tmp_path / "cli.json"
    examples.write_examples(folder, path)
    results = json.loads(path.read_text(encoding="utf-8"))
    assert results["machine"]["processor"]
    table, line, trace = (example["output"] for example in results["examples"])
    assert table.splitlines()[0] == "label     score  text"
    assert json.loads(line)["text"] == "I loved every minute."
    assert trace.splitlines()[-1].endswith(" tokens read")
    shown = examples.render_examples(path)
    assert shown.startswith(f"```console\n$ skim-hf predict {folder} ")
    assert shown.endswith(f"{trace}```")
    # Three commands, each on a line of its own.
    assert sum(line.startswith("$ ") for line in shown.splitlines()) == 3
