"""Distances of pooled features to the classes that a student learnt: what abstention could use besides logits."""
from dataclasses import dataclass

import numpy as np

#: Columns of `ClassSpace.measure`; higher is nearer to what was learnt.
MEASURES = ("cosine", "mahalanobis")


@dataclass
class ClassSpace:
    """Class means [classes, hidden], and the shared within-class covariance's Cholesky factor."""

    means: np.ndarray
    factor: np.ndarray

    @classmethod
    def of(cls, features: np.ndarray, label: np.ndarray, shrinkage: float = 0.01) -> "ClassSpace":
        """From the learnt messages' features; classes without a message are left out."""
        values = features.astype(np.float64)
        present, place = np.unique(label, return_inverse=True)
        means = np.stack([values[place == k].mean(0) for k in range(len(present))])
        rest = values - means[place]
        spread = rest.T @ rest / len(values)
        spread += np.eye(len(spread)) * shrinkage * np.trace(spread) / len(spread)
        return cls(means, np.linalg.cholesky(spread))

    def measure(self, features: np.ndarray) -> np.ndarray:
        """[messages, 2]: the nearest class by cosine, and minus the nearest squared Mahalanobis distance (Lee et al.
        2018)."""
        values = features.astype(np.float64)
        unit = lambda x: x / np.linalg.norm(x, axis=1, keepdims=True).clip(1e-12)
        cosine = (unit(values) @ unit(self.means).T).max(1)
        whiten = lambda x: np.linalg.solve(self.factor, x.T).T
        a, b = whiten(values), whiten(self.means)
        squared = (a * a).sum(1)[:, None] - 2 * a @ b.T + (b * b).sum(1)[None]
        return np.stack([cosine, -squared.min(1)], 1)
