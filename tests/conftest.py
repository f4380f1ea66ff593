"""What every test shares."""

from __future__ import annotations

import os

# LocalProvider runs kernels without isolation; the tests' own code is all that runs in them.
os.environ.setdefault("LABORA_TESTING_UNISOLATED", "1")
