"""Last stage, on a CPU: PEFT files, predictions on messages nobody trained on, calibration, abstention, model card.

    python -m intentd_training.finish --results R --base models/base --models models --classes categories.json
        [--candidate mean] [--only adapter]

The measuring sets are ../data/held_out.tsv (labelled banking messages written for this repository) and the second
half of ../data/out_of_scope.txt (its first half was seen in training with a uniform target).
"""
import argparse
import json
import random
import sys
from pathlib import Path

import numpy as np
import torch

from . import calibration, merge, peft_files, perturb
from .base import from_folder
from .messages import Pool
from .prepare import read_lines
from .recipe import Recipe
from .tokenizers import GemmaTokenizer
from .trainer import Stack, StackShape, predict

HERE = Path(__file__).resolve().parents[1]
ADAPTERS = {"adapter": ("accurate", 18), "adapter-fast": ("fast", 12)}


def chosen_values(results: Path, layers: int, candidate: str) -> torch.Tensor:
    """One student's values [size]: a seed's number, or `mean` of the seeds by their weight changes."""
    seeds = torch.load(results / f"final_{layers}.pt").float()[:2]
    if candidate != "mean":
        return seeds[int(candidate)]
    return merge.mean_adapter(peft_files.bank_of(layers, 16), seeds, 16)[0]


def logits_of(folder: Path, base_folder: str, texts: list[str]) -> np.ndarray:
    """Float32 logits of the written adapter."""
    ids = GemmaTokenizer(str(Path(base_folder) / "tokenizer.model"))(texts)
    used = np.unique(np.concatenate([[0, 1, 2, 3], *ids])).astype(np.int64)
    base = from_folder(base_folder, used)
    bank, layers = peft_files.read(folder)
    stack = Stack(base, 1, StackShape(layers=layers, device="cpu", compiled=False, dtype=torch.float32))
    stack.bank.value.copy_(bank.value)
    pool = Pool.of([base.remap(i) for i in ids])
    return predict(stack, pool, [np.arange(len(pool))], batch=64)[0]


def measure(logits, label, outside, table) -> tuple[dict, dict]:
    """intentd.json's calibration and abstention, and what they give.

    The temperature is the geometric mean of two fits: on the held-out messages, which are written and easier than
    customers', and of the MPNet teacher on all training rows out of fold, which are noisier than they should be.
    """
    fitted = calibration.fit_temperature(logits, label)
    temperature = round((fitted * table["teacher_temperature"]) ** 0.5, 3)
    share = calibration.softmax(logits, temperature)
    right = share.argmax(1) == label
    lost = (share.max(1) < table["min_confidence"]) | (calibration.energy(logits) < table["energy"])
    outside_share = calibration.softmax(outside, temperature).max(1)
    outside_energy = calibration.energy(outside)
    kept_out = (outside_share < table["min_confidence"]) | (outside_energy < table["energy"])
    low, high = calibration.wilson(int(right.sum()), len(right))
    settings = {
        "calibration": {"temperature": temperature},
        "abstention": {"min_confidence": table["min_confidence"],
                       "out_of_scope": {"method": "energy", "threshold": table["energy"]}}}
    found = {
        "messages": len(label), "fitted_temperature": fitted,
        "accuracy": right.mean() * 100, "accuracy_95": [low * 100, high * 100],
        "calibration_error": calibration.expected_calibration_error(share, label),
        "mean_confidence": share.max(1).mean(), "lost": lost.mean() * 100,
        "accuracy_kept": right[~lost].mean() * 100, "outside": len(outside), "outside_abstained": kept_out.mean() * 100,
        "auc_confidence": calibration.area_under_curve(share.max(1), outside_share),
        "auc_energy": calibration.area_under_curve(calibration.energy(logits), outside_energy)}
    return settings, {k: np.round(v, 4).tolist() for k, v in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("--results", "--base", "--models", "--classes"):
        parser.add_argument(name, required=True)
    parser.add_argument("--candidate", default="mean")
    parser.add_argument("--only", choices=ADAPTERS)
    parser.add_argument("--recipe", default=str(HERE / "recipe.toml"))
    arguments = parser.parse_args()
    recipe, results = Recipe.read(arguments.recipe), Path(arguments.results)
    classes = json.loads(Path(arguments.classes).read_text())
    pairs = [line.split("\t") for line in read_lines(HERE / "data" / "held_out.tsv")]
    label, texts = np.array([classes.index(a) for a, _ in pairs]), [b for _, b in pairs]
    outside = read_lines(HERE / "data" / "out_of_scope.txt")[1::2]
    for name in [arguments.only] if arguments.only else ADAPTERS:
        kind, layers = ADAPTERS[name]
        folder = Path(arguments.models) / name
        peft_files.write(chosen_values(results, layers, arguments.candidate), layers, recipe["lora"]["rank"],
                         recipe["lora"]["alpha"], recipe.settings(recipe["student"]["settings"]).low_rank_dropout,
                         classes, folder)
        print(f"{name}: {len(texts)} held-out messages", file=sys.stderr)
        logits = logits_of(folder, arguments.base, texts + outside)
        settings, found = measure(logits[:len(texts)], label, logits[len(texts):], recipe["abstention"])
        (folder / "intentd.json").write_text(json.dumps({
            "format": 1, "name": f"banking77-{kind}", "version": recipe["version"], "layers": layers,
            "attention": "bidirectional", "pooling": "mean", "pool_skips_bos": True, "max_tokens": recipe["max_tokens"],
            **settings}, indent=2) + "\n")
        found["robustness"] = {}
        for condition, change in perturb.CONDITIONS.items():
            source = random.Random(recipe["seed"])
            changed = logits_of(folder, arguments.base, [change(t, source) for t in texts])
            found["robustness"][condition] = round(float((changed.argmax(1) == label).mean() * 100), 2)
            print(f"{name}: {condition} {found['robustness'][condition]}", file=sys.stderr, flush=True)
        (results / f"measured_{name}.json").write_text(json.dumps({**found, "settings": settings}, indent=2) + "\n")
        print(name, json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
