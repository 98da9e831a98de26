"""Where things are, and messages to score."""

from __future__ import annotations

import itertools
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]

PRODUCTS = ("card", "transfer", "account", "PIN", "top-up", "cash withdrawal", "exchange rate", "refund", "statement")
PROBLEMS = ("has not arrived", "was declined twice", "is wrong", "was charged a fee", "is missing", "n'a pas marché",
            "is pending since Tuesday", "got stuck — why?", "\"failed\", it says", "is too high: 5 € {sic}")
OPENINGS = ("My", "Hello, the", "Why is it that my", "Please help:   your", "I think the")


def messages(count: int) -> list[str]:
    """Messages that look like customers' and are none: no text of a data set is here."""
    made = (f"{opening} {product} {problem} ({number})" for number, (opening, product, problem)
            in enumerate(itertools.cycle(itertools.product(OPENINGS, PRODUCTS, PROBLEMS))))
    return list(itertools.islice(made, count))
