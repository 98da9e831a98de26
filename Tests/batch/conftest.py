"""What the batch tests share: the program under test, and the scripts' folders on the path."""

from __future__ import annotations

import os
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "batch"), str(ROOT / "scripts"), str(pathlib.Path(__file__).parent)]


@pytest.fixture(scope="session")
def intentd() -> str:
    """The built program; `make test-operations` names it."""
    if not (path := os.environ.get("INTENTD")):
        pytest.skip("INTENTD names no program")
    assert os.access(path, os.X_OK), f"INTENTD={path} is no program"
    return path


@pytest.fixture(scope="session")
def models() -> str:
    """The model folder."""
    if not (path := os.environ.get("MODELS")):
        pytest.skip("MODELS names no model folder")
    assert (pathlib.Path(path) / "adapter" / "adapter_config.json").exists(), f"MODELS={path} holds no adapter"
    return path
