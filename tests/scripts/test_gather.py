"""Contestants that can be made, and those that cannot."""

import pytest


def test_who_is_not_there_is_named_and_a_defect_is_not_hidden(script):
    gather = script("_gather").gather

    def absent():
        raise ImportError("No module named 'elsewhere'")

    def missing():
        raise ImportError("no compiler")

    def broken():
        raise ValueError("a defect")

    made, reasons = gather({"here": lambda: "here", "absent": absent, "missing": missing})
    assert made == {"here": "here"}
    assert reasons == {"absent": "No module named 'elsewhere'", "missing": "no compiler"}
    with pytest.raises(ValueError, match="a defect"):
        gather({"broken": broken})
