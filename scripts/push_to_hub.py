"""Pushes a saved model to the Hub, with its code, results and card, in one commit.

python scripts/push_to_hub.py outputs/skim-lstm-imdb org/skim-lstm-imdb --dry-run
python scripts/push_to_hub.py outputs/skim-lstm-imdb org/skim-lstm-imdb --private
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from skim_hf.hub import PushPlan, plan_push, push_folder


def main(arguments: Sequence[str] | None = None) -> None:
    """Pushes, or says what would be pushed; failures end the process with their reason.

    Args:
        arguments: The command line; that of the process if None.
    """
    options = parse(arguments)
    try:
        if options.dry_run:
            print(describe(plan_push(options.folder, repo_id=options.repo_id)))
            return
        pushed = push_folder(
            options.folder,
            options.repo_id,
            private=options.private or None,
            revision=options.revision,
            message=options.message,
        )
    except (OSError, ValueError, ImportError) as error:
        raise SystemExit(f"push_to_hub: {error}") from error
    print(f"{pushed.url} holds {len(pushed.files)} files at commit {pushed.oid}")


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", help="saved model")
    parser.add_argument("repo_id", help="org/name; created if it is not there")
    parser.add_argument("--private", action="store_true", help="create it as a private one")
    parser.add_argument("--revision", help="branch to push to, made if it is not there; else the main one")
    parser.add_argument("--message", help="of the commit")
    parser.add_argument("--dry-run", action="store_true", help="say what would go; no network")
    return parser.parse_args(arguments)


def describe(plan: PushPlan) -> str:
    """What would go, with sizes in bytes, what would stay and why, and what to know about the model."""
    lines = [f"{file.size:>12,}  {file.path}" for file in plan.files]
    lines += [f"{plan.size:>12,}  in {len(plan.files)} files"]
    # Names that stay may hold anything, such as codes that a terminal obeys.
    lines += [f"{'stays':>12}  {name!r}: {reason}" for name, reason in plan.left_out.items()]
    lines += [f"{'note':>12}  {note}" for note in plan.notes]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
