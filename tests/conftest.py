"""Keeps tests off the network, and what they cache and copy out of the user's home."""

import os
import tempfile

# Before anything imports huggingface_hub, which reads the variables once. Removed when the process ends.
_HOME = tempfile.TemporaryDirectory(prefix="skim_hf-tests-")
os.environ["HF_HOME"] = _HOME.name
os.environ["HF_HUB_OFFLINE"] = "1"
