"""Makes transformers' Auto classes and `pipeline` know our models, whichever package is imported first.

transformers has no plugin discovery, so somebody has to call `AutoConfig.register`. Doing that in
`import skim_hf` would import torch for users of the runtime, who have no use for it. Instead, a
small import hook waits until the modules that we register with are imported by somebody else.

The hook acts when the outermost import of a transformers module (or of our own modeling modules)
has finished, not when such a module has: at that moment some transformers module that our models
import themselves may be half-way through its own import.
"""

from __future__ import annotations

import importlib
import re
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any

_MODELING = "skim_hf.modeling"
_WATCHED = re.compile(r"(transformers|skim_hf\.modeling)(\.|$)")
# Module of transformers -> the function of our modeling package that registers with it.
_REGISTRARS = {
    "transformers.models.auto.configuration_auto": "register_config",
    "transformers.models.auto.modeling_auto": "register_models",
    "transformers.pipelines": "register_pipelines",
}


def install() -> None:
    """Registers with those modules that are imported already, and arranges it for the others.

    Calling it again is harmless.
    """
    pending = set(_REGISTRARS)
    _register(pending)
    if pending and not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder(pending))


def _register(pending: set[str], finished: str | None = None) -> None:
    """Registers with every pending module that is completely imported.

    Args:
        pending: Names of the modules that do not know us yet; those served are taken out.
        finished: A module whose code has just run to its end, though importlib still counts it as
            being imported.
    """
    # Sorted, the configuration goes first: models are registered under their configuration's class.
    for name in sorted(pending):
        if name == finished or _is_imported(name):
            # Taken out also when it fails, since it would fail, and warn, at every import after.
            pending.discard(name)
            _call_registrar(_REGISTRARS[name])


def _is_imported(name: str) -> bool:
    module = sys.modules.get(name)
    # importlib's own mark: true while some thread is still running the module's code.
    return module is not None and not getattr(module.__spec__, "_initializing", False)


def _call_registrar(function: str) -> None:
    try:
        # Without torch, transformers' Auto classes exist but no model can; its own error says so.
        if function == "register_config" or find_spec("torch") is not None:
            getattr(importlib.import_module(_MODELING), function)()
    except Exception as error:
        # The import under way is of transformers, possibly an old one that serves something
        # unrelated while skim_hf is here for its runtime only: report, and let it go on.
        version = getattr(sys.modules.get("transformers"), "__version__", "unknown")
        warnings.warn(
            f"skim_hf could not {function.replace('_', ' ')} with transformers {version}, so "
            f"AutoModel.from_pretrained or pipeline() will not know the model type 'skim_rnn'. "
            f"Cause: {type(error).__name__}: {error}. "
            f"The versions that work are installed by: pip install 'skim-hf[train]'",
            RuntimeWarning,
            stacklevel=2,
        )


class _Finder(MetaPathFinder):
    """Finds what the other finders find, and is told when an outermost import has finished."""

    def __init__(self, pending: set[str]) -> None:
        self._pending = pending
        # Per thread: an import in one thread says nothing about those in another.
        self._thread = threading.local()

    @contextmanager
    def _busy(self) -> Iterator[bool]:
        """Marks this thread as busy; gives whether it was so already."""
        was_busy = getattr(self._thread, "busy", False)
        self._thread.busy = True
        try:
            yield was_busy
        finally:
            self._thread.busy = was_busy

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not self._pending or not _WATCHED.match(fullname):
            return None
        # Busy here too: another hook of this kind would otherwise ask us, and we it, for ever.
        with self._busy() as was_busy:
            spec = None if was_busy else _find_with_others(self, fullname, path, target)
        if spec is not None and spec.loader is not None and hasattr(spec.loader, "exec_module"):
            spec.loader = _Loader(spec.loader, self._run)
        return spec

    def _run(self, loader: Loader, module: ModuleType) -> None:
        with self._busy() as was_busy:
            loader.exec_module(module)
            if not was_busy:
                _register(self._pending, finished=module.__name__)
        if not self._pending:
            # A new list, since another thread may be iterating over the present one: taking an
            # entry out under it would make that thread pass over the finder that comes next.
            sys.meta_path = [finder for finder in sys.meta_path if finder is not self]


def _find_with_others(
    asking: _Finder, fullname: str, path: Sequence[str] | None, target: ModuleType | None
) -> ModuleSpec | None:
    for finder in sys.meta_path:
        # Finders of the old protocol have no find_spec; importlib passes over them too.
        if finder is not asking and hasattr(finder, "find_spec"):
            spec = finder.find_spec(fullname, path, target)
            if spec is not None:
                return spec
    return None


class _Loader(Loader):
    """Stands in for a module's real loader until the module's code runs."""

    def __init__(self, loader: Loader, run: Callable[[Loader, ModuleType], None]) -> None:
        self._loader = loader
        self._run = run

    def __getattr__(self, name: str) -> Any:
        # Whoever only asked for the spec (source, resources, is_package) is answered as usual.
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        # From here on nothing shows that we were in between, not even to the module's own code.
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._run(self._loader, module)
