"""Pipelines that tell how a text was read, under tasks of their own beside those of transformers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from transformers import TextClassificationPipeline
from transformers.pipelines.base import pad_collate_fn

from .calibration_skim_rnn import check_calibration, check_dial, find_threshold
from .configuration_skim_rnn import SkimRNNConfig
from .inputs_skim_rnn import check_threshold
from .pipeline_question_skim_rnn import SkimQuestionAnsweringPipeline, check_parts, given
from .readings_skim_rnn import how_read

_TEXTS = ("text", "text_pair")
_CALIBRATION_BATCH = 32


class SkimTextClassificationPipeline(TextClassificationPipeline):
    """Labels texts as the `text-classification` pipeline does, and tells which words were read.

    Texts come in every form which that pipeline takes, and so do its arguments (`top_k`,
    `function_to_apply`, `batch_size`, those of the tokenizer). Every result has two more entries:

    - `skim_rate`: share of the reading decisions that were not a full read, tokens that a jump passed over
      included; of a selective model, the share of units that were not updated. 0.0 without tokens.
    - `words`: one dictionary for each token of the text, in its order. `word` is the token as it stands in
      the text (of one that the tokenizer added, its name), `start` and `end` its place in code points,
      `read` whether at least half of the readers (layers times directions) read it fully (of a selective
      model: updated a unit), `p_skim` the probability of not doing so (the share of units that were not
      updated; 1.0 where the token was passed over), averaged over the readers. For a pair of texts there is
      also `source`: `text` or `text_pair`, the one that `start` and `end` belong to; of a model that jumps
      `visited`, whether any reader looked at the token.

    With `top_k` a text has several results, and each carries the same trace.

    Arguments of the pipeline, or of a single call:

    - `threshold`: skim above this probability, in [0, 1]; 1 reads everything. The model's own if None.
    - `budget` and `calibration_texts`: instead, the largest share of tokens to be read, and texts that the
      threshold for it is found with, as `calibrate` does. The texts that are classified later may be read
      a little more or less.
    - `jump_every` and `jump_limit`: of a model that jumps, how many tokens it visits before each decision
      to jump, and how many jumps a text may take. The model's own if None.

    Raises:
        ValueError: A model of another kind, a tokenizer without offsets, or an impossible argument.

    Example:
        >>> read = pipeline("skim-text-classification", model=folder)  # doctest: +SKIP
        >>> [result] = read("A dull film.", threshold=0.3)  # doctest: +SKIP
        >>> [word["word"] for word in result["words"] if word["read"]]  # doctest: +SKIP
        ['dull']
    """

    def __init__(self, model: Any, tokenizer: Any = None, **kwargs: Any) -> None:
        check_parts("SkimRNNForSequenceClassification", model, tokenizer)
        # The base sets it after it has looked at the arguments, which may ask for a calibration.
        self._preprocess_params: dict[str, Any] = {}
        super().__init__(model=model, tokenizer=tokenizer, **kwargs)

    def check_model_type(self, supported_models: Any) -> None:
        """Nothing: the constructor has refused other models, and the list has only those of transformers."""

    def calibrate(
        self,
        texts: Any,
        budget: float,
        *,
        jump_every: int | None = None,
        jump_limit: int | None = None,
        **tokenizer_kwargs: Any,
    ) -> float:
        """Finds the threshold for a budget, by reading texts with several.

        Args:
            texts: Some hundred texts (or pairs) like those to be read later.
            budget: The largest share of tokens (of decisions, if there are several readers; of units that
                are updated, if the model is selective) that may be read in full, in [0, 1].
            jump_every: As later calls have it.
            jump_limit: As later calls have it.
            **tokenizer_kwargs: What later calls hand to the tokenizer, such as `truncation=True`.

        Returns:
            The threshold that reads most of these texts within the budget, for `threshold=`.

        Raises:
            ValueError: The model reads everything, there are no words, or no threshold keeps the budget.
        """
        check_calibration(None, budget, texts)
        check_dial(self.model.config.policy)
        texts = [texts] if isinstance(texts, (str, dict)) else texts
        options = {**self._preprocess_params, **tokenizer_kwargs}
        encoded = [self.preprocess(text, **options) for text in texts]
        batches = self._calibration_batches(encoded)
        jumps = given(jump_every=jump_every, jump_limit=jump_limit)
        return find_threshold(lambda threshold: self._share_read(batches, threshold, **jumps), budget)

    def _calibration_batches(self, encoded: list[Any]) -> list[dict[str, Any]]:
        encoded = sorted(encoded, key=lambda item: item["input_ids"].shape[1])
        collate = pad_collate_fn(self.tokenizer, None)
        starts = range(0, len(encoded), _CALIBRATION_BATCH)
        return [collate(encoded[start : start + _CALIBRATION_BATCH]) for start in starts]

    def _jumps(self) -> dict[str, Any]:
        """The jump settings that the pipeline was made with."""
        made_with = getattr(self, "_forward_params", {})
        return {name: made_with[name] for name in ("jump_every", "jump_limit") if name in made_with}

    def _share_read(self, batches: Iterable[dict[str, Any]], threshold: float, **jumps: Any) -> float:
        made, read, config = 0, 0.0, self.model.config
        for batch in batches:
            found = self.forward(batch, skim_threshold=threshold, **jumps)
            made += int(batch["attention_mask"].sum()) * config.num_readers
            if config.policy == "selective":
                # Whole units, so that no rounding passes a budget that is kept exactly.
                units = (found["probabilities"][..., 0].float() * config.hidden_size).round()
                read += float(units.double().sum()) / config.hidden_size
            else:
                read += int((found["decisions"] == 0).sum())
        if not made:
            raise ValueError(
                "Expected texts with words to calibrate on; got none. "
                "Pass some hundred that are like those to be read later."
            )
        return read / made

    def _sanitize_parameters(  # type: ignore[override] # the base takes these names for its tokenizer
        self,
        threshold: float | None = None,
        budget: float | None = None,
        calibration_texts: Iterable[Any] | None = None,
        jump_every: int | None = None,
        jump_limit: int | None = None,
        **kwargs: Any,
    ) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        preprocessing, forwarding, postprocessing = super()._sanitize_parameters(**kwargs)
        check_calibration(threshold, budget, calibration_texts)
        jumps = given(jump_every=jump_every, jump_limit=jump_limit)
        forwarding |= jumps
        if budget is not None:
            # Settings of the pipeline itself hold where a call has none.
            jumps = {**self._jumps(), **jumps}
            threshold = self.calibrate(calibration_texts, budget, **jumps, **preprocessing)
        if threshold is not None:
            forwarding["skim_threshold"] = check_threshold(threshold)
        return preprocessing, forwarding, postprocessing

    def preprocess(self, inputs: Any, **tokenizer_kwargs: Any) -> dict[str, Any]:  # type: ignore[override]
        """Splits a text, or a pair of texts, and keeps it together with the places of its tokens."""
        options = {**tokenizer_kwargs, "return_offsets_mapping": True, "return_attention_mask": True}
        encoded: Any = super().preprocess(inputs, **options)
        if encoded["input_ids"].shape[1] == 0 and self.tokenizer.pad_token_id is not None:
            # transformers cannot pad a text without tokens on the left: let it be one token of padding.
            encoded = super().preprocess(inputs, **{**options, "padding": "max_length", "max_length": 1})
        sources = [-1 if source is None else source for source in encoded.sequence_ids(0)]
        return {**encoded, "sources": torch.tensor([sources]), "texts": _texts_of(inputs)}

    def _forward(self, model_inputs: Any, **options: Any) -> Any:  # type: ignore[override]
        kept = {name: model_inputs.pop(name) for name in ("offset_mapping", "sources", "texts")}
        output = self.model(**model_inputs, **options)
        # What a batch is taken apart by: the first entry has its size, and every one a row for each text.
        results = {name: output[name] for name in ("logits", "decisions", "probabilities", "skim_rate")}
        return {**results, **kept, **{name: model_inputs[name] for name in ("input_ids", "attention_mask")}}

    def postprocess(self, model_outputs: Any, *args: Any, **kwargs: Any) -> Any:
        """The results of the `text-classification` pipeline, and how the text was read."""
        found = super().postprocess(model_outputs, *args, **kwargs)
        trace = {"skim_rate": model_outputs["skim_rate"].item(), "words": self._words(model_outputs)}
        return {**found, **trace} if isinstance(found, dict) else [{**entry, **trace} for entry in found]

    def _words(self, outputs: dict[str, Any]) -> list[dict[str, Any]]:
        is_real = outputs["attention_mask"][0].bool()

        def real(name: str) -> Tensor:
            return outputs[name][0][is_real]

        names = self.tokenizer.convert_ids_to_tokens(real("input_ids").tolist())
        is_read, p_skim = how_read(real("decisions"), real("probabilities"))
        visited = (real("decisions") >= 0).any(-1).tolist()
        texts, words = outputs["texts"], []
        for place, (name, source, (start, end), read, p) in enumerate(
            zip(
                names,
                real("sources").tolist(),
                real("offset_mapping").tolist(),
                is_read.tolist(),
                p_skim.tolist(),
                strict=True,
            )
        ):
            word = name if source < 0 else texts[source][start:end]
            entry = {"word": word, "start": start, "end": end, "read": read, "p_skim": p}
            entry |= {"visited": visited[place]} if self.model.config.jumps else {}
            words.append(entry if len(texts) == 1 or source < 0 else {**entry, "source": _TEXTS[source]})
        return words


def _texts_of(inputs: Any) -> tuple[str, ...]:
    """The text or the two texts of what `TextClassificationPipeline` takes."""
    if isinstance(inputs, dict):
        return tuple(inputs[name] for name in _TEXTS if inputs.get(name) is not None)
    return (inputs,) if isinstance(inputs, str) else tuple(inputs[0])


PIPELINES = (
    ("skim-question-answering", SkimQuestionAnsweringPipeline, "AutoModelForQuestionAnswering"),
    ("skim-text-classification", SkimTextClassificationPipeline, "AutoModelForSequenceClassification"),
)
"""Every task with its pipeline and the Auto class that loads its model."""


def add_custom_pipelines(config: SkimRNNConfig, auto_class: str) -> None:
    """Has a configuration say which pipelines the folder carries, so that `pipeline` finds them there.

    Args:
        config: Of the model that is saved; tasks that are none of ours it keeps.
        auto_class: Name of the Auto class that the model is saved for.
    """
    ours = {task for task, _, _ in PIPELINES}
    entries = {task: entry for task, entry in config.custom_pipelines.items() if task not in ours}
    for task, pipeline, auto in PIPELINES:
        if auto == auto_class:
            entries[task] = {
                "impl": f"{pipeline.__module__.rpartition('.')[2]}.{pipeline.__name__}",
                "pt": [auto],
                "type": "text",
            }
    config.custom_pipelines = entries
