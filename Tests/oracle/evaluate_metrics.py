"""Makes Tests/Fixtures/evaluate/metrics.json: predictions, and what scikit-learn, SciPy and NumPy say of them.

    python Tests/oracle/evaluate_metrics.py     (needs scikit-learn, scipy, numpy)
"""

import json
import pathlib

import numpy as np
from scipy.stats import binomtest
from sklearn.calibration import calibration_curve
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, precision_recall_fscore_support

TARGET = pathlib.Path(__file__).parent.parent / "Fixtures" / "evaluate" / "metrics.json"
BINS = 15


def calibration_error(confidence, correct):
    """Guo et al. 2017, eq. 3, over the bins of sklearn's calibration_curve (which leaves empty ones out)."""
    shown, said = calibration_curve(correct, confidence, n_bins=BINS, strategy="uniform")
    edges = np.linspace(0, 1, BINS + 1)
    counts = np.bincount(np.searchsorted(edges[1:-1], confidence), minlength=BINS)
    filled = counts[counts > 0]
    return float(np.sum(filled * np.abs(shown - said)) / len(confidence)), shown, said, filled


def coverage(confidence, correct):
    """Threshold, share at or above it, accuracy of these, for every distinct confidence from the top."""
    points = []
    for threshold in np.unique(confidence)[::-1]:
        kept = confidence >= threshold
        points.append([float(threshold), float(kept.mean()), float(correct[kept].mean())])
    return points


def case(seed, rows, label_count, noise):
    rng = np.random.default_rng(seed)
    labels = [f"intent_{i:02d}" for i in range(label_count)]
    # The last label is never a truth, the one before never a prediction, and one is in neither.
    truth = rng.integers(0, label_count - 2, rows)
    wrong = rng.random(rows) < noise
    predicted = np.where(wrong, rng.integers(0, label_count, rows), truth)
    predicted[predicted == label_count - 2] = 0
    truth[:2] = label_count - 2
    predicted[truth == label_count - 2] = 1
    for hidden in [3]:
        truth[truth == hidden] = 4
        predicted[predicted == hidden] = 4
    confidence = np.clip(rng.beta(6, 1.3, rows), 0.02, 1).astype(np.float32)
    confidence[: rows // 10] = np.float32(0.5)  # ties
    confidence[rows // 10 : rows // 5] = rng.choice([1 / 3, 0.2, 0.6, 0.8, 1.0], rows // 5 - rows // 10)  # bin edges
    confidence64 = confidence.astype(np.float64)
    correct = truth == predicted

    precision, recall, f1, support = precision_recall_fscore_support(
        truth, predicted, labels=sorted(set(truth) | set(predicted)), zero_division=0)
    matrix = confusion_matrix(truth, predicted, labels=range(label_count))
    pairs = {
        f"{labels[i]}>{labels[j]}": int(matrix[i, j])
        for i in range(label_count) for j in range(label_count) if i != j and matrix[i, j]
    }
    interval = binomtest(int(correct.sum()), rows).proportion_ci(0.95, method="wilson")
    error, shown, said, filled = calibration_error(confidence64, correct)
    return {
        "labels": labels,
        "truth": truth.tolist(),
        "predicted": predicted.tolist(),
        "confidence": [float(c) for c in confidence],
        "accuracy": accuracy_score(truth, predicted),
        "wilson": [interval.low, interval.high],
        "macro_f1": f1_score(truth, predicted, average="macro", zero_division=0),
        "intents": [labels[i] for i in sorted(set(truth) | set(predicted))],
        "precision": precision.tolist(),
        "recall": recall.tolist(),
        "f1": f1.tolist(),
        "support": support.tolist(),
        "confusions": pairs,
        "calibration_error": error,
        "bin_accuracy": shown.tolist(),
        "bin_confidence": said.tolist(),
        "bin_count": filled.tolist(),
        "coverage": coverage(confidence64, correct),
    }


def main():
    cases = [case(1, 400, 12, 0.2), case(2, 150, 7, 0.6), case(3, 60, 7, 0.0)]
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(json.dumps(cases) + "\n")
    print([(c["accuracy"], c["macro_f1"], c["calibration_error"]) for c in cases])


main()
