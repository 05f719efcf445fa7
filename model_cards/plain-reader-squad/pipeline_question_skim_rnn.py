"""The pipeline that answers questions about texts, and tells how the texts were read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from transformers.pipelines.base import ChunkPipeline

from .answers_skim_rnn import WindowScores, character_ids, find_answers, window_bounds
from .inputs_skim_rnn import check_threshold
from .question_forms_skim_rnn import FORMS, as_questions, texts_of
from .readings_skim_rnn import how_read

_MODEL = "SkimRNNForQuestionAnswering"
_STRIDE = 128
_SURROGATES = re.compile("[\ud800-\udfff]")
_TRACED = ("decisions", "probabilities", "layer_skim_rates")
# What the model calls the same things of the question.
_ASKED = {"input_ids": "question_ids", "attention_mask": "question_mask", "char_ids": "question_char_ids"}


class SkimQuestionAnsweringPipeline(ChunkPipeline):
    """Finds answers in contexts, called as the `question-answering` pipeline of transformers 4 was.

    These are the same, and lists of them give lists of results (a list of one gives its result):

    - `answer(question="Who?", context="Ada did.")`; one of both may be a list, or both of one length
    - `answer("Who?", "Ada did.")`
    - `answer({"question": "Who?", "context": "Ada did."})`, also as `data=` or `X=`

    A generator or a dataset of such dictionaries gives an iterator. A result is a dictionary with `answer`,
    its place in the context, `start` and `end` in code points, and `score`: the probability of its first
    token times that of its last. Of a context without tokens it is empty with score 0; a question without
    tokens asks for nothing in particular.

    Arguments of the pipeline, or of a single call:

    - `top_k`: how many answers; with more than 1 a result is a list of them, the best first. There may be
      fewer.
    - `max_answer_len`: tokens that an answer has at most; that of the model's configuration if None.
    - `max_seq_len` and `doc_stride`: a longer context is read in windows of so many tokens, 400, which share
      so many with their neighbours, 128 or at most half of a window.
    - `max_question_len`: tokens after which a question is cut off; the whole is read if None.
    - `handle_impossible_answer`: whether there may be no answer, which is an empty one at 0. The model then
      reads an unknown word in front of every window, to say so by it; it has to have learnt that.
    - `null_threshold`: by how much the logits of no answer have to exceed those of the best answer, 0.
    - `threshold`: skim above this probability, in [0, 1]; 1 reads everything. The model's own if None.
    - `trace`: whether every result also tells how the context was read. `skim_rate` is the share of the
      reading decisions that were not a full read, `layer_skim_rates` the same for each reader: layer by
      layer, forwards before backwards. `words` has a dictionary for each token: `word`, `start`, `end`,
      `read` (by at least half of the readers), `p_skim` (the probability of not reading it, mean over the
      readers) and `decisions` (of each reader: 0 read, j the j-th way to skim). A token in two windows is
      told about as it was read in the one whose edge is farther away.

    Raises:
        ValueError: A model of another kind, a tokenizer without offsets, or an impossible argument.

    Example:
        >>> answer = pipeline("skim-question-answering", model=folder)  # doctest: +SKIP
        >>> answer(question="Who wrote it?", context="Ada wrote it in 1843.")  # doctest: +SKIP
        {'score': 0.91, 'start': 0, 'end': 3, 'answer': 'Ada'}
    """

    # The base knows no type for them but None.
    _load_processor: Any = False
    _load_image_processor: Any = False
    _load_feature_extractor: Any = False
    _load_tokenizer: Any = True

    def __init__(self, model: Any, tokenizer: Any = None, **kwargs: Any) -> None:
        check_parts(_MODEL, model, tokenizer)
        super().__init__(model=model, tokenizer=tokenizer, **kwargs)

    def check_model_type(self, supported_models: Any) -> None:
        """Nothing: the constructor has refused other models, and the list has only those of transformers."""

    def __call__(self, *inputs: Any, **options: Any) -> Any:  # type: ignore[override] # more forms
        """The answers to one question or several; see the class."""
        given_as = {name: options.pop(name) for name in FORMS if name in options}
        questions = as_questions(inputs, given_as)
        # transformers wants to look at the first.
        return [] if questions == [] else super().__call__(questions, **options)

    def _sanitize_parameters(  # type: ignore[override] # the base has no names for its arguments
        self,
        *,
        top_k: int | None = None,
        max_answer_len: int | None = None,
        max_seq_len: int | None = None,
        doc_stride: int | None = None,
        max_question_len: int | None = None,
        handle_impossible_answer: bool | None = None,
        null_threshold: float | None = None,
        threshold: float | None = None,
        trace: bool | None = None,
    ) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        windows = {"max_seq_len": max_seq_len, "doc_stride": doc_stride, "max_question_len": max_question_len}
        answers = {"top_k": top_k, "max_answer_len": max_answer_len}
        for name, value in {**windows, **answers}.items():
            _check_count(name, value)
        # A call overrides what the pipeline was made with only where it says something.
        null = given(handle_impossible_answer=handle_impossible_answer)
        reading = given(skim_threshold=None if threshold is None else check_threshold(threshold), trace=trace)
        return (
            {**given(**windows), **null},
            reading,
            {**given(**answers, null_threshold=null_threshold), **null},
        )

    def preprocess(  # type: ignore[override] # the base has no names for its arguments
        self,
        inputs: Any,
        max_seq_len: int = 400,
        doc_stride: int | None = None,
        max_question_len: int | None = None,
        handle_impossible_answer: bool = False,
    ) -> Iterator[dict[str, Any]]:
        """Cuts a context into windows, each as the model takes it, with its places in the context."""
        question, context = texts_of(inputs)
        asked = {name: rows[:max_question_len] for name, rows in self._encode(question).items()}
        asked = {_ASKED[name]: rows for name, rows in self._padded(asked, 0).items() if name in _ASKED}
        read, front = self._encode(context), int(handle_impossible_answer)
        size = max_seq_len - front
        stride = min(size // 2, _STRIDE) if doc_stride is None else doc_stride
        if not stride < size:
            raise ValueError(
                "Neighbouring windows must share fewer tokens than one has of the context; got "
                f"doc_stride={stride}, and max_seq_len={max_seq_len} leaves {size}."
            )
        bounds = window_bounds(len(read["input_ids"]), size, stride)
        for number, (first, stop) in enumerate(bounds):
            window = self._padded({name: rows[first:stop] for name, rows in read.items()}, front)
            kept = {"context": context, "bounds": (first, stop), "is_last": number == len(bounds) - 1}
            yield {**window, **asked, **kept}

    def _encode(self, text: str) -> dict[str, Tensor]:
        """What the model takes of the T tokens of a text, [T, ...] each, and their places, [T, 2]."""
        # Lone surrogates are no text for the tokenizer; one code point for one keeps the places.
        printable = _SURROGATES.sub("\N{REPLACEMENT CHARACTER}", text)
        tokenizer: Any = self.tokenizer
        found = tokenizer(printable, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        ids = torch.tensor(found["input_ids"], dtype=torch.int64)
        places = torch.tensor(found["offset_mapping"], dtype=torch.int64).reshape(-1, 2)
        encoded = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "offset_mapping": places}
        config: Any = self.model.config
        if config.char_vocab_size is not None:
            sizes = {"width": config.max_word_length, "rows": config.char_vocab_size}
            encoded["char_ids"] = character_ids(text, places, **sizes)
        return encoded

    def _padded(self, encoded: dict[str, Tensor], front: int) -> dict[str, Tensor]:
        """[1, T, ...] each, with the unknown words in front, and one of padding instead of none."""
        tokenizer: Any = self.tokenizer
        unknown = tokenizer.unk_token_id
        if front and unknown is None:
            raise ValueError(
                "handle_impossible_answer=True reads an unknown word in front of every window, and this "
                "tokenizer has none. Leave it out."
            )
        behind = int(front + len(encoded["input_ids"]) == 0)
        rows = {}
        for name, values in encoded.items():
            added = {
                "input_ids": (unknown or 0, tokenizer.pad_token_id or 0),
                "attention_mask": (1, 0),
            }
            null, padding = added.get(name, (0, 0))
            shape = values.shape[1:]
            parts = values.new_full((front, *shape), null), values, values.new_full((behind, *shape), padding)
            rows[name] = torch.cat(parts)[None]
        return rows

    def _forward(self, model_inputs: Any, trace: bool = False, **options: Any) -> Any:  # type: ignore[override]
        kept = {name: model_inputs.pop(name) for name in ("offset_mapping", "context", "bounds", "is_last")}
        output = self.model(**model_inputs, **options)
        # What a batch is taken apart by: the first entry has its size, and every one a row for each window.
        names = ("start_logits", "end_logits", *(_TRACED if trace else ()))
        return {**{name: output[name] for name in names}, **kept, "mask": model_inputs["attention_mask"]}

    def postprocess(  # type: ignore[override] # the base has no names for its arguments
        self,
        model_outputs: list[dict[str, Any]],
        top_k: int = 1,
        max_answer_len: int | None = None,
        handle_impossible_answer: bool = False,
        null_threshold: float = 0.0,
    ) -> Any:
        """The best answer, or several, out of what the model says about all windows of a context."""
        per_token = ("start_logits", "end_logits", "offset_mapping", "decisions", "probabilities")
        for window in model_outputs:
            is_real = window["mask"][0].bool()
            window.update({name: window[name][0][is_real] for name in per_token if name in window})
        found = find_answers(
            model_outputs[0]["context"],
            [
                WindowScores(w["start_logits"].double(), w["end_logits"].double(), w["offset_mapping"])
                for w in model_outputs
            ],
            max_length=max_answer_len or self.model.config.max_answer_length,
            count=top_k,
            null_answers=handle_impossible_answer,
            null_threshold=null_threshold,
        )
        if "decisions" in model_outputs[0]:
            trace = _trace(model_outputs, int(handle_impossible_answer))
            found = [{**answer, **trace} for answer in found]
        return found[0] if top_k == 1 else found


def check_parts(name: str, model: Any, tokenizer: Any) -> None:
    """Refuses a model of another class, and a tokenizer that does not know where its tokens are.

    Args:
        name: Of the class, which may come from the code of a folder.
        model: An object of it, or of a subclass.
        tokenizer: A fast one.

    Raises:
        ValueError: Says what was expected.
    """
    if name not in (cls.__name__ for cls in type(model).__mro__):
        raise ValueError(f"Expected a {name}, which tells how it reads; got {type(model).__name__}.")
    if not getattr(tokenizer, "is_fast", False):
        raise ValueError(
            "Expected a fast tokenizer, which knows where its tokens are in the text; "
            f"got {type(tokenizer).__name__}."
        )


def _trace(windows: list[dict[str, Any]], front: int) -> dict[str, Any]:
    """How the windows of a context were read.

    Args:
        windows: `layer_skim_rates` [1, R], and per real token `offset_mapping`, `decisions` and
            `probabilities`.
        front: Tokens in front of each window that are not of the context.
    """
    counts = torch.tensor([len(window["decisions"]) for window in windows], dtype=torch.float64)
    rates = torch.cat([window["layer_skim_rates"].double() for window in windows])
    by_reader = (counts @ rates / counts.sum().clamp(min=1)).tolist()
    bounds = [window["bounds"] for window in windows]
    # Neighbours meet in the middle of what they share.
    cuts = [0, *((below[1] + above[0]) // 2 for below, above in pairwise(bounds)), bounds[-1][1]]
    words: list[dict[str, Any]] = []
    for window, (first, _), (begin, stop) in zip(windows, bounds, pairwise(cuts), strict=True):
        own = slice(front + begin - first, front + stop - first)
        text, decisions = window["context"], window["decisions"][own]
        is_read, p_skim = how_read(decisions, window["probabilities"][own])
        words += [
            {
                "word": text[start:end],
                "start": start,
                "end": end,
                "read": read,
                "p_skim": p,
                "decisions": made,
            }
            for (start, end), read, p, made in zip(
                window["offset_mapping"][own].tolist(),
                is_read.tolist(),
                p_skim.tolist(),
                decisions.tolist(),
                strict=True,
            )
        ]
    return {"skim_rate": sum(by_reader) / len(by_reader), "layer_skim_rates": by_reader, "words": words}


def _check_count(name: str, value: Any) -> None:
    lowest = 0 if name == "doc_stride" else 1
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < lowest):
        raise ValueError(f"{name} must be a whole number of at least {lowest}; got {value!r}.")


def given(**settings: Any) -> dict[str, Any]:
    """Those that are not None."""
    return {name: value for name, value in settings.items() if value is not None}
