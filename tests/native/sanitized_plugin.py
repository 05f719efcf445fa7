"""A plugin of pytest that puts a module from another file in the place of the runtime's C extension."""

import importlib.util
import os
import sys

NAME = "skim_hf.native._runtime"
PATH = "SKIM_HF_TEST_EXTENSION"
"""The environment variable that says which file."""


def pytest_configure():
    """Loads it before anything imports the package."""
    if NAME in sys.modules:
        raise RuntimeError(f"{NAME} was imported before it could be replaced.")
    spec = importlib.util.spec_from_file_location(NAME, os.environ[PATH])
    module = importlib.util.module_from_spec(spec)
    sys.modules[NAME] = module
    spec.loader.exec_module(module)


def pytest_sessionfinish(session):
    """Fails if anything else was tested."""
    from skim_hf.native import _runtime
    from skim_hf.runtime import native

    for module in (_runtime, native._runtime, sys.modules[NAME]):
        if module.__file__ != os.environ[PATH]:
            session.exitstatus = 1
            raise RuntimeError(f"{module.__file__} was tested instead of {os.environ[PATH]}.")
