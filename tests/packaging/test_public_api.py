"""The names that users import, and what importing them costs or needs."""

import sys
from types import ModuleType

import pytest

import skim_hf

PUBLIC_NAMES = [
    "SkimRNNConfig",
    "SkimRNNForQuestionAnswering",
    "SkimRNNForSequenceClassification",
    "SkimRNNForTokenClassification",
    "SkimRNNModel",
    "SkimRuntime",
    "SkimTrainer",
    "SkimTrainingArguments",
    "__version__",
]


def test_the_public_names_are_these():
    assert sorted(skim_hf.__all__) == sorted(PUBLIC_NAMES)
    assert set(PUBLIC_NAMES) <= set(dir(skim_hf))
    assert set(skim_hf._HOMES) == set(PUBLIC_NAMES) - {"__version__"}


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'SkimRNN'"):
        skim_hf.SkimRNN  # noqa: B018 - reading the attribute is the test
    assert not hasattr(skim_hf, "SkimRNN")


def test_the_import_alone_loads_nothing_heavy(run_python):
    loaded = run_python(
        """
        import sys, skim_hf
        dir(skim_hf), skim_hf.__version__
        from skim_hf import costs
        print([name for name in ("torch", "transformers", "numpy", "huggingface_hub") if name in sys.modules])
        """
    )
    assert loaded == "[]"


def test_importing_transformers_afterwards_does_not_load_torch_because_of_us(run_python):
    pytest.importorskip("transformers")
    loaded = run_python(
        """
        import sys, skim_hf, transformers
        print([name for name in sys.modules if name == "torch" or name.startswith("skim_hf.modeling")])
        """
    )
    assert loaded == "[]"


def test_every_public_name_loads_in_a_process_of_its_own(run_python):
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    loaded = run_python(
        """
        import skim_hf
        for name in skim_hf.__all__:
            value = getattr(skim_hf, name)
            assert vars(skim_hf)[name] is value, name
            print(getattr(value, "__name__", name))
        """
    )
    assert loaded.split() == skim_hf.__all__


@pytest.mark.parametrize("absent", ["torch", "transformers"])
def test_a_name_whose_extra_is_absent_says_which_extra(run_python, absent):
    pytest.importorskip("torch")
    message = run_python(
        f"""
        import sys
        sys.modules[{absent!r}] = None
        import skim_hf
        for name in ("SkimRNNModel", "SkimTrainer"):
            try:
                getattr(skim_hf, name)
            except ImportError as error:
                print(error)
            else:
                raise SystemExit(name + " was importable")
        """
    )
    for line in message.splitlines():
        assert f"{absent!r}, which is not installed" in line
        assert "pip install 'skim-hf[train]'" in line


@pytest.fixture
def broken_home(monkeypatch):
    """A public name whose module fails to import with a given error."""

    def plant(error):
        class Finder:
            @staticmethod
            def find_spec(fullname, path=None, target=None):
                if fullname == "skim_hf_broken_home":
                    raise error

        monkeypatch.setattr(sys, "meta_path", [Finder, *sys.meta_path])
        monkeypatch.setitem(skim_hf._HOMES, "Planted", "skim_hf_broken_home")

    return plant


@pytest.mark.parametrize(
    "error",
    [
        ImportError("cannot import name 'reader' from 'skim_hf.modeling'"),
        ModuleNotFoundError("No module named 'skim_hf.misspelt'", name="skim_hf.misspelt"),
        ModuleNotFoundError("No module named 'torch._C'", name="torch._C"),
        OSError("libtorch.so: file too short"),
    ],
    ids=["our own code", "our own module", "a broken dependency", "a broken library"],
)
def test_other_failures_are_passed_on_unchanged(broken_home, error):
    broken_home(error)
    with pytest.raises(type(error)) as caught:
        skim_hf.Planted  # noqa: B018 - reading the attribute is the test
    assert caught.value is error


def test_an_absent_package_is_named_and_stays_the_cause(broken_home):
    broken_home(ModuleNotFoundError("No module named 'evaluate'", name="evaluate"))
    with pytest.raises(ImportError, match=r"skim_hf\.Planted needs the package 'evaluate'") as caught:
        skim_hf.Planted  # noqa: B018 - reading the attribute is the test
    assert caught.value.name == "evaluate"
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


def test_a_loaded_name_is_kept(monkeypatch):
    home = ModuleType("skim_hf_planted_home")
    home.Planted = object()
    monkeypatch.setitem(sys.modules, home.__name__, home)
    monkeypatch.setitem(skim_hf._HOMES, "Planted", home.__name__)
    try:
        assert skim_hf.Planted is home.Planted
        assert vars(skim_hf)["Planted"] is home.Planted
    finally:
        vars(skim_hf).pop("Planted", None)
