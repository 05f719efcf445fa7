"""`skim-hf push`: a saved model to the Hub, in one commit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from skim_hf.cli.card import FolderArgument
from skim_hf.cli.examples import help_text
from skim_hf.cli.options import ReportFormat
from skim_hf.cli.report import facts, grid, wants_json, write_json_report, write_tables

if TYPE_CHECKING:
    from skim_hf.hub import PushPlan

PUSH_HELP = help_text(
    "Push a saved model to the Hub: weights, configuration, code, tokenizer, results and card.",
    "skim-hf push outputs/my-model org/name --dry-run",
    "skim-hf push outputs/my-model org/name --private",
    'skim-hf push outputs/my-model org/name --revision v2 --message "Trained on more reviews"',
    note="It is one commit: an interrupted push leaves the old model or the whole new one, and can be "
    "repeated. The access token is that of HF_TOKEN or of `hf auth login`.",
)


def push(
    folder: FolderArgument,
    repo: Annotated[
        str,
        typer.Argument(metavar="ORG/NAME", help="Created if it is not there.", show_default=False),
    ],
    private: Annotated[bool, typer.Option("--private", help="Create it as a private one.")] = False,
    revision: Annotated[
        str | None, typer.Option(help="Branch, made if it is not there. By default the main one.")
    ] = None,
    message: Annotated[str | None, typer.Option(help="Of the commit.")] = None,
    create_pr: Annotated[bool, typer.Option("--create-pr", help="Open a pull request instead.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go; needs no network.")] = False,
    form: ReportFormat = None,
) -> None:
    """Pushes a model.

    Args:
        folder: A saved model.
        repo: Where it goes.
        private: Whether a repository that is created is private.
        revision: Branch.
        message: Of the commit.
        create_pr: Whether to open a pull request.
        dry_run: Whether to say only what would go.
        form: How the report looks.
    """
    from skim_hf.hub import plan_push, push_folder

    if dry_run:
        plan = plan_push(folder, repo_id=repo)
        report, tables = _planned(plan), _plan_tables(plan)
    else:
        pushed = push_folder(
            folder, repo, private=private or None, revision=revision, message=message, create_pr=create_pr
        )
        report = {name: getattr(pushed, name) for name in ("repo_id", "url", "oid", "commit_url", "pr_url")}
        report |= {"files": pushed.files, "deleted": pushed.deleted}
        tables = [facts(pushed.pr_url or pushed.url, {"files": str(len(pushed.files)), "commit": pushed.oid})]
    if wants_json(form):
        write_json_report(report)
    else:
        write_tables(*tables)


def _planned(plan: PushPlan) -> dict[str, Any]:
    return {
        "files": {file.path: file.size for file in plan.files},
        "bytes": plan.size,
        "left_out": dict(plan.left_out),
        "notes": plan.notes,
    }


def _plan_tables(plan: PushPlan) -> list[Any]:
    title = f"Would go: {len(plan.files)} files, {plan.size:,} bytes"
    tables = [grid(title, ["file", " bytes"], [[file.path, f"{file.size:,}"] for file in plan.files])]
    if plan.left_out:
        tables.append(grid("Stays here", ["file", "why"], [list(item) for item in plan.left_out.items()]))
    if plan.notes:
        tables.append(grid("To know", [""], [[note] for note in plan.notes]))
    return tables
