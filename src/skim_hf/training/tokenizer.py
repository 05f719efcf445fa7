"""Word-level tokenizers with exact character offsets, built from a corpus.

What comes out is an ordinary fast tokenizer of transformers: `save_pretrained` writes it, `AutoTokenizer`
loads it without custom code, and `tokenizers` alone reads its `tokenizer.json`. How text is split is written
down in `docs/tokenizer.md` and, as code, in `runtime/splitting.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sized
from typing import TYPE_CHECKING

from huggingface_hub.utils.tqdm import tqdm
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

from .._optional import require
from ..runtime.splitting import APOSTROPHE, PATTERN

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

PAD_TOKEN = "[PAD]"
UNK_TOKEN = "[UNK]"
SPECIAL_TOKENS = (PAD_TOKEN, UNK_TOKEN)


def build_tokenizer(
    texts: Iterable[str],
    *,
    vocab_size: int = 30_000,
    min_frequency: int = 2,
    model_max_length: int | None = None,
    progress: bool = True,
) -> PreTrainedTokenizerFast:
    """Builds a lower-casing word-level tokenizer whose vocabulary is the most frequent words of a corpus.

    The same words with the same counts always give the same vocabulary: more frequent words get lower ids,
    and words of equal count are ordered by code point. `[PAD]` is 0 and `[UNK]` is 1; no token is added to
    a text, and an empty text has no tokens. The strings "[PAD]" and "[UNK]" in a text are text like any
    other, because the tokenizer is made (and saved) with `split_special_tokens=True`. Texts are padded on
    the right unless `padding_side` is set to "left".

    Args:
        texts: The corpus, one str per text; read once, so a generator will do.
        vocab_size: Upper bound on the number of entries, `[PAD]` and `[UNK]` included.
        min_frequency: Words that occur less often in the corpus are left out.
        model_max_length: Number of tokens that `truncation=True` cuts texts to. None for no limit.
        progress: Whether to show a progress bar.

    Returns:
        The tokenizer.

    Raises:
        TypeError: `texts` is a single str or a mapping, or one of its items is not a str.
        ValueError: There are no texts, no word is frequent enough, or a number is out of its range.
        ImportError: transformers is not installed.

    Example:
        >>> tokenizer = build_tokenizer(["A good film.", "Not a good film!"], progress=False)
        >>> tokenizer("a GOOD bad film", return_offsets_mapping=True)["offset_mapping"]
        [(0, 1), (2, 6), (7, 10), (11, 15)]
        >>> tokenizer.convert_ids_to_tokens(tokenizer("a GOOD bad film").input_ids)
        ['a', 'good', '[UNK]', 'film']
    """
    transformers = require("transformers", "train")
    _check_corpus(texts)
    _check_at_least("vocab_size", vocab_size, len(SPECIAL_TOKENS) + 1)
    _check_at_least("min_frequency", min_frequency, 1)
    if model_max_length is not None:
        _check_at_least("model_max_length", model_max_length, 1)
    backend = _train(texts, vocab_size, min_frequency, progress)
    limit = {} if model_max_length is None else {"model_max_length": model_max_length}
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token=PAD_TOKEN,
        unk_token=UNK_TOKEN,
        model_input_names=["input_ids", "attention_mask"],
        split_special_tokens=True,
        **limit,
    )


def _train(texts: Iterable[str], vocab_size: int, min_frequency: int, progress: bool) -> Tokenizer:
    """Counts the words of the texts and keeps the most frequent ones."""
    backend = Tokenizer(models.WordLevel(unk_token=UNK_TOKEN))
    backend.normalizer = normalizers.Sequence([normalizers.Lowercase(), normalizers.Replace(APOSTROPHE, "'")])
    # Inverted: the pattern describes the tokens, and whatever lies between them is removed.
    backend.pre_tokenizer = pre_tokenizers.Split(Regex(PATTERN), behavior="removed", invert=True)
    trainer = trainers.WordLevelTrainer(
        vocab_size=vocab_size,
        min_frequency=min_frequency,
        special_tokens=list(SPECIAL_TOKENS),
        show_progress=False,
    )
    total = len(texts) if isinstance(texts, Sized) else None
    bar = tqdm(_checked(texts), desc="Counting words", unit=" texts", total=total, disable=not progress)
    backend.train_from_iterator(bar, trainer)
    if backend.get_vocab_size() == len(SPECIAL_TOKENS):
        raise ValueError(
            f"the vocabulary would be empty: no word occurs {min_frequency} times or more in the texts; "
            "pass more text or a lower min_frequency"
        )
    return backend


def _checked(texts: Iterable[str]) -> Iterator[str]:
    """Passes the texts on; refuses what is not a text, and an empty corpus."""
    index = -1
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(
                f"every text must be a str, but item {index} of `texts` is {_kind(text)}; "
                "drop or convert such items, and pass one column of a data set rather than its rows"
            )
        yield text
    if index < 0:
        raise ValueError("a tokenizer needs at least one text to learn its words from, but `texts` is empty")


def _check_corpus(texts: object) -> None:
    """Refuses the single text and the mapping that iterate as something else than texts."""
    if isinstance(texts, str | bytes | Mapping) or not isinstance(texts, Iterable):
        raise TypeError(
            f"`texts` must be an iterable of str such as a list or a column of a data set, but it is "
            f"{_kind(texts)}; put a single text into a list"
        )


def _check_at_least(name: str, value: object, least: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name} must be an int, but it is {_kind(value)}")
    if value < least:
        raise ValueError(f"{name} must be at least {least}, but it is {value}")


def _kind(value: object) -> str:
    return "None" if value is None else f"of type {type(value).__name__}"
