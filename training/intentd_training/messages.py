"""Tokenised messages and their packing into rows of fixed length."""
import heapq
from dataclasses import dataclass

import numpy as np
import torch

#: Tokens of a packed row. A message longer than this is cut, as `max_tokens` in intentd.json says.
ROW = 128
MAX_TOKENS = 96


@dataclass
class Pool:
    """Messages as rows of one base's trimmed embedding, end to end."""

    flat: np.ndarray
    start: np.ndarray
    length: np.ndarray

    @classmethod
    def of(cls, sequences: list[np.ndarray]) -> "Pool":
        sequences = [np.asarray(s[:MAX_TOKENS], np.int32) for s in sequences]
        length = np.array([len(s) for s in sequences], np.int32)
        start = np.concatenate([[0], np.cumsum(length)[:-1]]).astype(np.int64)
        return cls(np.concatenate(sequences), start, length)

    def __len__(self) -> int:
        return len(self.length)


@dataclass
class Packed:
    """Token tensors [models, rows, ROW] and which message a token belongs to (-1: none)."""

    ids: np.ndarray
    position: np.ndarray
    segment: np.ndarray
    kept: np.ndarray


def rows_needed(pool: Pool, count: float, slack: float = 1.04) -> int:
    """Rows for a batch of about `count` tokens."""
    return max(1, int(np.ceil(count * slack / ROW)))


def pack(pool: Pool, batches: np.ndarray, rows: int) -> Packed:
    """Packs one batch a model [models, messages]: longest first, into the emptiest row.

    A message for which no row has room is left out (`kept` False); an index of -1 is an empty place.
    """
    models, count = batches.shape
    ids = np.zeros((models, rows * ROW), np.int32)
    position = np.zeros((models, rows * ROW), np.int32)
    segment = np.full((models, rows * ROW), -1, np.int32)
    kept = np.zeros((models, count), bool)
    for model in range(models):
        batch = batches[model]
        length = np.where(batch >= 0, pool.length[batch], 0)
        place = np.zeros(count, np.int64)
        heap = [(0, row) for row in range(rows)]
        for message in np.argsort(-length, kind="stable"):
            size = int(length[message])
            used, row = heap[0]
            if size == 0 or used + size > ROW:
                continue
            heapq.heapreplace(heap, (used + size, row))
            place[message], kept[model, message] = row * ROW + used, True
        chosen = np.flatnonzero(kept[model])
        sizes = length[chosen].astype(np.int64)
        within = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        target = np.repeat(place[chosen], sizes) + within
        ids[model, target] = pool.flat[np.repeat(pool.start[batch[chosen]], sizes) + within]
        position[model, target] = within
        segment[model, target] = np.repeat(chosen, sizes)
    shape = (models, rows, ROW)
    return Packed(ids.reshape(shape), position.reshape(shape), segment.reshape(shape), kept)


def deal(indices: np.ndarray, length: np.ndarray, size: int, random: np.random.Generator) -> np.ndarray:
    """One epoch's batches [n, size], each with the same mix of lengths: sorted, cut in `size` strata, shuffled inside.

    What does not fill a batch is left out at random, other messages each epoch.
    """
    count = len(indices) // size
    chosen = random.permutation(indices)[:count * size]
    chosen = chosen[np.argsort(length[chosen] + random.random(len(chosen)), kind="stable")].reshape(size, count)
    return random.permuted(chosen, axis=1).T


def pinned(array: np.ndarray, device: str) -> torch.Tensor:
    tensor = torch.from_numpy(array)
    return tensor.pin_memory() if device == "cuda" else tensor


def to_device(packed: Packed, device: str) -> tuple[torch.Tensor, ...]:
    """ids, position and segment as indices on the device."""
    arrays = (packed.ids, packed.position, packed.segment)
    return tuple(pinned(a, device).to(device, non_blocking=True).long() for a in arrays)
