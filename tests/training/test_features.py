from __future__ import annotations

import numpy as np
import pytest
import torch

from skim_hf import SkimTrainer
from skim_hf.training.data import carve_validation
from skim_hf.training.features import FeatureCollator, FeatureDataset
from skim_hf.training.sampling import text_lengths


@pytest.fixture
def rows():
    source = np.random.default_rng(3)
    lengths = [3, 0, 5, 1, 4, 2, 6]
    frames = [source.normal(size=(length, 2)).astype(np.float32) for length in lengths]
    return FeatureDataset(frames, [0, 1, 0, 1, 1, 0, 1], groups=list("aabbccc"))


def test_batches_are_padded_with_a_mask(rows):
    batch = FeatureCollator(2)([rows[0], rows[1], rows[3]])
    assert batch["inputs_embeds"].shape == (3, 3, 2)
    assert batch["inputs_embeds"].dtype == torch.float32
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [0, 0, 0], [1, 0, 0]]
    assert torch.equal(batch["inputs_embeds"][0], torch.from_numpy(rows.sequences[0]))
    assert not batch["inputs_embeds"][2, 1:].any()
    assert batch["labels"].tolist() == [0, 1, 1]


def test_a_batch_of_empty_sequences_is_one_padded_step():
    batch = FeatureCollator(4)([{"inputs_embeds": np.zeros((0, 4))}] * 2)
    assert batch["inputs_embeds"].shape == (2, 1, 4)
    assert batch["attention_mask"].tolist() == [[0], [0]]
    assert "labels" not in batch


@pytest.mark.parametrize("shape", [(3,), (3, 5), (3, 4, 1)])
def test_frames_of_another_width_are_refused(shape):
    with pytest.raises(ValueError, match=r"\[T, 4\]; got "):
        FeatureCollator(4)([{"inputs_embeds": np.zeros(shape)}])


def test_rows_are_chosen_with_their_labels_and_groups(rows):
    few = rows.select(np.array([4, 0]))
    assert (few.labels, few.groups) == ([1, 0], ["c", "a"])
    assert np.array_equal(few.sequences[0], rows.sequences[4])
    longer = rows.map(lambda frames: np.concatenate([frames, frames]))
    assert text_lengths(longer) == [2 * length for length in text_lengths(rows)]
    with pytest.raises(ValueError, match="as many labels as sequences, 7; got 2"):
        FeatureDataset(rows.sequences, [0, 1])


def test_whole_groups_are_set_aside(rows):
    held_groups = set()
    for seed in range(9):
        rest, held = carve_validation(rows, share=0.2, seed=seed, groups=rows.groups)
        assert not set(rest.groups) & set(held.groups)
        assert len(rest) + len(held) == len(rows)
        assert len(set(held.groups)) == 1
        held_groups |= set(held.groups)
    assert held_groups == set("abc")
    _, most = carve_validation(rows, share=0.9, seed=0, groups=rows.groups)
    assert len(set(most.groups)) == 2
    with pytest.raises(ValueError, match="at least two; got 1"):
        carve_validation(rows, groups=["a"] * 7)


def test_the_trainer_takes_features(make_model, make_args, rows):
    model = make_model(vocab_size=None, input_size=2, pad_token_id=None)
    trainer = SkimTrainer(
        model, make_args(max_steps=3), train_dataset=rows, eval_dataset=rows, data_collator=FeatureCollator(2)
    )
    before = model.classifier.weight.clone()
    trainer.train()
    assert not torch.equal(before, model.classifier.weight)
    logits, counts = trainer.predict(rows).predictions
    assert logits.shape == (7, 2)
    assert counts.sum(-1)[:, 0].tolist() == text_lengths(rows)
