"""What every test shares."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from labora.base.settings import RuntimeSettings

# LocalProvider runs kernels without isolation; the tests' own code is all that runs in them.
os.environ.setdefault("LABORA_TESTING_UNISOLATED", "1")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def images_dir() -> Path:
    """The real default image, made once for all tests and kept beside the checkout's environment."""
    from labora.host.image import prepare_image

    folder = ROOT / ".cache" / "images"
    prepare_image(folder, RuntimeSettings().image_packages, lambda progress: None)
    return folder


@pytest.fixture(scope="session")
def notebooks_dir() -> Path:
    """The folder of real notebooks, beside the checkout."""
    folder = Path(os.environ.get("LABORA_TEST_NOTEBOOKS", ROOT.parent / "shared" / "notebooks"))
    if not folder.is_dir():
        pytest.skip(f"no real notebooks at {folder.name}: set LABORA_TEST_NOTEBOOKS")
    return folder
