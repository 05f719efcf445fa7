"""The classifier that users call: from strings to labels, without torch."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

from skim_hf.runtime.answering import AnsweringModel
from skim_hf.runtime.backends import Backend, wanted_backend
from skim_hf.runtime.batches import LARGEST_BLOCK, batches, blocks, check_iterable, check_texts, with_progress
from skim_hf.runtime.calibration import calibrate
from skim_hf.runtime.config_fields import check_threshold
from skim_hf.runtime.folder import ModelFolder
from skim_hf.runtime.frame_stream import FrameSession, FrameTokenSession
from skim_hf.runtime.loading import SavedModel, load_model
from skim_hf.runtime.options import RuntimeOptions, check_budget, check_calibration, check_count
from skim_hf.runtime.parity import ParityReport, compare
from skim_hf.runtime.sequence import SequenceHead
from skim_hf.runtime.stream import SequenceSession, StreamSession
from skim_hf.runtime.stream_tokens import TokenSession
from skim_hf.runtime.tokens import TokenHead
from skim_hf.runtime.trace import ReadingTrace, trace_reading

_TEXT_SESSIONS = (SequenceSession, TokenSession)


class SkimRuntime(AnsweringModel):
    """Runs a saved Skim-RNN without torch: labels texts or their tokens, or answers questions.

    A model of continuous features (`vocab_size` null) reads sequences of frames instead, arrays of
    [frames, input_size]: wherever a text is expected one array stands for one, and a list of arrays, or an
    array of three dimensions, for several.

    Objects can be called from several threads at once, survive `fork`, and can be pickled: the pickle
    holds configuration, weights, tokenizer and settings, or, of `by_path()`, the folder's path and the
    settings. Tables and threads are made anew where it is loaded.

    What calls return depends on the saved model, which no type can say: a text gives a `Prediction`, or a
    list of `Entity` where every token gets a label. A model that answers questions gives no labels: it has
    `answer`, `read_question` and `trace_answer`, which no other model has.

    Args:
        model: Configuration, weights and tokenizer.
        options: How to run it; None for the defaults and the configuration's threshold.
        backend: An engine for these, if there is one already.
        folder: Where the model was loaded from.

    Raises:
        ImportError: The native engine was asked for and is not there.
        ValueError: The engine cannot run the model, or jump settings are given for one that does not jump.

    Example:
        >>> clf = SkimRuntime.from_pretrained(model_folder)  # doctest: +SKIP
        >>> clf("A good movie.")  # doctest: +SKIP
        {'label': 'positive', 'score': 0.98}
    """

    def __init__(
        self,
        model: SavedModel,
        options: RuntimeOptions | None = None,
        *,
        backend: Backend | None = None,
        folder: Path | None = None,
    ) -> None:
        super().__init__(model, options, backend=backend, folder=folder)
        head = TokenHead if self.config.labels_tokens else SequenceHead
        self._head: Any = head(self.config, self.encoder, self._options.max_tokens)
        self._is_pickled_by_path = False

    @classmethod
    def from_pretrained(
        cls,
        source: str | os.PathLike[str],
        *,
        backend: str = "auto",
        dtype: str = "float32",
        threshold: float | None = None,
        budget: float | None = None,
        calibration_texts: Iterable[Any] | None = None,
        max_tokens: int | None = None,
        threads: int = 1,
        jump_every: int | None = None,
        jump_limit: int | None = None,
        parity_texts: Iterable[Any] | None = None,
        min_agreement: float = 0.995,
        max_probability_change: float | None = None,
        revision: str | None = None,
        subfolder: str = "",
    ) -> SkimRuntime:
        """Loads a saved model.

        A model on the Hub is fetched once; later the Hub is asked only what commit the revision is now, and
        nothing if the revision is a full commit hash or HF_HUB_OFFLINE=1. If the Hub does not answer, the
        cached model is loaded, with a warning in the log.

        Args:
            source: A folder with config.json, tokenizer.json (but for a model of features) and
                model.safetensors (or several such files and model.safetensors.index.json), or a Hub id.
            backend: `native` for the C kernels, `numpy`, or `auto`: what the environment variable
                SKIM_HF_BACKEND says, and else the kernels if they are there and can run the model.
            dtype: `float32`, or `int8` for recurrent weights and tables (native only).
            threshold: Skim above this probability, in [0, 1]: the dial between accuracy and speed.
                1 reads everything. None takes the model's own.
            budget: Instead of a threshold, the largest share of tokens to be read; see `calibrate`.
            calibration_texts: Some hundred texts that the budget is turned into a threshold with.
            max_tokens: Read only the first so many tokens of a text; None reads all.
            threads: How many texts to read at the same time. Results do not depend on it.
            jump_every: For a model that jumps, how many tokens it reads before each decision to jump; None
                for the model's own.
            jump_limit: For a model that jumps, how often it may; None for the model's own.
            parity_texts: Texts to compare with the same model in float32; see `parity`.
            min_agreement: Share of their labels that must be equal.
            max_probability_change: How far their probabilities may differ; None for any distance.
            revision: Branch, tag or commit on the Hub; folders have none and ignore it.
            subfolder: Where the model lies in the folder or repository, such as `"checkpoint-2"`.

        Raises:
            FileNotFoundError: No such model, or a missing file.
            OSError: The cache of the Hub cannot be written to.
            ImportError: The C kernels were asked for and are not built.
            ValueError: A damaged or foreign file, an impossible setting or combination of them, a
                budget that cannot be kept, or more difference to float32 than allowed.
        """
        check_calibration(budget, threshold, calibration_texts)
        budget = None if budget is None else check_budget(budget)
        # What can be wrong with the settings is said before anything is loaded.
        options = RuntimeOptions(
            check_threshold(0.0 if threshold is None else threshold),
            backend,
            dtype,
            max_tokens,
            threads,
            jump_every,
            jump_limit,
        )
        wanted_backend(options)
        folder = ModelFolder.find(source, revision=revision, subfolder=subfolder)
        model = load_model(folder)
        if threshold is None:
            options = replace(options, threshold=model.config.skim_threshold)
        clf = cls(model, options, folder=folder.root.resolve())
        if budget is not None and calibration_texts is not None:
            clf = clf.with_threshold(clf.calibrate(calibration_texts, budget))
        if parity_texts is not None:
            clf.parity(parity_texts).check(min_agreement, max_probability_change)
        return clf

    def with_threshold(self, threshold: float) -> SkimRuntime:
        """The same model with another threshold, sharing weights and tables.

        Raises:
            ValueError: Not a number in [0, 1].
        """
        options = replace(self._options, threshold=check_threshold(threshold))
        twin = self._twin(options, self._backend.with_threshold(options.threshold))
        twin._is_pickled_by_path = self._is_pickled_by_path
        return twin

    def by_path(self) -> SkimRuntime:
        """The same runtime, whose pickle is small: it holds the path of the folder instead of the weights.

        For processes that see the same files, such as those of multiprocessing.

        Raises:
            ValueError: This runtime was not loaded from a folder.
        """
        if self._folder is None:
            raise ValueError(
                "Expected a runtime that was loaded from a folder with from_pretrained; this one came out of "
                "a pickle, which holds the weights themselves."
            )
        twin = self._twin(self._options, self._backend)
        twin._is_pickled_by_path = True
        return twin

    def _twin(self, options: RuntimeOptions, backend: Backend) -> SkimRuntime:
        return SkimRuntime(self._model, options, backend=backend, folder=self._folder)

    def __reduce__(self) -> tuple[object, ...]:
        """Pickles what was loaded; tables are made again, which is faster than carrying them."""
        if self._is_pickled_by_path:
            return _reload, (str(self._folder), self._options)
        return SkimRuntime, (self._model, self._options)

    def __call__(self, texts: Any) -> Any:
        """Classifies a text, or each of several.

        Args:
            texts: One text for one result, or several for a list of as many; an empty list gives an
                empty list, and an empty text the result for a text without words.

        Returns:
            A `Prediction` per text, or where every token gets a label a list of `Entity`: its tokens
            other than `O`, as a transformers pipeline without aggregation gives them.

        Raises:
            TypeError: Not text.
        """
        return self._each(texts, self._head.results)

    def predict(self, texts: Any) -> Any:
        """The best label of a text, or of each of several; a list of labels where every token gets one.

        Raises:
            TypeError: Not text.
        """
        return self._each(texts, self._head.best_labels)

    def predict_proba(self, texts: Any) -> Any:
        """Scores of all labels: probabilities, or the values of a regression.

        Args:
            texts: One text or several.

        Returns:
            [n, labels] float32, one row per text. Where every token gets a label: [T, labels] for one
            text, and a list of such for several.

        Raises:
            TypeError: Not text.
        """
        if self.encoder.is_one(texts):
            rows = self._head.probabilities([self._read([self.encoder.check(texts)])])
            return rows[0] if self.config.labels_tokens else rows
        self._check_labels()
        return self._head.probabilities(list(self._in_blocks(check_texts(texts, self.encoder), self._read)))

    def predict_iter(
        self, texts: Iterable[Any], *, batch_size: int = LARGEST_BLOCK, progress: bool = False
    ) -> Iterator[Any]:
        """Classifies texts one after the other as they come, also more than fit into memory.

        Args:
            texts: Any iterable; it is read at most a few batches ahead of the results.
            batch_size: Texts per task of a thread.
            progress: Whether to show a progress bar.

        Returns:
            A generator of what calling this runtime gives for each text, in their order.

        Raises:
            TypeError: Not an iterable of texts; for an item that is none, when it is reached.
            ValueError: An impossible batch size.
        """
        self._check_labels()
        if self.encoder.is_one(texts):
            raise TypeError(
                f"Expected an iterable of texts; got one {type(texts).__name__}. "
                "For a single text call the runtime."
            )
        check_iterable(texts, self.encoder)
        lists = batches(texts, check_count("batch_size", batch_size), self.encoder)
        found = self._workers.map(lambda texts: self._head.results(self._read(texts)), lists)
        results = (result for block in found for result in block)
        total = len(texts) if isinstance(texts, Sized) else None
        return with_progress(results, total) if progress else results

    def stream(self) -> StreamSession:
        """A session that reads one text while it arrives.

        Raises:
            ValueError: The model is bidirectional, answers questions, or its tokenizer needs the whole text.
        """
        self._check_labels()
        kinds = (FrameSession, FrameTokenSession) if self.config.reads_features else _TEXT_SESSIONS
        kind: Any = kinds[self.config.labels_tokens]
        session: StreamSession = kind(
            self.config,
            self.encoder,
            self._backend.engine,
            self._options.max_tokens,
            lambda: self._snapshot_settings,
        )
        return session

    def calibrate(self, texts: Any, budget: float) -> float:
        """Finds the threshold for a budget, by reading texts with several.

        Args:
            texts: Some hundred texts like those to be read later.
            budget: The largest share of tokens (of decisions, if there are several readers) that may be
                read in full, in [0, 1].

        Returns:
            The threshold that reads most of these texts within the budget, for `with_threshold`.

        Raises:
            TypeError: Not text.
            ValueError: The model reads everything or answers questions, there are no words, or no threshold
                keeps the budget.
        """
        self._check_budget()
        budget = check_budget(budget)
        ids = [self.encode(text) for text in check_texts(texts, self.encoder)]
        return calibrate(self.config, self._backend.engine, self._workers, ids, budget)

    def parity(self, texts: Any) -> ParityReport:
        """Compares this runtime with the same model in float32.

        Args:
            texts: At least one.

        Raises:
            TypeError: Not text.
            ValueError: No texts.
        """
        options = replace(self._options, dtype="float32", backend=self.backend)
        return compare(self, SkimRuntime(self._model, options), texts)

    def trace(self, text: Any) -> ReadingTrace:
        """Classifies a text and tells how every token of it was read.

        Raises:
            TypeError: Not text.
        """
        encoded = self.encoder.encode(text, self._options.max_tokens)
        engine = self._backend.engine
        reading = engine.read(encoded.ids)
        # Frames have no text: their trace is a list without a rendering.
        text = text if isinstance(text, str) else ""
        return trace_reading(self.config, text, encoded, reading, engine.final_scores(reading.logits))

    def _each(self, texts: Any, show: Any) -> Any:
        self._check_labels()
        if self.encoder.is_one(texts):
            return show(self._read([self.encoder.check(texts)]))[0]
        shown = self._in_blocks(check_texts(texts, self.encoder), lambda block: show(self._read(block)))
        return list(chain.from_iterable(shown))

    def _in_blocks(self, texts: list[Any], function: Callable[[list[Any]], Any]) -> Iterator[Any]:
        """A function of every block of the texts, by the threads."""
        return self._workers.map(function, blocks(texts, self._workers.threads))

    def _read(self, texts: Sequence[Any]) -> Sequence[Any]:
        rows: Sequence[Any] = self._head.read(self._backend.engine, texts)
        return rows


def _reload(folder: str, options: RuntimeOptions) -> SkimRuntime:
    found = ModelFolder(Path(folder))
    twin = SkimRuntime(load_model(found), options, folder=found.root)
    return twin.by_path()
