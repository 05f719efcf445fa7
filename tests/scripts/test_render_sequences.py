"""The table of trained readers of features comes from their result files."""

import json

import pytest


@pytest.fixture
def render(script):
    return script("render_sequences")


@pytest.fixture
def folder(tmp_path):
    """A trained folder, as far as its figures go."""

    def make(name, test, agreement=None):
        files = {
            "results": {
                "training": {
                    "command": f"python scripts/run_sequence.py --output_dir {name}",
                    "seed": 3,
                    "machine": {"processor": "abacus"},
                    "recipe": {},
                }
            },
            "predict_results": {f"predict_{key}": value for key, value in test.items()},
            "train_results": {"train_runtime": 90.0},
            "config": {"policy": "skip"},
        }
        if agreement is not None:
            files["agreement"] = agreement
        place = tmp_path / name
        place.mkdir()
        for stem, value in files.items():
            (place / f"{stem}.json").write_text(json.dumps(value), encoding="utf-8")
        return place

    return make


def test_what_folders_hold_becomes_rows(render, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(render, "RESULTS", tmp_path / "kept.json")
    monkeypatch.setattr(render, "DOCUMENT", tmp_path / "page.md")
    render.DOCUMENT.write_text(f"before\n{render.START}\nold\n{render.END}\nafter\n", encoding="utf-8")
    compared = {"labels": 0, "decisions": 2, "of_decisions": 1234}
    agreement = {"sequences": 30}
    for backend in ("numpy", "native"):
        agreement |= {f"{backend}_to_torch": compared, f"{backend}_stream_to_whole": {"differing": 1}}
    adding = {"mse_over_variance": 0.00421, "solved": 1.0, "used": 0.537}
    first, second = folder("adding", adding), folder("speech", {"accuracy": 0.91, "used": 0.4}, agreement)
    render.main(["--take", str(first), str(second)])
    page = render.DOCUMENT.read_text(encoding="utf-8")
    assert page.startswith("before\n")
    assert page.endswith("after\n")
    assert "old" not in page
    assert "| adding | error 0.0042 of the variance: solved | 53.7% | 1.5 min | - |" in page
    assert "| speech | 91.0% accuracy | 40.0% | 1.5 min | 0 of 30 labels, 2 of 1,234 decisions and 1" in page
    assert "- adding, seed 3: `python scripts/run_sequence.py --output_dir adding`" in page
    # Another time only one is taken, and the other stays.
    (first / "predict_results.json").write_text(
        json.dumps({"predict_mse_over_variance": 0.5, "predict_solved": 0.0, "predict_used": 0.5})
    )
    render.main(["--take", str(first)])
    page = render.DOCUMENT.read_text(encoding="utf-8")
    assert "error 0.5000 of the variance: not solved" in page
    assert "| speech | 91.0% accuracy" in page


def test_the_document_is_rendered_from_the_committed_results(render):
    text = render.DOCUMENT.read_text(encoding="utf-8")
    assert render.render_document(text) == text
