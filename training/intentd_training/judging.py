"""What fold models say of messages that they did not see."""
import numpy as np

from . import distance
from .messages import Pool
from .trainer import CLASSES, Stack, predict
from .workspace import Workspace


class Judge:
    """Judges the first `folds` folds' models: model `m` of a stack belongs to fold `m % folds`."""

    def __init__(self, work: Workspace, folds: int):
        self.work, self.folds = work, folds

    def accuracy(self, logits: np.ndarray) -> float:
        """Accuracy on the rows of the folds that are looked at."""
        seen = np.flatnonzero(self.work.folds < self.folds)
        return self.work.accuracy(logits[seen], seen)

    def judge(self, names: list[str], stack: Stack, pool: Pool, learnt: list[tuple], near: bool) -> None:
        """Saves each fold model's held-out logits and distances; with `near` also those of the perturbed held-out
        messages and of the out-of-scope ones. Models are name-major; `learnt` are the rows that each has learnt
        from and their labels."""
        work, folds = self.work, self.folds
        held = [work.held_rows(f) for f in range(folds)] * len(names)
        logits, features = predict(stack, pool, held, features=True)
        _, known = predict(stack, pool, [rows for rows, _ in learnt], features=True)
        spaces = [distance.ClassSpace.of(values, label) for values, (_, label) in zip(known, learnt)]
        for n, name in enumerate(names):
            out = np.zeros((work.count, CLASSES), np.float16)
            measures = np.zeros((work.count, len(distance.MEASURES)), np.float32)
            for f in range(folds):
                m = n * folds + f
                out[held[f]], measures[held[f]] = logits[m], spaces[m].measure(features[m])
            print(f"RESULT held out {name} {self.accuracy(out):.2f} folds "
                  f"{[round(work.accuracy(logits[n * folds + f], held[f]), 2) for f in range(folds)]}", flush=True)
            work.save(f"student_{name}", logits=out, measures=measures)
        if near:
            self.judge_near(names, stack, spaces)

    def judge_near(self, names: list[str], stack: Stack, spaces: list[distance.ClassSpace]) -> None:
        work, folds = self.work, self.folds
        size, fold_of = len(work.robustness_rows), work.folds[work.robustness_rows]
        total = len(work.robustness) * size
        texts = [t for c in work.robustness.values() for t in c] + work.outside
        rows = [np.concatenate([c * size + np.flatnonzero(fold_of == f) for c in range(len(work.robustness))]
                               + [np.arange(total, len(texts))]) for f in range(folds)] * len(names)
        logits, features = predict(stack, Pool.of(work.gemma_rows(texts)), rows, features=True)
        truth, reached = work.labels[work.robustness_rows], fold_of < folds
        for n, name in enumerate(names):
            perturbed = np.zeros((total, CLASSES), np.float16)
            outside, measures = [], []
            for f in range(folds):
                m = n * folds + f
                inside = rows[m] < total
                perturbed[rows[m][inside]] = logits[m][inside]
                outside.append(logits[m][~inside])
                measures.append(spaces[m].measure(features[m][~inside]))
            found = {c: round(float((perturbed[i * size:(i + 1) * size].argmax(1) == truth)[reached].mean() * 100), 2)
                     for i, c in enumerate(work.robustness)}
            print(f"RESULT robustness {name} {found}", flush=True)
            work.save(f"near_{name}", robustness=perturbed, outside=np.array(outside, np.float16),
                      outside_measures=np.array(measures, np.float32))
