"""Oracles C2 and C3: the printed counts of Skip RNN and SA-RNN."""

import pytest

from skim_hf.costs import (
    ReaderShape,
    ReadingCounts,
    macs,
    model_macs_ratio,
    plain_rnn_flops,
    published_ratio,
    sa_rnn_flops,
    skip_rnn_flops,
)

# Updates per text, input width, cell, gate, and what is printed. The
# row of a GRU that skips at random half of the adding task (49.9 %, 9.25e5) is left out: its count is
# that of a gate, which it does not have.
SKIP_RNN = {
    "adding, LSTM": (50, 2, "lstm", False, "2.46e+06"),
    "adding, LSTM, 20 % at random": (40, 2, "lstm", False, "1.97e+06"),
    "adding, LSTM, 50 % at random": (25.05, 2, "lstm", False, "1.23e+06"),
    "adding, Skip LSTM": (40.55, 2, "lstm", True, "2.00e+06"),
    "adding, Skip LSTM with a budget": (26.95, 2, "lstm", True, "1.33e+06"),
    "adding, GRU": (50, 2, "gru", False, "1.85e+06"),
    "adding, GRU, 2 % at random": (49, 2, "gru", False, "1.81e+06"),
    "adding, Skip GRU": (48.95, 2, "gru", True, "1.81e+06"),
    "adding, Skip GRU with a budget": (25.35, 2, "gru", True, "9.40e+05"),
    "MNIST, LSTM": (784, 1, "lstm", False, "3.83e+07"),
    "MNIST, LSTM, 50 % at random": (392.03, 1, "lstm", False, "1.91e+07"),
    "MNIST, Skip LSTM": (379.38, 1, "lstm", True, "1.86e+07"),
    "MNIST, GRU": (784, 1, "gru", False, "2.87e+07"),
    "MNIST, GRU, 50 % at random": (391.86, 1, "gru", False, "1.44e+07"),
    "MNIST, Skip GRU": (392.62, 1, "gru", True, "1.44e+07"),
}


@pytest.mark.parametrize("row", SKIP_RNN)
def test_skip_rnn_as_printed(row):
    updates, width, cell, gate, printed = SKIP_RNN[row]
    assert f"{skip_rnn_flops(updates, width, 110, cell, has_gate=gate):.2e}" == printed


def test_the_gate_shows_in_the_printed_digits():
    assert f"{skip_rnn_flops(379.38, 1, 110, has_gate=False):.2e}" == "1.85e+07"


@pytest.mark.parametrize("cell", ["lstm", "gru", "tanh"])
@pytest.mark.parametrize("gate", [False, True])
def test_skip_rnn_counts_our_macs(cell, gate):
    shape = ReaderShape(cell, 5, 7, policy="skip", has_gate=gate)
    assert macs(shape, [4, 9]) == skip_rnn_flops(4, 5, 7, cell, has_gate=gate)


@pytest.mark.parametrize(
    ("tokens", "width", "hidden", "flops"),
    [(15, 77, 50, 569_250), (25, 1, 50, 378_750), (500, 2, 128, 49_728_000)],
    ids=["TwitterBuzz", "Yahoo", "adding"],
)
def test_the_plain_gru_of_sa_rnn_as_printed(tokens, width, hidden, flops):
    assert plain_rnn_flops(tokens, width, hidden) == flops


def test_sa_rnn_on_the_adding_task_as_printed():
    assert f"{sa_rnn_flops(500, 0.252, 2, 128):.2e}" == "3.75e+07"


def test_sa_rnn_by_hand():
    # T = 10, V = 5, H = 7: 3 * 7 * (2 * 12 - 1) = 483 per token, and a coordinator of 7 * (9 + 2).
    assert sa_rnn_flops(10, 0.0, 5, 7) == 10 * (483 + 77)
    assert sa_rnn_flops(10, 1.0, 5, 7) == 10 * 77
    assert sa_rnn_flops(10, 0.5, 5, 7, "lstm") == 10 * (0.5 * 644 + 77)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: skip_rnn_flops(-1, 2, 3), "updates must be at least 0, got -1"),
        (lambda: skip_rnn_flops(1, 2, 3, "rnn"), "cell_type must be one of lstm, gru, tanh"),
        (lambda: plain_rnn_flops(-1, 2, 3), "tokens must be at least 0"),
        (lambda: sa_rnn_flops(1, 25.2, 2, 3), "divide percentages by 100"),
        (lambda: sa_rnn_flops(1, 0.5, 0, 3), "input_size must be at least 1"),
    ],
)
def test_impossible_numbers_are_refused(call, says):
    with pytest.raises(ValueError, match=says):
        call()


MODEL = {
    "vocab_size": 11,
    "embedding_size": 5,
    "hidden_size": 7,
    "num_hidden_layers": 2,
    "bidirectional": False,
    "cell_type": "lstm",
    "skim_sizes": [],
    "small_input": "own_slice",
}
TWO_LAYERS = ReadingCounts([[4, 6], [4, 6]])


def test_the_published_ratio_of_a_skip_model_is_that_of_its_macs():
    config = {**MODEL, "policy": "skip"}
    assert published_ratio(config, TWO_LAYERS) == pytest.approx(
        model_macs_ratio(config, TWO_LAYERS), rel=1e-12
    )
    assert published_ratio(config, ReadingCounts([[0, 6], [0, 6]])) is None
    assert published_ratio(config, ReadingCounts([[0, 0], [0, 0]])) == 1.0


def test_the_published_ratio_of_a_selective_model_adds_layers_up():
    config = {**MODEL, "policy": "selective"}
    found = published_ratio(config, ReadingCounts([[4, 6], [9, 1]], units=[14, 35]))
    plain = plain_rnn_flops(10, 5, 7, "lstm") + plain_rnn_flops(10, 7, 7, "lstm")
    spent = sa_rnn_flops(10, 0.8, 5, 7, "lstm") + sa_rnn_flops(10, 0.5, 7, 7, "lstm")
    assert found == pytest.approx(plain / spent, rel=1e-12)
    with pytest.raises(ValueError, match="units that a selective reader updated"):
        published_ratio(config, TWO_LAYERS)


@pytest.mark.parametrize(
    "fields",
    [
        {"policy": "random"},
        {"policy": "periodic"},
        {"policy": "skip", "jump_size": 3},
        {"policy": "full", "num_hidden_layers": 0},
    ],
)
def test_what_no_paper_counts_has_no_published_ratio(fields):
    assert published_ratio({**MODEL, **fields}, TWO_LAYERS) is None
