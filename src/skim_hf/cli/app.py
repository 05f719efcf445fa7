"""The commands, and what becomes of errors: a message and an exit code instead of a traceback."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from skim_hf._version import __version__
from skim_hf.cli.answer import ANSWER_HELP, answer
from skim_hf.cli.bench import BENCH_HELP, bench
from skim_hf.cli.card import CARD_HELP, card
from skim_hf.cli.evaluate import EVALUATE_HELP, evaluate
from skim_hf.cli.examples import help_text
from skim_hf.cli.info import INFO_HELP, info
from skim_hf.cli.options import ModelCommand
from skim_hf.cli.output import prepare_streams
from skim_hf.cli.predict import PREDICT_HELP, predict
from skim_hf.cli.push import PUSH_HELP, push
from skim_hf.cli.slim import SLIM_HELP, slim
from skim_hf.cli.trace import TRACE_HELP, trace

WRONG_INPUT, INTERRUPTED = 1, 130

_HELP = help_text(
    "Run, measure and publish adaptive-reading text classifiers.",
    'skim-hf predict org/name "A good film."',
    "skim-hf predict --help",
    note="[bold]Exit codes[/bold]\n"
    "    0  done, also when the reader of a pipe has seen enough\n"
    "    1  a wrong input or model; the reason is on the standard error\n"
    "    2  a wrong use of the command\n"
    "    3  evaluate: below --min-accuracy\n"
    "  130  interrupted",
)


class Commands(TyperGroup):
    """Runs a command; says in a sentence what was wrong with its input."""

    def invoke(self, ctx: Any) -> Any:
        """See the base class.

        Raises:
            typer.Exit: With the code for what happened, unless tracebacks are wanted.
        """
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise typer.Exit(INTERRUPTED) from error
        except BrokenPipeError:
            raise  # of a help text; typer ends quietly
        except (ImportError, OSError, ValueError) as error:
            if ctx.params["debug"]:
                raise
            typer.echo(f"Error: {error}", err=True)
            raise typer.Exit(WRONG_INPUT) from error


app = typer.Typer(
    name="skim-hf",
    cls=Commands,
    help=_HELP,
    no_args_is_help=True,
    rich_markup_mode="rich",
    # Tracebacks are for those who ask for them, and are then Python's own.
    pretty_exceptions_enable=False,
    add_completion=False,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"skim-hf {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version and exit.", callback=_show_version, is_eager=True),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error; put it before the command.")
    ] = False,
) -> None:
    """Prepares what all commands need.

    Args:
        version: Whether only the version was asked for.
        debug: Whether errors are shown with their traceback; see `Commands`.
    """
    prepare_streams()


for command, text in (
    (predict, PREDICT_HELP),
    (answer, ANSWER_HELP),
    (trace, TRACE_HELP),
    (evaluate, EVALUATE_HELP),
    (bench, BENCH_HELP),
    (info, INFO_HELP),
    (slim, SLIM_HELP),
    (card, CARD_HELP),
    (push, PUSH_HELP),
):
    app.command(help=text, cls=ModelCommand)(command)
