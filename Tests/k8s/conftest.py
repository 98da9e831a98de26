"""Lets the tests import their helpers whatever folder pytest is started in, and shares the contract."""

import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "batch")]

import contract as contract_module  # noqa: E402


@pytest.fixture(scope="session")
def contract() -> contract_module.Contract:
    return contract_module.read()
