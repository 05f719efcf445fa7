"""Help texts with examples."""

from __future__ import annotations


def help_text(summary: str, *examples: str, note: str | None = None) -> str:
    """The help of a command.

    Args:
        summary: What it does; the first sentence stands in the list of commands.
        examples: Command lines.
        note: What else is worth knowing.
    """
    # Square brackets are markup there.
    shown = "\n".join(f"  $ {example}" for example in examples).replace("[", r"\[")
    paragraphs = [summary, *([note] if note else []), f"[bold]Examples[/bold]\n{shown}"]
    return "\n\n".join(paragraphs)
