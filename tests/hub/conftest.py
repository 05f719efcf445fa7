"""A Hub for tests, and real clients of it in child processes.

`hub` is a running Hub with nothing in it (see `loopback.py`): `hub.endpoint`, `hub.token`,
`hub.repo_id("tiny")`, `hub.files(repo_id)`, `hub.head(repo_id)`, `hub.count("GET", "config.json")`,
`hub.forget()`, `hub.fail(at=3, status=None)`, `hub.heal()`, `hub.put(repo_id, {"a.txt": b"a"})`,
`hub.repos[repo_id].private = True`. `hub.api` is the real client for this process.

`run_client(code, *args)` runs Python code in a child process whose Hub is `hub`. The code finds its
arguments, anything that JSON can carry, in `args`, and gives its result, the same, to `report(value)`; that
is what `run_client` returns. A child that needs torch and transformers takes seconds to start, so let one do
many things. By name: `offline=True` sets HF_HUB_OFFLINE; `home=` is its HF_HOME, one per test by default, so
that a second child finds what the first has cached; `package=False` makes skim_hf impossible to import;
`token=None` is an anonymous client; `environment={...}` adds variables; `succeeds=False` returns what a child
that has to fail wrote to stderr.

`make_folder(path, head=..., **fields)` saves a tiny model; `models` makes some that need no torch.
`no_waiting` lets this process's client repeat what failed without a pause. `hub_cache` makes this process a
client of `hub` with an empty cache, which is quicker than a child. `shared_hub` and `run_shared` are `hub`
and `run_client` for a whole module.

With `-m network`, SKIM_HF_TEST_TOKEN and SKIM_HF_TEST_NAMESPACE the same tests run against the real Hub;
those that use what it does not offer, such as faults or the log of requests, are skipped there.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub import constants, file_download, utils
from huggingface_hub.utils import close_session

import skim_hf

from ..runtime.conftest import ModelMaker
from .loopback import LoopbackHub
from .real_hub import RealHub
from .tiny import make_folder as make_tiny_folder

PLACES = ["loopback", pytest.param("real", marks=pytest.mark.network)]
PROXIES = {f"{scheme}_proxy" for scheme in ("http", "https", "all", "no")}

PRELUDE = """
import json, sys

def report(value):
    print("\\nREPORT" + json.dumps(value), flush=True)

args = json.loads(sys.argv[1])
"""

# Runs where this package may be installed too, so it is blocked and not merely left off the path.
BLOCK = """
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "skim_hf":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocked())
"""


def _open(place):
    if place == "loopback":
        return LoopbackHub()
    token, namespace = (os.environ.get(f"SKIM_HF_TEST_{name}") for name in ("TOKEN", "NAMESPACE"))
    if not token or not namespace:
        pytest.skip("SKIM_HF_TEST_TOKEN and SKIM_HF_TEST_NAMESPACE are not set")
    return RealHub(token, namespace)


def _serve(place):
    """Runs a Hub, with this process's client online and away from proxies if it is on the loopback."""
    with pytest.MonkeyPatch.context() as patch, _open(place).serve() as hub:
        patch.setattr(constants, "HF_HUB_OFFLINE", False)
        patch.setattr(constants, "HF_HUB_DISABLE_PROGRESS_BARS", True)
        if place == "loopback":
            for name in [name for name in os.environ if name.lower() in PROXIES]:
                patch.delenv(name)
        close_session()
        yield hub
        close_session()


def _client_of(hub, default_home):
    def run(
        code,
        *args,
        offline=False,
        home=None,
        package=True,
        token=hub.token,
        environment=None,
        succeeds=True,
    ):
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("HF_", "HUGGING", "PYTHONPATH", "TRANSFORMERS_"))
            and (isinstance(hub, RealHub) or name.lower() not in PROXIES)
        }
        home = Path(home or default_home)
        home.mkdir(parents=True, exist_ok=True)
        kept |= {
            "HF_HOME": str(home),
            "HF_ENDPOINT": hub.endpoint,
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "TRANSFORMERS_VERBOSITY": "error",
            "OMP_NUM_THREADS": "1",
        }
        kept |= {"HF_TOKEN": token} if token else {}
        kept |= {"HF_HUB_OFFLINE": "1"} if offline else {}
        kept |= {"HF_HUB_DISABLE_XET": "1"} if hub.lfs else {}
        kept |= {"PYTHONPATH": str(Path(skim_hf.__file__).parents[1])} if package else {}
        done = subprocess.run(
            [sys.executable, "-c", PRELUDE + ("" if package else BLOCK) + code, json.dumps(args)],
            env=kept | (environment or {}),
            cwd=home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
        )
        if not succeeds:
            assert done.returncode != 0, done.stdout
            return done.stderr
        assert done.returncode == 0, done.stderr
        _, _, reported = done.stdout.rpartition("\nREPORT")
        return json.loads(reported.splitlines()[0]) if reported else None

    return run


@pytest.fixture(params=PLACES)
def hub(request):
    yield from _serve(request.param)


@pytest.fixture(scope="module", params=PLACES)
def shared_hub(request):
    yield from _serve(request.param)


@pytest.fixture
def run_client(hub, tmp_path):
    return _client_of(hub, tmp_path / "home")


@pytest.fixture(scope="module")
def run_shared(shared_hub, tmp_path_factory):
    return _client_of(shared_hub, tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="session")
def make_folder():
    return make_tiny_folder


@pytest.fixture(scope="session")
def load_script():
    """Imports a file of `scripts/` by its name."""

    def load(name):
        path = Path(__file__).parents[2] / "scripts" / f"{name}.py"
        spec = importlib.util.spec_from_file_location(name, path)
        module = importlib.util.module_from_spec(spec)
        # Argument parsers look the annotations of their dataclasses up in the module.
        sys.modules[name] = module
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture
def no_waiting(monkeypatch):
    monkeypatch.setattr(utils._http, "time", type("Clock", (), {"sleep": staticmethod(lambda seconds: None)}))


@pytest.fixture
def models(tmp_path):
    return ModelMaker(tmp_path)


@pytest.fixture
def hub_cache(hub, no_waiting, monkeypatch, tmp_path):
    """The folder of the cache; the client has the Hub's token in HF_TOKEN."""
    settings = {
        "ENDPOINT": hub.endpoint,
        "HUGGINGFACE_CO_URL_TEMPLATE": hub.endpoint + "/{repo_id}/resolve/{revision}/{filename}",
        "HF_HUB_CACHE": str(tmp_path / "cache"),
        "HF_HUB_DISABLE_TELEMETRY": True,
    }
    for name, value in settings.items():
        monkeypatch.setattr(constants, name, value)
    monkeypatch.setattr(file_download, "time", utils._http.time)
    monkeypatch.setenv("HF_TOKEN", hub.token)
    return tmp_path / "cache"
