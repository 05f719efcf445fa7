"""Measuring needs the base install only."""

import subprocess
import sys

HEAVY = ["torch", "transformers", "datasets", "evaluate", "accelerate", "huggingface_hub"]


def test_measuring_a_model_loads_nothing_heavy(folder):
    code = (
        "import sys\n"
        "from skim_hf import SkimRuntime\n"
        "from skim_hf.results import ADAPTIVE, ModelResults, describe_example, evaluate, measure_latency\n"
        "clf = SkimRuntime.from_pretrained(sys.argv[1])\n"
        "evaluate(clf, ['a'], [0], thresholds=[0.1]), describe_example(clf, 'a')\n"
        "measure_latency({ADAPTIVE: clf}, ['a']), ModelResults.of(sys.argv[1]).check_weights(sys.argv[1])\n"
        f"found = set({HEAVY}) & set(sys.modules)\n"
        "assert not found, found\n"
    )
    subprocess.run([sys.executable, "-c", code, str(folder)], check=True)
