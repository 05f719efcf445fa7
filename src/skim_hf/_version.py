"""The version, said once: packaging, the package and the citation file are checked against it."""

__version__ = "0.1.0.dev0"
