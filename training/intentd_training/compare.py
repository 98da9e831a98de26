"""Two recipes' students on the same held-out messages. `python -m intentd_training.compare --work W --results R A B`

A and B are names of `students` or `blends` (`hard12`, `written12_whole`, `mean_student_written12`): A less B, of the mean
adapters, and of the seeds where both were judged seed by seed. With several names each, `A1,A2 B1,B2`: the mean over the
pairs.
"""
import argparse

import numpy as np

from .calibration import fit_temperature, negative_log_likelihood
from .paired import OverSeeds, Paired
from .workspace import Workspace


class Held:
    """Held-out logits of the first `folds` folds' rows."""

    def __init__(self, work: Workspace, folds: int):
        self.work, self.rows = work, np.flatnonzero(work.folds < folds)
        self.label = work.labels[self.rows]

    def logits(self, name: str) -> np.ndarray:
        return self.work.load(f"student_{name}")["logits"][self.rows].astype(np.float64)

    def right(self, name: str) -> np.ndarray:
        return self.logits(name).argmax(1) == self.label

    def seeds(self, name: str) -> list[str]:
        return [n for n in (f"{name}_seed{i}" for i in range(9)) if self.work.has(f"student_{n}")]

    def describe(self, name: str) -> str:
        """Accuracy in %, and the log loss at the temperature that is best for these very messages."""
        logits = self.logits(name)
        temperature = fit_temperature(logits, self.label)
        loss = negative_log_likelihood(logits, self.label, temperature)
        return f"{name}: {self.right(name).mean() * 100:.2f}, log loss {loss:.3f} at temperature {temperature:.3f}"


def report(held: Held, first: list[str], second: list[str]) -> list[str]:
    """Lines that say how each does alone, how each pair compares, and the mean over pairs (and over seeds)."""
    lines = [held.describe(one) for name in first + second for one in [name, *held.seeds(name)]]
    pairs = [(a, b) for a, b in zip(first, second, strict=True)]
    lines += [f"{a} - {b}: {Paired.of(held.right(a), held.right(b))}" for a, b in pairs]
    if len(pairs) == 1:
        pairs = list(zip(held.seeds(first[0]), held.seeds(second[0])))
        lines += [f"{a} - {b}: {Paired.of(held.right(a), held.right(b))}" for a, b in pairs]
    if len(pairs) > 1:
        over = OverSeeds.of(*(np.stack([held.right(pair[i]) for pair in pairs]) for i in (0, 1)))
        lines.append(f"mean of {len(pairs)}: {over.difference:+.2f} ({over.interval[0]:+.2f} to {over.interval[1]:+.2f})")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", required=True)
    parser.add_argument("--results", required=True)
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("first")
    parser.add_argument("second")
    a = parser.parse_args()
    held = Held(Workspace(a.work, a.results), a.folds)
    print("\n".join(report(held, a.first.split(","), a.second.split(","))))


if __name__ == "__main__":
    main()
