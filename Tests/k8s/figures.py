"""What was measured, read from the documents that state it: manifests must follow these figures."""

from __future__ import annotations

import dataclasses
import functools
import pathlib
import re

from manifests import amount

ROOT = pathlib.Path(__file__).resolve().parents[2]
CAPACITY = ROOT / "docs" / "operations" / "capacity.md"
README = ROOT / "README.md"
PRECISIONS = ("f32", "bf16", "int8", "nf4")


@dataclasses.dataclass(frozen=True)
class Memory:
    """One precision: peak resident bytes while serving and while an adapter is replaced, and the limit to set."""

    serving: int
    replacing: int
    limit: int
    start_seconds: float


def rows(text: str) -> list[list[str]]:
    """The cells of every line of a table."""
    return [[cell.strip() for cell in line.strip().strip("|").split("|")]
            for line in text.splitlines() if line.lstrip().startswith("|")]


@functools.cache
def memory() -> dict[str, Memory]:
    """The capacity guide's table of memory and start, by precision."""
    found = {}
    for cells in rows(CAPACITY.read_text()):
        name = cells[0].removesuffix(" (manifests)")
        if name in PRECISIONS and len(cells) == 5:
            found[name] = Memory(int(cells[1]) << 20, int(cells[2]) << 20, amount(cells[4]), float(cells[3]))
    assert set(found) == set(PRECISIONS), "the table of memory in docs/operations/capacity.md has moved"
    return found


def readme() -> dict[str, tuple[int, float]]:
    """The README's peak while serving (MiB) and seconds from start to ready, by precision."""
    tables = {cells[0]: cells[1:] for cells in rows(README.read_text()) if len(cells) == len(PRECISIONS) + 1}
    peaks, starts = tables["peak, MiB"], tables["start to ready, s"]
    return {name: (int(peak), float(start)) for name, peak, start in zip(tables["precision"], peaks, starts)}


def autoscaling() -> tuple[int, int]:
    """The CPU percentage and the waiting tokens a pod at which the capacity guide says that pods are added."""
    found = re.search(r"adds\s+pods\s+at\s+(\d+)\s+%\s+CPU\s+or\s+(\d+)\s+waiting\s+tokens", CAPACITY.read_text())
    assert found, "the autoscaler's figures in docs/operations/capacity.md have moved"
    return int(found[1]), int(found[2])
