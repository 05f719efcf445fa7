"""The results of bench_latency.py as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_BASE = "onnx_int8"


def table(results: dict[str, Any]) -> str:
    """All sections that were measured, one below the other."""
    machine = results["machine"]
    lines = [f"{machine['processor']}, one core, kernels: {results['instructions'] or 'none of ours'}"]
    for setting in results.get("tokens", {}).get("settings", ()):
        lines += ["", f"d = {setting['hidden_size']}, {setting['length']} tokens: microseconds per token"]
        lines += _rows(setting["contestants"], "us_per_token")
        lines += _absent(setting["missing"])
    if "texts" in results:
        texts = results["texts"]
        lines += ["", f"string to label, {texts['words_per_text']:.0f} words: microseconds"]
        lines += [*_rows(texts["contestants"], None), *_absent(texts["missing"])]
    for name in ("parity", "memory", "two_threads"):
        if name in results:
            lines += ["", name.replace("_", " "), *_plain(results[name])]
    if "start" in results:
        lines += ["", results["start"]["what"], *_plain(results["start"]["contestants"])]
        lines += _absent(results["start"]["missing"])
    return "\n".join(lines)


def _rows(contestants: dict[str, Any], key: str | None) -> Iterator[str]:
    yield f"  {'':<28}{'median':>10}{'p99':>10}{'faster than ' + _BASE:>24}"
    for name, found in contestants.items():
        times = found[key] if key else found
        ratio = found["times_faster_than"].get(_BASE)
        shown = "" if ratio is None else f"{ratio:.2f}x"
        accuracy = found.get("accuracy")
        score = "" if accuracy is None else f"   accuracy {accuracy:.1%}"
        rate = f"   {found['skim_rate']:.1%} skimmed" if "skim_rate" in found else ""
        yield f"  {name:<28}{times['median_us']:>10.2f}{times['p99_us']:>10.2f}{shown:>24}{score}{rate}"


def _absent(missing: dict[str, str]) -> Iterator[str]:
    for reason in dict.fromkeys(missing.values()):
        names = ", ".join(name for name in missing if missing[name] == reason)
        yield f"  (missing: {names}; {reason})"


def _plain(values: dict[str, Any]) -> Iterator[str]:
    for name, value in values.items():
        if isinstance(value, dict) and any(isinstance(part, dict) for part in value.values()):
            yield f"  {name}"
            yield from (f"  {line}" for line in _plain(value))
        elif isinstance(value, dict):
            yield f"  {name:<40}" + ", ".join(f"{key} {_short(part)}" for key, part in value.items())
        else:
            yield f"  {name:<40}{_short(value)}"


def _short(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(map(_short, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)
