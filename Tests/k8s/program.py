"""The program under test and its model, as fixtures for the folders that run it."""

from __future__ import annotations

import os
import pathlib

import pytest


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
