"""The import hook on a small stand-in for transformers, and the real thing in fresh interpreters."""

import importlib
import importlib.util
import inspect
import re
import sys
import threading
import warnings

import pytest

from skim_hf import _registration

# A stand-in library with two auto modules, and with a module that imports them before it is done.
LIBRARY = {
    "fakelib/__init__.py": "",
    "fakelib/auto_config.py": "MAPPING = {}\n",
    "fakelib/auto_model.py": "from . import auto_config\nMAPPING = {}\n",
    "fakelib/layers.py": "from . import auto_model\nclass Layer: pass\n",
    "fakelib/other.py": "",
    "fakelib/flaky.py": "from . import auto_model\nraise RuntimeError('half-way')\n",
    "fakeours/__init__.py": """
calls = []
def register_config():
    from fakelib.auto_config import MAPPING
    MAPPING["skim_rnn"] = True
    calls.append("config")
def register_models():
    from fakelib.auto_model import MAPPING
    from .models import Model
    MAPPING["skim_rnn"] = Model
    calls.append("models")
""",
    "fakeours/models.py": "from fakelib.layers import Layer\nclass Model(Layer): pass\n",
}


@pytest.fixture
def library(tmp_path, monkeypatch):
    """Puts the stand-in in the place of transformers, and takes every trace of it away again."""
    for name, text in LIBRARY.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    others = [f for f in sys.meta_path if not isinstance(f, _registration._Finder)]
    monkeypatch.setattr(sys, "meta_path", others)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(_registration, "_MODELING", "fakeours")
    monkeypatch.setattr(_registration, "_WATCHED", re.compile(r"(fakelib|fakeours)(\.|$)"))
    registrars = {"fakelib.auto_config": "register_config", "fakelib.auto_model": "register_models"}
    monkeypatch.setattr(_registration, "_REGISTRARS", registrars)
    # The stand-in needs no torch, so that the hook is tested where torch is absent, too.
    monkeypatch.setattr(_registration, "find_spec", lambda name: "present")
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith(("fakelib", "fakeours"))]:
        del sys.modules[name]


def calls():
    module = sys.modules.get("fakeours")
    return module.calls if module else []


def hooks():
    return [finder for finder in sys.meta_path if isinstance(finder, _registration._Finder)]


def test_imported_afterwards(library):
    _registration.install()
    assert len(hooks()) == 1
    importlib.import_module("fakelib.other")
    assert calls() == []
    importlib.import_module("fakelib.auto_config")
    assert calls() == ["config"]
    importlib.import_module("fakelib.auto_model")
    assert calls() == ["config", "models"]
    assert hooks() == []


def test_imported_before(library):
    importlib.import_module("fakelib.auto_model")
    _registration.install()
    assert calls() == ["config", "models"]
    assert hooks() == []


@pytest.mark.parametrize("first", ["fakelib.layers", "fakeours.models", "fakelib.auto_model"])
def test_models_that_build_on_a_module_half_way_through_its_import(library, first):
    _registration.install()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        importlib.import_module(first)
    assert calls() == ["config", "models"]
    assert sys.modules["fakelib.auto_model"].MAPPING["skim_rnn"] is sys.modules["fakeours.models"].Model


def test_installing_twice_leaves_one_hook(library):
    _registration.install()
    _registration.install()
    assert len(hooks()) == 1
    importlib.import_module("fakelib.auto_model")
    assert calls() == ["config", "models"]
    _registration.install()
    assert hooks() == []


def test_asking_for_a_spec_imports_and_consumes_nothing(library):
    _registration.install()
    for _ in range(2):
        spec = importlib.util.find_spec("fakelib.auto_model")
        assert spec.origin == str(library / "fakelib" / "auto_model.py")
        assert "MAPPING" in spec.loader.get_source("fakelib.auto_model")
    assert "fakelib.auto_model" not in sys.modules
    assert importlib.util.find_spec("fakelib.absent") is None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert calls() == ["config", "models"]


def test_a_hooked_module_looks_like_any_other(library):
    _registration.install()
    module = importlib.import_module("fakelib.auto_model")
    plain = importlib.import_module("fakelib.other")
    assert type(module.__loader__) is type(module.__spec__.loader) is type(plain.__loader__)
    assert "MAPPING" in inspect.getsource(module)


def test_reloading(library):
    _registration.install()
    config = importlib.import_module("fakelib.auto_config")
    importlib.reload(config)
    importlib.reload(importlib.import_module("fakelib.auto_model"))
    assert calls() == ["config", "models"]
    assert hooks() == []


