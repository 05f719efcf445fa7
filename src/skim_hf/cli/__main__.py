"""Runs the command line as `python -m skim_hf.cli`."""

from __future__ import annotations

from skim_hf.cli.app import app

if __name__ == "__main__":
    app(prog_name="skim-hf")
