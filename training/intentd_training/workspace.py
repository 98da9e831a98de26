"""The work folder between stages: texts, bases, token pools, predictions."""
import json
from pathlib import Path

import numpy as np
import torch

from .base import BasePack
from .messages import Pool
from .tokenizers import GemmaTokenizer, MPNetTokenizer
from .trainer import CLASSES


def store(values: torch.Tensor, file: str | Path) -> None:
    """Keeps models' values [models, size], in bf16 as they ship."""
    torch.save(values.to(torch.bfloat16).cpu(), file)


def depth(layers: int) -> str:
    """What the files of a teacher of fewer than the base's 18 layers carry after its name."""
    return "" if layers == 18 else str(layers)


class Workspace:
    """What `prepare` wrote, and where the later stages keep theirs (`results`)."""

    def __init__(self, folder: str, results: str):
        self.folder, self.results = Path(folder), Path(results)
        self.results.mkdir(parents=True, exist_ok=True)
        data = json.loads((self.folder / "texts.json").read_text())
        self.texts, self.classes, self.prompts = data["texts"], data["classes"], data["prompts"]
        self.labels, self.folds = np.array(data["labels"]), np.array(data["folds"])
        self.variants, self.outside = data["variants"], data["outside"]
        self.robustness, self.robustness_rows = data["robustness"], np.array(data["robustness_rows"])
        self.count = len(self.texts)
        if (self.folder / "gemma.safetensors").exists():
            self.gemma = BasePack.read(str(self.folder / "gemma.safetensors"))
        self.gemma_tokenizer = GemmaTokenizer(str(self.folder / "tokenizer.model"))

    def load_mpnet(self) -> None:
        self.mpnet = BasePack.read(str(self.folder / "mpnet.safetensors"))
        self.mpnet_tokenizer = MPNetTokenizer(str(self.folder / "mpnet_tokenizer.json"))

    def gemma_rows(self, texts: list[str]) -> list[np.ndarray]:
        return [self.gemma.remap(ids) for ids in self.gemma_tokenizer(texts)]

    def mpnet_rows(self, texts: list[str]) -> list[np.ndarray]:
        return [self.mpnet.remap(ids) for ids in self.mpnet_tokenizer(texts)]

    def training_pool(self, extra: list[str] = (), mpnet: bool = False) -> tuple[Pool, np.ndarray, np.ndarray]:
        """Training messages, then `extra`, then the variants; where the extra ones are; and each training
        message's variants [messages, variants]."""
        texts = self.texts + list(extra) + [t for v in self.variants for t in v]
        pool = Pool.of(self.mpnet_rows(texts) if mpnet else self.gemma_rows(texts))
        start = self.count + len(extra)
        variants = start + np.arange(len(self.variants) * self.count).reshape(len(self.variants), self.count).T
        return pool, np.arange(self.count, start), variants

    def one_hot(self, pool: Pool) -> np.ndarray:
        """Hard targets [pool, classes] of the training messages and their variants."""
        target = np.zeros((len(pool), CLASSES), np.float16)
        target[np.arange(self.count), self.labels] = 1
        tail = len(self.variants) * self.count
        if tail and len(pool) >= self.count + tail:
            target[-tail:] = np.tile(target[:self.count], (len(self.variants), 1))
        return target

    def pool_labels(self, pool: Pool) -> np.ndarray:
        """The class of each message of the pool: training messages and their variants; -1 for all others."""
        label = np.full(len(pool), -1, np.int64)
        label[:self.count] = self.labels
        tail = len(self.variants) * self.count
        label[-tail:] = np.tile(self.labels, len(self.variants))
        return label

    def train_rows(self, fold: int) -> np.ndarray:
        return np.flatnonzero(self.folds != fold)

    def held_rows(self, fold: int) -> np.ndarray:
        return np.flatnonzero(self.folds == fold)

    def save(self, name: str, **arrays) -> None:
        np.savez(self.results / f"{name}.npz", **arrays)

    def load(self, name: str) -> dict[str, np.ndarray]:
        with np.load(self.results / f"{name}.npz") as file:
            return {k: file[k] for k in file.files}

    def has(self, name: str) -> bool:
        return (self.results / f"{name}.npz").exists()

    def accuracy(self, logits: np.ndarray, rows: np.ndarray | None = None) -> float:
        rows = np.arange(self.count) if rows is None else rows
        return float((logits.argmax(-1) == self.labels[rows]).mean() * 100)
