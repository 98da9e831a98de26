"""Last stage, on a CPU: PEFT files, temperature and thresholds from fold models, a check on written messages.

    python -m intentd_training.finish --work W --results R --base models/base --models models --classes categories.json
        [--seed 0] [--only adapter]

R holds what train.sh and validate.sh wrote. The checking sets are ../data/held_out.tsv (labelled banking messages
written for this repository) and the second half of ../data/out_of_scope.txt (its first half was seen in training with
a uniform target).
"""
import argparse
import json
import sys
from pathlib import Path

import numpy as np
import torch

from . import calibration, confidence, merge, peft_files
from .base import from_folder
from .messages import Pool
from .prepare import read_lines
from .recipe import Recipe
from .tokenizers import GemmaTokenizer
from .trainer import Stack, StackShape, predict
from .workspace import Workspace

HERE = Path(__file__).resolve().parents[1]


def chosen_values(keep: Path, layers: int, rank: int, student: str, seed: int | None) -> torch.Tensor:
    """One adapter's values [size]: the mean of the student's seeds' weight changes, or one seed's."""
    models = torch.load(keep / f"all_student_{student}.pt").float()
    return models[seed] if seed is not None else merge.mean_adapter(peft_files.bank_of(layers, rank), models, rank)[0]


def logits_of(folder: Path, base_folder: str, texts: list[str]) -> np.ndarray:
    """Float32 logits of the written adapter."""
    ids = GemmaTokenizer(str(Path(base_folder) / "tokenizer.model"))(texts)
    used = np.unique(np.concatenate([[0, 1, 2, 3], *ids])).astype(np.int64)
    base = from_folder(base_folder, used)
    bank, layers = peft_files.read(folder)
    shape = StackShape(layers=layers, device="cpu", compiled=False, dtype=torch.float32)
    stack = Stack.holding(base, bank.value, shape)
    pool = Pool.of([base.remap(i) for i in ids])
    return predict(stack, pool, [np.arange(len(pool))], batch=64)[0]


def measure(logits, label, outside, settings) -> dict:
    """What the settings of intentd.json give on messages that no model saw."""
    share = calibration.softmax(logits, settings["calibration"]["temperature"])
    outside_share = calibration.softmax(outside, settings["calibration"]["temperature"])
    abstention = settings["abstention"]
    thresholds = confidence.Thresholds(abstention["min_confidence"], abstention["out_of_scope"]["threshold"])
    right, kept = share.argmax(1) == label, thresholds.keeps(share, logits)
    low, high = calibration.wilson(int(right.sum()), len(right))
    found = {
        "messages": len(label), "accuracy": right.mean() * 100, "accuracy_95": [low * 100, high * 100],
        "fitted_temperature": calibration.fit_temperature(logits, label),
        "calibration_error": calibration.expected_calibration_error(share, label),
        "mean_confidence": share.max(1).mean() * 100, "lost": 100 - kept.mean() * 100,
        "accuracy_kept": right[kept].mean() * 100, "outside": len(outside),
        "outside_abstained": 100 - thresholds.keeps(outside_share, outside).mean() * 100}
    return rounded(found)


def rounded(found: dict) -> dict:
    return {k: rounded(v) if isinstance(v, dict) else np.round(v, 4).tolist() for k, v in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("--work", "--results", "--base", "--models", "--classes"):
        parser.add_argument(name, required=True)
    parser.add_argument("--seed", type=int, help="one seed's student instead of the mean that is shipped")
    parser.add_argument("--only", help="one adapter of the recipe's")
    parser.add_argument("--recipe", default=str(HERE / "recipe.toml"))
    arguments = parser.parse_args()
    recipe, results = Recipe.read(arguments.recipe), Path(arguments.results)
    classes = json.loads(Path(arguments.classes).read_text())
    pairs = [line.split("\t") for line in read_lines(HERE / "data" / "held_out.tsv")]
    label, texts = np.array([classes.index(a) for a, _ in pairs]), [b for _, b in pairs]
    outside = read_lines(HERE / "data" / "out_of_scope.txt")[1::2]
    work = Workspace(arguments.work, arguments.results)
    if arguments.only and arguments.only not in recipe["adapters"]:
        parser.error(f"--only: the recipe has no adapter {arguments.only!r}")
    for name in [arguments.only] if arguments.only else recipe["adapters"]:
        adapter = recipe["adapters"][name]
        student, layers = adapter["student"], recipe.layers(adapter["student"])
        rank, alpha = recipe["lora"]["rank"], recipe["lora"]["alpha"]
        folder = Path(arguments.models) / name
        values = chosen_values(results / "keep", layers, rank, student, arguments.seed)
        peft_files.write(values, layers, rank, alpha, recipe.settings(recipe["student"]["settings"]).low_rank_dropout,
                         classes, folder)
        print(f"{name}: {len(texts)} held-out messages", file=sys.stderr)
        logits = logits_of(folder, arguments.base, texts + outside)
        settings, folds = confidence.of_folds(work, student, recipe["abstention"])
        found = measure(logits[:len(texts)], label, logits[len(texts):], settings)
        (folder / "intentd.json").write_text(json.dumps({
            "format": 1, "name": f"banking77-{adapter['kind']}", "version": adapter["version"], "layers": layers,
            "attention": "bidirectional", "pooling": "mean", "pool_skips_bos": True, "max_tokens": recipe["max_tokens"],
            **settings}, indent=2) + "\n")
        found = {"written": found, "folds": rounded(folds), "settings": settings}
        (results / f"measured_{name}.json").write_text(json.dumps(found, indent=2) + "\n")
        print(name, json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
