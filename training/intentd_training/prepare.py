"""First stage, on a CPU: folds, perturbed texts, NF4 bases with the embedding rows that the texts use.

    python -m intentd_training.prepare --data train.csv --categories categories.json --work WORK \\
        (--base models/base | --gguf gemma.gguf) [--mpnet all-mpnet-base-v2]
"""
import argparse
import csv
import json
import random
import shutil
from pathlib import Path

import numpy as np
from sklearn.model_selection import StratifiedKFold

from . import base, perturb
from .recipe import Recipe
from .tokenizers import GemmaTokenizer, MPNetTokenizer, write_gemma_model


def folds_of(labels: np.ndarray, count: int, seed: int) -> np.ndarray:
    fold = np.zeros(len(labels), np.int64)
    splitter = StratifiedKFold(count, shuffle=True, random_state=seed)
    for index, (_, held_out) in enumerate(splitter.split(np.zeros(len(labels)), labels)):
        fold[held_out] = index
    return fold


def read_lines(path: Path) -> list[str]:
    """One message a line; `\\n` inside stands for a line break; lines that start with # are headings."""
    lines = path.read_text(encoding="utf-8").split("\n")
    return [line.replace("\\n", "\n") for line in lines if line and not line.startswith("#")]


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("--data", "--categories", "--work"):
        parser.add_argument(name, required=True)
    for name in ("--base", "--gguf", "--mpnet"):
        parser.add_argument(name)
    here = Path(__file__).resolve().parents[1]
    parser.add_argument("--recipe", default=str(here / "recipe.toml"))
    arguments = parser.parse_args()
    recipe, work = Recipe.read(arguments.recipe), Path(arguments.work)
    work.mkdir(parents=True, exist_ok=True)

    with open(arguments.data, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    classes = json.loads(Path(arguments.categories).read_text())
    texts = [row["text"] for row in rows]
    labels = np.array([classes.index(row["category"]) for row in rows])
    fold = folds_of(labels, recipe["data"]["folds"], recipe["seed"])
    source = random.Random(recipe["seed"])
    variants = [[perturb.variant(text, source) for text in texts] for _ in range(recipe["data"]["variants"])]
    chosen = sorted(source.sample(range(len(texts)), min(len(texts), recipe["data"]["robustness_rows"])))
    conditions = {name: [change(texts[i], source) for i in chosen] for name, change in perturb.CONDITIONS.items()}
    outside = read_lines(here / "data" / "out_of_scope.txt")
    prompts = [name.replace("_", " ").replace("?", "").lower() + ":" for name in classes]
    data = {"texts": texts, "labels": labels.tolist(), "folds": fold.tolist(), "classes": classes,
            "variants": variants, "robustness_rows": chosen, "robustness": conditions, "outside": outside,
            "prompts": prompts}
    (work / "texts.json").write_text(json.dumps(data, ensure_ascii=False))
    (here / "split.json").write_text(json.dumps({
        "made_by": "intentd_training.prepare: StratifiedKFold, shuffled", "seed": recipe["seed"],
        "rows": "in train.csv's order, from 0", "fold_of_row": fold.tolist()}) + "\n")

    if arguments.base:
        shutil.copy(Path(arguments.base) / "tokenizer.model", work / "tokenizer.model")
    else:
        write_gemma_model(arguments.gguf, str(work / "tokenizer.model"))
    everything = texts + [t for v in variants for t in v] + [t for c in conditions.values() for t in c] + outside
    gemma = GemmaTokenizer(str(work / "tokenizer.model"))
    used = np.unique(np.concatenate([[0, 1, 2, 3], *gemma(everything + prompts + [p + " " + t for p, t in zip(
        prompts, texts)])])).astype(np.int64)
    pack = base.from_folder(arguments.base, used) if arguments.base else base.from_gguf(arguments.gguf, used)
    pack.write(str(work / "gemma.safetensors"))
    print(f"{len(texts)} messages, {len(used)} ids of the base's vocabulary")
    if arguments.mpnet:
        shutil.copy(Path(arguments.mpnet) / "tokenizer.json", work / "mpnet_tokenizer.json")
        tokens = MPNetTokenizer(str(work / "mpnet_tokenizer.json"))(everything)
        used = np.unique(np.concatenate([[0, 1, 2, 3, 104], *tokens])).astype(np.int64)
        base.mpnet_from_folder(arguments.mpnet, used).write(str(work / "mpnet.safetensors"))
        print(f"{len(used)} ids of the second teacher's vocabulary")


if __name__ == "__main__":
    main()
