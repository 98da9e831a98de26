"""Two models on the same messages, or two recipes with several seeds each: is one better?"""
from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest


@dataclass
class Paired:
    """`first` and `second`: messages that only that model has right, of `count`."""

    first: int
    second: int
    count: int

    @classmethod
    def of(cls, first_right: np.ndarray, second_right: np.ndarray) -> "Paired":
        return cls(int((first_right & ~second_right).sum()), int((second_right & ~first_right).sum()),
                   len(first_right))

    @property
    def difference(self) -> float:
        """Accuracy of the first minus the second's, in points."""
        return (self.first - self.second) / self.count * 100

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the difference of two paired shares (Wald, Agresti & Min 2005, half a message added to
        each discordant cell)."""
        b, c, n = self.first + 0.5, self.second + 0.5, self.count + 2
        half = 1.96 * (b + c - (b - c) ** 2 / n) ** 0.5 / n
        return ((b - c) / n - half) * 100, ((b - c) / n + half) * 100

    @property
    def p_value(self) -> float:
        """Exact McNemar test."""
        return float(binomtest(self.first, self.first + self.second).pvalue) if self.first + self.second else 1.0

    def __str__(self) -> str:
        low, high = self.interval
        return (f"{self.difference:+.2f} ({low:+.2f} to {high:+.2f}), right alone {self.first} and {self.second}, "
                f"p = {self.p_value:.3g}")


@dataclass
class OverSeeds:
    """The mean over seeds of one recipe's accuracy minus another's, in points, with its 95 % interval.

    Seeds share their messages, so it is each message's mean difference that is one observation.
    """

    difference: float
    interval: tuple[float, float]

    @classmethod
    def of(cls, first_right: np.ndarray, second_right: np.ndarray) -> "OverSeeds":
        """From [seeds, messages] of both."""
        each = (first_right.astype(float) - second_right).mean(0) * 100
        half = 1.96 * each.std(ddof=1) / len(each) ** 0.5
        return cls(float(each.mean()), (float(each.mean() - half), float(each.mean() + half)))
