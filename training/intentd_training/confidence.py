"""Temperature and abstention thresholds from fold models' predictions of messages that they did not see."""
from dataclasses import dataclass

import numpy as np

from . import calibration


@dataclass
class HeldOut:
    """One kind of fold model's predictions: of training rows by the fold that left them out, and of out-of-scope
    messages that no fold learnt from."""

    logits: np.ndarray
    """[rows, classes], raw."""
    label: np.ndarray
    fold: np.ndarray
    outside: np.ndarray
    """[folds, messages, classes], raw."""
    measures: np.ndarray
    """[rows, distance.MEASURES]."""
    outside_measures: np.ndarray

    @classmethod
    def load(cls, work, name: str) -> "HeldOut":
        student, near = work.load(f"student_{name}"), work.load(f"near_{name}")
        folds = near["outside"].shape[0]
        rows = np.flatnonzero(work.folds < folds)
        unseen = np.arange(1, near["outside"].shape[1], 2)
        return cls(student["logits"][rows].astype(np.float64), work.labels[rows], work.folds[rows],
                   near["outside"][:, unseen].astype(np.float64), student["measures"][rows],
                   near["outside_measures"][:, unseen])

    @property
    def right(self) -> np.ndarray:
        return self.logits.argmax(1) == self.label

    def cross_fitted(self) -> tuple[list[float], np.ndarray]:
        """For each fold the temperature fitted on the other folds, and every row's probabilities under the one that
        its own fold had no part in."""
        share, temperatures = np.zeros_like(self.logits), []
        for f in np.unique(self.fold):
            inside = self.fold == f
            temperatures.append(calibration.fit_confidence(self.logits[~inside], self.label[~inside]))
            share[inside] = calibration.softmax(self.logits[inside], temperatures[-1])
        return temperatures, share

    def separation(self, temperature: float) -> dict[str, float]:
        """Area under the curve of each score that could tell messages in scope from others."""
        flat = self.outside.reshape(-1, self.outside.shape[-1])
        measures = self.outside_measures.reshape(-1, self.outside_measures.shape[-1])
        pairs = {"confidence": (calibration.softmax(self.logits, temperature).max(1),
                                calibration.softmax(flat, temperature).max(1)),
                 "energy": (calibration.energy(self.logits), calibration.energy(flat)),
                 "cosine": (self.measures[:, 0], measures[:, 0]),
                 "mahalanobis": (self.measures[:, 1], measures[:, 1])}
        return {name: calibration.area_under_curve(*scores) for name, scores in pairs.items()}


@dataclass
class Thresholds:
    """What a prediction must reach to be given: calibrated confidence, and energy of the raw logits."""

    confidence: float
    energy: float

    @classmethod
    def choose(cls, held: HeldOut, temperature: float, table: dict) -> "Thresholds":
        """The energy that at most `energy_loss` of the held-out messages fall below, and the lowest confidence at
        which what passes both is right `accuracy` of the time; lower where that would keep less than `coverage`.
        Rounded down to hundredths, so that no more are lost."""
        energies = calibration.energy(held.logits)
        energy = np.floor(np.quantile(energies, table["energy_loss"]) * 100) / 100
        passing = energies >= energy
        confidences = calibration.softmax(held.logits, temperature).max(1)[passing]
        order = np.argsort(-confidences, kind="stable")
        reached = np.cumsum(held.right[passing][order]) / np.arange(1, len(order) + 1)
        good = np.flatnonzero(reached >= table["accuracy"])
        kept = max(good[-1] + 1 if len(good) else 0, int(np.ceil(table["coverage"] * len(energies))))
        last = confidences[order[min(kept, len(order)) - 1]]
        return cls(float(np.floor(last * 100) / 100), float(energy))

    def keeps(self, share: np.ndarray, logits: np.ndarray) -> np.ndarray:
        return (share.max(-1) >= self.confidence) & (calibration.energy(logits) >= self.energy)


def coverage_at(share: np.ndarray, right: np.ndarray, accuracy: float) -> float:
    """The largest share of messages, most confident first, that is right at least `accuracy` of the time."""
    order = np.argsort(-share.max(1), kind="stable")
    reached = np.cumsum(right[order]) / np.arange(1, len(right) + 1)
    good = np.flatnonzero(reached >= accuracy)
    return (good[-1] + 1) / len(right) if len(good) else 0.0


def of_folds(work, name: str, table: dict) -> tuple[dict, dict]:
    """`summary` of one kind of fold models, with its robustness."""
    settings, found = summary(HeldOut.load(work, name), table)
    found["robustness"] = robustness(work, name)
    return settings, found


def robustness(work, name: str) -> dict[str, float]:
    """Accuracy in % on held-out messages as they are, and under each of perturb.CONDITIONS."""
    size, near = len(work.robustness_rows), work.load(f"near_{name}")
    known = work.folds[work.robustness_rows] < near["outside"].shape[0]
    truth = work.labels[work.robustness_rows][known]
    score = lambda logits: float((logits[known].argmax(1) == truth).mean() * 100)
    found = {"messages": int(known.sum()),
             "unchanged": score(work.load(f"student_{name}")["logits"][work.robustness_rows])}
    return found | {condition: score(near["robustness"][i * size:(i + 1) * size])
                    for i, condition in enumerate(work.robustness)}


def summary(held: HeldOut, table: dict) -> tuple[dict, dict]:
    """intentd.json's calibration and abstention, and what they give on held-out messages.

    What is stored is fitted on all folds; what is reported of each fold uses a temperature and thresholds fitted on
    the others.
    """
    temperature = round(calibration.fit_confidence(held.logits, held.label), 3)
    choice = Thresholds.choose(held, temperature, table)
    fold_temperatures, share = held.cross_fitted()
    kept, outside_kept = np.zeros(len(held.label), bool), []
    for f, fold_temperature in zip(np.unique(held.fold), fold_temperatures):
        inside = held.fold == f
        rest = HeldOut(held.logits[~inside], held.label[~inside], held.fold[~inside], held.outside,
                       held.measures[~inside], held.outside_measures)
        found = Thresholds.choose(rest, fold_temperature, table)
        kept[inside] = found.keeps(share[inside], held.logits[inside])
        outside_kept.append(found.keeps(calibration.softmax(held.outside[f], fold_temperature), held.outside[f]))
    energy_lost = float((calibration.energy(held.logits) < choice.energy).mean())
    low, high = calibration.wilson(int(held.right.sum()), len(held.right))
    kept_low, kept_high = calibration.wilson(int(held.right[kept].sum()), int(kept.sum()))
    settings = {
        "calibration": {"temperature": temperature},
        "abstention": {"min_confidence": choice.confidence,
                       "out_of_scope": {"method": "energy", "threshold": choice.energy}}}
    found = {
        "rows": len(held.label), "accuracy": held.right.mean() * 100, "accuracy_95": [low * 100, high * 100],
        "fold_temperatures": fold_temperatures,
        "calibration_error": calibration.expected_calibration_error(share, held.label),
        "mean_confidence": share.max(1).mean() * 100, "coverage": kept.mean() * 100,
        "accuracy_kept": held.right[kept].mean() * 100, "accuracy_kept_95": [kept_low * 100, kept_high * 100],
        "coverage_at_95": coverage_at(share, held.right, 0.95) * 100, "lost_to_energy": energy_lost * 100,
        "outside_messages": held.outside.shape[1], "outside_abstained": 100 - np.mean(outside_kept) * 100,
        "separation": held.separation(temperature)}
    return settings, found
