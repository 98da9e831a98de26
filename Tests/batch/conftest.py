"""What the batch tests share: the program under test, a file of messages, and the scripts' folder on the path."""

from __future__ import annotations

import itertools
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


PRODUCTS = ("card", "transfer", "account", "PIN", "top-up", "cash withdrawal", "exchange rate", "refund", "statement")
PROBLEMS = ("has not arrived", "was declined twice", "is wrong", "was charged a fee", "is missing", "n'a pas marché",
            "is pending since Tuesday", "got stuck — why?", "\"failed\", it says", "is too high: 5 € {sic}")
OPENINGS = ("My", "Hello, the", "Why is it that my", "Please help:   your", "I think the")


def messages(count: int) -> list[str]:
    """Messages that look like customers' and are none: no text of a data set is here."""
    made = (f"{opening} {product} {problem} ({number})" for number, (opening, product, problem)
            in enumerate(itertools.cycle(itertools.product(OPENINGS, PRODUCTS, PROBLEMS))))
    return list(itertools.islice(made, count))
