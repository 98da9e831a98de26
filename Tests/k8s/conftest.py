"""Fixtures of the folder; pytest.ini puts their modules on the path."""

import pytest

import contract as contract_module
from program import intentd, models  # noqa: F401


@pytest.fixture(scope="session")
def contract() -> contract_module.Contract:
    return contract_module.read()
