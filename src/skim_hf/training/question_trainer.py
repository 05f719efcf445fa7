"""The Trainer of question readers: its evaluation scores answers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn
from torch.utils.data import DataLoader
from transformers import EvalPrediction
from transformers.trainer_utils import PredictionOutput

from skim_hf.results.counts import TextCounts
from skim_hf.results.effort import layer_skim_rates, reading_scores
from skim_hf.runtime.answers import Answer

from .arguments import SkimTrainingArguments
from .question_windows import QuestionDataset
from .throughput import Throughput
from .trainer import SkimTrainer

Logits = tuple[NDArray[Any], NDArray[Any]]
_LABELS = ["start_positions", "end_positions", "row"]


class QuestionTrainer(SkimTrainer):
    """`SkimTrainer` for a `SkimRNNForQuestionAnswering` and the rows of a `QuestionDataset`.

    Evaluation reports `exact_match` and `f1` of the best answers (not where a question has no right answer to
    compare with), the skim rates of `reading_scores`, and `layer_skim_rate_0` and so on of every reader. An
    answer has at most `max_answer_length` tokens, as the model's configuration says. `throughput` knows how
    fast the last training was.

    Args:
        model: The question reader.
        args: The training arguments.
        null_threshold: See `QuestionDataset.answers`.
        **kwargs: As of `SkimTrainer`.
    """

    def __init__(
        self,
        model: nn.Module | None = None,
        args: SkimTrainingArguments | None = None,
        *,
        null_threshold: float = 0.0,
        **kwargs: Any,
    ) -> None:
        args = SkimTrainingArguments() if args is None else args
        if args.label_names is None:
            args.label_names = list(_LABELS)
        self._null_threshold = null_threshold
        self._evaluated: Any = None
        super().__init__(model, args, **{"compute_metrics": self._scores, **kwargs})
        self.throughput = Throughput()
        self.add_callback(self.throughput)

    def training_step(self, model: nn.Module, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Makes a step as `transformers.Trainer` does, and counts its rows."""
        self.throughput.add(len(inputs["input_ids"]))
        return super().training_step(model, inputs, *args, **kwargs)

    def evaluation_loop(self, dataloader: DataLoader, *args: Any, **kwargs: Any) -> Any:
        """Evaluates as `transformers.Trainer` does, and knows whose rows they are."""
        self._evaluated = dataloader.dataset
        return super().evaluation_loop(dataloader, *args, **kwargs)

    def answers(self, dataset: QuestionDataset, report: PredictionOutput) -> dict[str, list[Answer]]:
        """The best answer to every question, by what `predict` has said of the rows of a dataset."""
        (start, end), _ = _in_order(report.predictions, report.label_ids)
        return dataset.answers(start, end, **self._options())

    def _options(self) -> dict[str, Any]:
        length = self._config().max_answer_length
        return {"max_answer_length": length, "null_threshold": self._null_threshold}

    def _scores(self, prediction: EvalPrediction) -> dict[str, float]:
        """Scores of the answers and of the reading."""
        (start, end), counts = _in_order(prediction.predictions, prediction.label_ids)
        dataset: QuestionDataset = self._evaluated
        scores: dict[str, float] = {}
        if dataset.null_answers or all(question.answers for question in dataset.questions):
            scores = dataset.scores(start, end, **self._options())
        config = self._config()
        return {**scores, **reading_scores(counts, config), **layer_skim_rates(counts, config)}


def _in_order(predictions: Any, labels: Any) -> tuple[Logits, TextCounts]:
    """Start and end logits in the order of the rows, [N, T] each, and how the rows were read."""
    (start, end), counts = predictions
    order = np.argsort(np.asarray(labels[-1]))
    return (np.asarray(start)[order], np.asarray(end)[order]), TextCounts.of(counts)
