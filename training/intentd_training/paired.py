"""Two models on the same messages: is one better?"""
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
