"""Where and how something was measured."""

import os
import re

import pytest

from skim_hf.results import command_line, describe_machine


def test_the_machine_is_described():
    machine = describe_machine()
    assert machine["cores"] >= 1
    assert all(machine[name] for name in ("processor", "system"))
    assert re.match(r"3\.\d+", machine["python"])
    assert {"skim-hf", "numpy", "tokenizers"} <= machine["versions"].keys()


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["scripts/a.py", "--text", "two words"], "python scripts/a.py --text 'two words'"),
        (["/somewhere/bin/skim-hf", "evaluate", "x"], "skim-hf evaluate x"),
        (["", "x"], "x"),
        (["a.py", "--token", "secret", "b"], "python a.py --token '***' b"),
        (
            ["a.py", "--hub_token=secret", "--hub-token=secret"],
            "python a.py '--hub_token=***' '--hub-token=***'",
        ),
        (["a.py", "--hub_token", "--token"], "python a.py --hub_token '***'"),
        (["a.py", "x=hf_abcdefghij"], "python a.py 'x=***'"),
        (["a.py", "--max_tokens", "7"], "python a.py --max_tokens 7"),
        (["a.py", "hf_model"], "python a.py hf_model"),
    ],
)
def test_a_command_can_be_typed_again_and_tells_no_secret(arguments, shown):
    assert command_line(arguments) == shown


def test_a_script_is_named_from_where_one_is():
    assert command_line([os.path.abspath("scripts/a.py")]) == "python scripts/a.py"


def test_the_command_is_that_of_this_process(monkeypatch):
    monkeypatch.setattr("sys.argv", ["b.py", "--fast"])
    assert command_line() == "python b.py --fast"
