"""The options that every command about a model has, declared once."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cached_property, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_type_hints

import typer
from typer.core import TyperCommand

from skim_hf.cli.inputs import file_texts

if TYPE_CHECKING:
    from skim_hf.runtime import SkimRuntime

_PANEL = "Model"

InputOption = Annotated[
    Path | None,
    typer.Option(
        "--input",
        "-i",
        metavar="FILE",
        help="A text per line, or a table: .csv, .tsv, .jsonl, .json or .parquet. - is the standard input.",
        show_default=False,
    ),
]
ReportFormat = Annotated[
    Literal["table", "json"] | None,
    typer.Option("--format", help="By default a table on a terminal, and one line of JSON elsewhere."),
]


@dataclass(frozen=True)
class ModelOptions:
    """Which model, and how it is to be run; every field is an option of the command line."""

    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="Folder of a saved model, or its id on the Hub, such as org/name; or --model MODEL.",
            show_default=False,
        ),
    ]
    text_column: Annotated[
        str | None,
        typer.Option(
            help="Column of the texts in tables, by default text; with it, the standard input is JSON lines.",
        ),
    ] = None
    revision: Annotated[
        str | None, typer.Option(help="Branch, tag or commit on the Hub.", rich_help_panel=_PANEL)
    ] = None
    subfolder: Annotated[
        str, typer.Option(help="Where the model lies in its folder or repository.", rich_help_panel=_PANEL)
    ] = ""
    backend: Annotated[
        Literal["auto", "native", "numpy"],
        typer.Option(help="What runs the model: C kernels or NumPy.", rich_help_panel=_PANEL),
    ] = "auto"
    dtype: Annotated[
        Literal["float32", "int8"],
        typer.Option(help="Numbers to compute with; int8 needs the C kernels.", rich_help_panel=_PANEL),
    ] = "float32"
    threshold: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            max=1.0,
            help="Skim above this probability; 1 reads everything. By default the model's own.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    jump_every: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Tokens that a model which jumps visits before each decision to. By default its own.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    jump_limit: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Jumps that such a model may take in a text. By default its own.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    budget: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            max=1.0,
            help="Read at most this share of the words; needs --calibration.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    calibration: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Some hundred texts to find the threshold for a budget with.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    threads: Annotated[
        int, typer.Option(min=1, help="Texts to read at the same time.", rich_help_panel=_PANEL)
    ] = 1
    max_tokens: Annotated[
        int | None,
        typer.Option(min=1, help="Read only the first so many tokens of a text.", rich_help_panel=_PANEL),
    ] = None

    @cached_property
    def folder(self) -> Path:
        """Where the model lies, after it was fetched from the Hub if it had to be.

        Raises:
            FileNotFoundError: No such model.
            ValueError: A file instead of a folder.
        """
        from skim_hf.runtime import ModelFolder

        return ModelFolder.find(self.model, revision=self.revision, subfolder=self.subfolder).root

    def load(self, *, for_texts: bool = True, **changes: Any) -> SkimRuntime:
        """Loads the model.

        Args:
            for_texts: Whether it is to read texts.
            **changes: Arguments of `SkimRuntime.from_pretrained` that are to differ from the options.

        Raises:
            typer.BadParameter: Options that exclude or need one another.
            FileNotFoundError: No such model or file.
            ImportError: The C kernels were asked for and are not built.
            ValueError: A damaged or foreign file, a budget that cannot be kept, jump settings for a model
                that does not jump, or texts for one of features.
        """
        if self.budget is not None and self.threshold is not None:
            raise typer.BadParameter("Give --threshold or --budget; a budget is turned into a threshold.")
        if (self.budget is None) != (self.calibration is None):
            raise typer.BadParameter("--budget and --calibration go together.")
        from skim_hf.runtime import SkimRuntime

        if for_texts or self.calibration is not None:
            self.check_reads_texts()
        texts = None if self.calibration is None else list(file_texts(self.calibration, self.text_column))
        arguments: dict[str, Any] = {
            "backend": self.backend,
            "dtype": self.dtype,
            "threshold": self.threshold,
            "budget": self.budget,
            "calibration_texts": texts,
            "max_tokens": self.max_tokens,
            "threads": self.threads,
        }
        jumps = {"jump_every": self.jump_every, "jump_limit": self.jump_limit}
        arguments |= {name: value for name, value in jumps.items() if value is not None}
        return SkimRuntime.from_pretrained(self.folder, **{**arguments, **changes})

    def check_reads_texts(self, *, for_labels: bool = False) -> None:
        """Refuses a model of continuous features, which has no words to read.

        Args:
            for_labels: Whether to refuse a model that answers questions, too.

        Raises:
            FileNotFoundError: No such model.
            ValueError: Such a model, or a damaged one.
        """
        from skim_hf.runtime import ModelFolder, RuntimeConfig

        config = RuntimeConfig.load(ModelFolder(self.folder).config)
        if config.reads_features:
            raise ValueError(
                f"{self.model} reads continuous features, {config.input_size} at each step, and no text. Run "
                "it in Python: SkimRuntime.from_pretrained(...)(frames), with an array of the shape [steps, "
                f"{config.input_size}]."
            )
        if for_labels and config.reader is not None:
            raise ValueError(
                f"{self.model} answers questions, and this is for models that label texts: use skim-hf "
                "answer, skim-hf trace --question or skim-hf evaluate."
            )


class ModelCommand(TyperCommand):
    """A command whose model may also be named by --model, wherever among its words."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Puts the model that an option names before all other words."""
        before = args[: args.index("--")] if "--" in args else args
        for at, word in enumerate(before):
            if word.startswith("--model="):
                args = [word.removeprefix("--model="), *args[:at], *args[at + 1 :]]
                break
            if word == "--model":
                if at + 1 == len(before):
                    raise typer.BadParameter("--model needs a value: the folder or the id of a model.", ctx)
                args = [args[at + 1], *args[:at], *args[at + 2 :]]
                break
        return super().parse_args(ctx, args)


def takes_model(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command the options of `ModelOptions`, which it gets as its first argument.

    Args:
        command: A function whose other parameters are declared as typer wants them.

    Returns:
        The function for `typer.Typer.command`.
    """
    hints = get_type_hints(ModelOptions, include_extras=True)
    shared = [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            # The marker of a field without default is not that of a parameter.
            default=field.default if field.name != "model" else inspect.Parameter.empty,
            annotation=hints[field.name],
        )
        for field in fields(ModelOptions)
    ]
    _, *own = inspect.signature(command, eval_str=True).parameters.values()

    @wraps(command)
    def run(**values: Any) -> None:
        options = ModelOptions(**{parameter.name: values.pop(parameter.name) for parameter in shared})
        command(options, **values)

    parameters = [*shared, *(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own)]
    # typer looks at both.
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run