def test_a_failed_import_of_the_library_stays_its_own_failure(library):
    _registration.install()
    with pytest.raises(RuntimeError, match="half-way"):
        importlib.import_module("fakelib.flaky")
    assert calls() == []
    importlib.import_module("fakelib.other")
    assert calls() == ["config", "models"]


def test_our_failure_is_one_warning_and_not_the_library_s_failure(library):
    text = "def register_config(): raise TypeError('no such argument')\ndef register_models(): pass\n"
    (library / "fakeours" / "__init__.py").write_text(text, encoding="utf-8")
    _registration.install()
    with pytest.warns(RuntimeWarning, match="TypeError: no such argument") as caught:
        importlib.import_module("fakelib.auto_model")
    assert len(caught) == 1
    assert "pip install 'skim-hf[train]'" in str(caught[0].message)
    assert hooks() == []


def test_models_are_left_out_where_torch_is_absent(library, monkeypatch):
    monkeypatch.setattr(_registration, "find_spec", lambda name: None)
    _registration.install()
    importlib.import_module("fakelib.auto_model")
    assert calls() == ["config"]
    assert hooks() == []


def test_another_hook_of_the_same_kind(library, monkeypatch):
    class Curious:
        """Asks every other finder, as we do."""

        def find_spec(self, fullname, path=None, target=None):
            for finder in sys.meta_path:
                spec = None if finder is self else finder.find_spec(fullname, path, target)
                if spec is not None:
                    return spec
            return None

    monkeypatch.setattr(sys, "meta_path", [Curious(), *sys.meta_path])
    _registration.install()
    importlib.import_module("fakelib.auto_model")
    assert calls() == ["config", "models"]


def test_many_threads(library):
    for number in range(24):
        text = "from . import auto_model\n" if number % 3 == 0 else "import fakelib.layers\n"
        (library / "fakelib" / f"part{number}.py").write_text(text, encoding="utf-8")
    _registration.install()
    failures = []

    def load(number):
        try:
            importlib.import_module(f"fakelib.part{number}")
        except BaseException as error:
            failures.append(error)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        threads = [threading.Thread(target=load, args=(number,)) for number in range(24)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert failures == []
    # Registering twice is harmless and may happen; not registering may not.
    assert set(calls()) == {"config", "models"}
    importlib.import_module("fakelib.other")
    assert hooks() == []


@pytest.mark.parametrize(
    "imports",
    [
        "import skim_hf, transformers",
        "from transformers import AutoModel; import skim_hf",
        # A module of transformers that imports the auto modules and that our models build on.
        "import skim_hf; from transformers.modeling_layers import GradientCheckpointingLayer",
        "from skim_hf import SkimRNNModel",
        "from transformers import pipeline; import skim_hf",
        "import skim_hf; from transformers import TextClassificationPipeline",
    ],
)
def test_the_auto_classes_and_pipelines_know_us_in_every_import_order(run_python, imports):
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    printed = run_python(
        f"""
        {imports}
        import sys
        from transformers import AutoConfig, AutoModelForSequenceClassification
        config = AutoConfig.for_model("skim_rnn", vocab_size=7, hidden_size=5, skim_sizes=[2])
        print(type(AutoModelForSequenceClassification.from_config(config)).__name__)
        from transformers.pipelines import PIPELINE_REGISTRY
        print(PIPELINE_REGISTRY.check_task("skim-text-classification")[1]["impl"].__name__)
        print([finder for finder in sys.meta_path if type(finder).__module__.startswith("skim_hf")])
        """
    )
    assert printed.split() == ["SkimRNNForSequenceClassification", "SkimTextClassificationPipeline", "[]"]


def test_pipelines_that_fail_to_register_leave_the_models_registered(run_python):
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    printed = run_python(
        """
        import sys, warnings
        sys.modules["skim_hf.modeling.pipeline_skim_rnn"] = None
        import skim_hf
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            from transformers import AutoConfig, AutoModel, pipeline
        print([str(warning.message) for warning in caught if "skim_hf" in str(warning.message)])
        print(type(AutoModel.from_config(AutoConfig.for_model("skim_rnn", vocab_size=7))).__name__)
        """
    )
    message, model = printed.splitlines()
    assert "skim_hf could not register pipelines with transformers" in message
    assert model == "SkimRNNModel"
