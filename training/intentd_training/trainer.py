"""Trains and runs a stack of classifiers: several models at once over one frozen base."""
import queue
import sys
import threading
import time
from dataclasses import dataclass

import numpy as np
import torch

from . import losses
from .base import BasePack
from .gemma import Gemma3Stack
from .messages import ROW, Pool, deal, pack, pinned, rows_needed, to_device
from .mpnet import MPNetStack
from .parameters import AdamW, ParameterBank, rate_factor

CLASSES = 77


@dataclass
class Settings:
    """One model's hyperparameters; the recipe's names.

    `margin` and `repulsion` are of intents that are hard to tell apart (losses.py). `averaging` is the decay of a moving
    average of the weights, which is kept in the place of the last ones; 0: none. `imitation` is the weight of the distance
    between a message's projected feature and its embedding by another model; 0: none.
    """

    rate: float = 1e-3
    plus_ratio: float = 1.0
    head_ratio: float = 1.0
    smoothing: float = 0.1
    consistency: float = 1.0
    contrastive: float = 0.3
    contrastive_across: float = 0.0
    low_rank_dropout: float = 0.1
    head_dropout: float = 0.3
    augmentation: float = 0.0
    margin: float = 0.0
    repulsion: float = 0.0
    averaging: float = 0.0
    imitation: float = 0.0


@dataclass
class Part:
    """Messages of which every batch holds `per_batch`."""

    rows: np.ndarray
    per_batch: int


@dataclass
class Job:
    """One model of a stack: what it learns from.

    target [pool, classes] is the distribution to learn for each message of the pool (zero rows: not used), label
    the class for the contrastive loss (-1: none). `start` [size] are the values to begin with, instead of an
    initialisation by `initial_seed`. `rivals` [classes, classes] is 1 for intents that are hard to tell apart.
    `embedding` [pool, width] is what `imitation` pulls a message's feature towards, of unit length (zero rows: nothing).
    """

    name: str
    settings: Settings
    parts: list[Part]
    target: np.ndarray
    label: np.ndarray
    seed: int
    initial_seed: int = 0
    start: torch.Tensor | None = None
    rivals: np.ndarray | None = None
    embedding: np.ndarray | None = None


@dataclass
class StackShape:
    """What a stack's models share."""

    layers: int = 18
    rank: int = 16
    alpha: float = 32
    epochs: float = 10
    warmup: float = 0.06
    decay: float = 0.01
    device: str = "cuda"
    compiled: bool = True
    graph: bool = True
    dtype: torch.dtype = torch.bfloat16


class Stack:
    """A base with adapters and heads for `models` models; with a `width`, also a projection [hidden, width] of the
    features for each, which comes last in the bank."""

    def __init__(self, base: BasePack, models: int, shape: StackShape, width: int = 0):
        self.shape, self.models = shape, models
        self.bank = ParameterBank(models, shape.device)
        kind = {"gemma3": Gemma3Stack, "mpnet": MPNetStack}[base.architecture]
        self.body = kind(base, self.bank, shape.layers, shape.rank, shape.alpha, shape.device, shape.dtype,
                         compiled=shape.compiled)
        self.bank.declare("score", (self.body.hidden, CLASSES), "head")
        if width:
            self.bank.declare("projection", (self.body.hidden, width), "head")
        self.bank.allocate()

    @classmethod
    def holding(cls, base: BasePack, values: torch.Tensor, shape: StackShape) -> "Stack":
        """A stack of the given values [models, size], for predictions."""
        stack = cls(base, len(values), shape)
        stack.bank.value.copy_(values)
        return stack

    def features(self, ids, position, segment, count: int, rate=None, views: int = 1):
        """Mean-pooled features [models, views, count, hidden]."""
        if views > 1:
            ids, position, segment = (torch.cat([t] * views, 1) for t in (ids, position, segment))
        hidden = self.body(ids, position, segment, rate)
        models, rows, length = ids.shape
        hidden = hidden.view(models * views, rows // views * length, -1)
        segment = segment.view(models * views, -1)
        use = segment
        if self.body.skips_first_token:
            single = torch.zeros(models * views, count + 1, device=ids.device)
            single.scatter_add_(1, segment.clamp(min=-1) + 1, torch.ones_like(hidden[..., 0]))
            alone = (single[:, 1:] == 1).gather(1, segment.clamp(min=0))
            use = torch.where((position.view(models * views, -1) > 0) | alone, segment, -1)
        share = (use[:, None, :] == torch.arange(count, device=ids.device)[None, :, None]).float()
        share = share / share.sum(-1, keepdim=True).clamp(min=1)
        return torch.bmm(share, hidden).view(models, views, count, -1)

    def logits(self, feature):
        models, views, count, width = feature.shape
        return torch.bmm(feature.reshape(models, views * count, width), self.bank["score"]).view(
            models, views, count, CLASSES)


def initialise(bank: ParameterBank, seeds: list[int]) -> None:
    """`initial_value` of every tensor but the B matrices, which begin as zero."""
    for name, shape in bank.shapes.items():
        if not name.endswith(".B"):
            view = bank.view(bank.value, name)
            for model, seed in enumerate(seeds):
                view[model] = initial_value(name, shape, seed).to(view.device)


def initial_value(name: str, shape: tuple[int, ...], seed: int) -> torch.Tensor:
    """PEFT's initialisation: A uniform as Kaiming's with a = sqrt(5); the head, and a projection, N(0, 0.02)."""
    random = torch.Generator().manual_seed(hash_seed(seed, name))
    if name.endswith(".A"):
        return (torch.rand(shape, generator=random) * 2 - 1).mul_(shape[0] ** -0.5)
    return torch.randn(shape, generator=random) * 0.02


def hash_seed(seed: int, name: str) -> int:
    """A seed for one tensor that does not depend on the order of tensors or on Python's hash."""
    value = 1469598103934665603
    for byte in f"{seed}/{name}".encode():
        value = ((value ^ byte) * 1099511628211) % 2 ** 63
    return value


class StepGraph:
    """Runs a step of fixed shapes; after three plain runs it is captured as a CUDA graph and replayed, which takes
    the cost of about two thousand kernel launches off the processor."""

    def __init__(self, enabled: bool):
        self.enabled, self.runs, self.graph = enabled, 0, None
        self.stream = torch.cuda.Stream() if enabled else None

    def run(self, step) -> None:
        self.runs += 1
        if self.graph is not None:
            self.graph.replay()
        elif not self.enabled:
            step()
        elif self.runs <= 3:
            self.stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(self.stream):
                step()
            torch.cuda.current_stream().wait_stream(self.stream)
        else:
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, capture_error_mode="thread_local"):
                step()
            self.graph = graph
            graph.replay()


def step_count(jobs: list[Job], epochs: float) -> int:
    """Steps of that many epochs of the smallest first part."""
    return max(1, int(epochs * min(len(j.parts[0].rows) // j.parts[0].per_batch for j in jobs)))


def setting_values(jobs: list[Job], device: str) -> dict[str, torch.Tensor]:
    """Each of Settings' names with the jobs' values [models]."""
    return {name: torch.tensor([getattr(j.settings, name) for j in jobs], device=device)
            for name in Settings.__dataclass_fields__}


def rivals_of(jobs: list[Job], device: str) -> torch.Tensor | None:
    """The jobs' rivals [models, classes, classes]; None where no job has any."""
    if all(job.rivals is None for job in jobs):
        return None
    none = np.zeros((CLASSES, CLASSES), np.float32)
    return torch.stack([torch.from_numpy(none if job.rivals is None else job.rivals) for job in jobs]).to(device)


def embeddings_of(jobs: list[Job], device: str) -> tuple[torch.Tensor, torch.Tensor] | None:
    """The jobs' embeddings, each different one once [different ones, pool, width], and which of them is each job's
    [models, 1]; None where no job has any."""
    held = {id(job.embedding): job.embedding for job in jobs if job.embedding is not None}
    if not held:
        return None
    order = list(held)
    none = len(order)  # what a job without any reads: rows of zeros
    values = [torch.from_numpy(value.astype(np.float16)) for value in held.values()]
    if any(job.embedding is None for job in jobs):
        values.append(torch.zeros_like(values[0]))
    which = [none if job.embedding is None else order.index(id(job.embedding)) for job in jobs]
    return torch.stack(values).to(device), torch.tensor(which, device=device)[:, None]


def schedule(job: Job, pool: Pool, steps: int, variants: np.ndarray | None):
    """Yields a job's batches of message indices; the parts side by side, each dealt again when used up."""
    random = np.random.default_rng(job.seed)
    pending = [iter(()) for _ in job.parts]
    for _ in range(steps):
        batch = []
        for index, part in enumerate(job.parts):
            piece = next(pending[index], None)
            if piece is None:
                pending[index] = iter(deal(part.rows, pool.length, part.per_batch, random))
                piece = next(pending[index])
            batch.append(piece)
        batch = np.concatenate(batch)
        if variants is not None and job.settings.augmentation:
            swap = (random.random(len(batch)) < job.settings.augmentation) & (batch < len(variants))
            batch = batch.copy()
            batch[swap] = variants[batch[swap], random.integers(0, variants.shape[1], swap.sum())]
        yield batch


def train(base: BasePack, pool: Pool, jobs: list[Job], shape: StackShape, variants=None, title="", log=None) -> Stack:
    """Trains the jobs as one stack. All jobs need the same batch size; the first part sets the epochs' length."""
    if len({tuple(p.per_batch for p in job.parts) for job in jobs}) > 1:
        raise ValueError("the jobs of one stack need batches of the same parts")
    for job in jobs:
        if any(len(part.rows) < part.per_batch for part in job.parts):
            raise ValueError(f"{job.name}: a part has fewer messages than one batch takes of it")
    device = shape.device
    embedding = embeddings_of(jobs, device)
    width = 0 if embedding is None else embedding[0].shape[-1]
    stack = Stack(base, len(jobs), shape, width)
    initialise(stack.bank, [job.initial_seed for job in jobs])
    for model, job in enumerate(jobs):
        if job.start is not None:
            stack.bank.value[model, :len(job.start)] = job.start
    steps, setting = step_count(jobs, shape.epochs), setting_values(jobs, device)
    optimiser = AdamW(stack.bank, setting["rate"], setting["plus_ratio"], setting["head_ratio"], shape.decay,
                      compiled=shape.compiled)
    graph = StepGraph(device == "cuda" and shape.graph)
    target = torch.stack([torch.from_numpy(j.target.astype(np.float16)) for j in jobs]).to(device)
    label = torch.stack([torch.from_numpy(j.label.astype(np.int64)) for j in jobs]).to(device)
    tokens = max(sum(pool.length[p.rows].mean() * p.per_batch for p in j.parts) for j in jobs)
    rows = rows_needed(pool, tokens)
    if any(j.settings.augmentation for j in jobs):
        rows = rows_needed(pool, tokens, 1.10)
    torch.manual_seed(jobs[0].seed)
    ready: queue.Queue = queue.Queue(6)

    def produce():
        sources = [schedule(j, pool, steps, variants) for j in jobs]
        for _ in range(steps):
            batch = np.stack([next(s) for s in sources])
            ready.put((batch, pack(pool, batch, rows)))

    threading.Thread(target=produce, daemon=True).start()
    low_rank_rate = setting["low_rank_dropout"][:, None, None]
    head_keep = 1 - setting["head_dropout"][:, None, None, None]
    models = torch.arange(len(jobs), device=device)[:, None]
    count = sum(p.per_batch for p in jobs[0].parts)
    inputs = [torch.zeros(len(jobs), rows, ROW, dtype=torch.long, device=device) for _ in range(3)]
    inputs += [torch.zeros(len(jobs), count, dtype=torch.long, device=device) for _ in range(2)]
    outputs = torch.zeros(2, len(jobs), device=device)
    rivals = rivals_of(jobs, device)
    average = stack.bank.value.clone() if any(j.settings.averaging for j in jobs) else None

    def one_step():
        ids, position, segment, kept, index = inputs
        weight = kept.float()
        feature = stack.features(ids, position, segment, count, low_rank_rate, views=2)
        mask = (torch.rand(feature.shape, device=device) < head_keep).float() / head_keep
        logits = stack.logits(feature * mask)
        loss, base_loss = losses.combined(
            logits, feature, target[models, index].float(), label[models, index], weight, setting, rivals)
        if embedding is not None:
            values, which = embedding
            loss = loss + setting["imitation"] * losses.imitation(
                feature, stack.bank["projection"], values[which, index].float(), weight)
        loss.sum().backward()
        optimiser.apply()
        if average is not None:
            average.lerp_(stack.bank.value, 1 - setting["averaging"][:, None])
        outputs.copy_(torch.stack([loss.detach(), base_loss.detach()]))

    started, left_out, curve = time.time(), 0, []
    for step in range(steps):
        batch, packed = ready.get()
        left_out += int((~packed.kept).sum())
        for held, array in zip(inputs, (packed.ids, packed.position, packed.segment, packed.kept, batch)):
            held.copy_(pinned(array, device), non_blocking=True)
        at = step + 1
        optimiser.set_step(rate_factor(step, steps, shape.warmup))
        graph.run(one_step)
        if at % max(1, steps // 20) == 0 or at == steps:
            loss, base_loss = outputs.tolist()
            curve.append({"step": at, "loss": [round(v, 4) for v in loss],
                          "cross_entropy": [round(v, 4) for v in base_loss]})
            if sys.stderr.isatty() or at == steps or at == steps // 20:
                print(f"{title}: step {at}/{steps} loss {np.mean(loss):.3f} "
                      f"{time.time() - started:.0f} s", file=sys.stderr, flush=True)
    if average is not None:
        stack.bank.value.copy_(average)
    if log is not None:
        log.append({"title": title, "jobs": [j.name for j in jobs], "steps": steps, "rows": rows,
                    "left_out": left_out, "seconds": round(time.time() - started, 1), "curve": curve})
    if embedding is not None:
        stack.bank.drop_last()  # the projection has taught and is of no more use
    return stack


@torch.no_grad()
def predict(stack: Stack, pool: Pool, rows: list[np.ndarray], batch: int = 256, features: bool = False):
    """Each model's logits [n, classes] for its own messages; with `features` also the pooled features (f16)."""
    device = stack.shape.device
    eager, stack.body.block = stack.body.block, sys.modules[type(stack.body).__module__].block
    orders = [r[np.argsort(pool.length[r], kind="stable")] for r in rows]
    longest = max(len(r) for r in rows)
    out = [np.zeros((len(r), CLASSES), np.float32) for r in rows]
    feats = [np.zeros((len(r), stack.body.hidden), np.float16) for r in rows] if features else None
    inverse = [np.argsort(np.argsort(pool.length[r], kind="stable"), kind="stable") for r in rows]
    for start in range(0, longest, batch):
        chosen = np.full((len(rows), batch), -1, np.int64)
        for model, order in enumerate(orders):
            piece = order[start:start + batch]
            chosen[model, :len(piece)] = piece
        lengths = np.where(chosen >= 0, pool.length[chosen], 0)
        need = int(np.ceil(lengths.sum(1).max() / ROW))
        packed = pack(pool, chosen, need)
        while not (packed.kept | (chosen < 0)).all():
            need += 1
            packed = pack(pool, chosen, need)
        ids, position, segment = to_device(packed, device)
        feature = stack.features(ids, position, segment, batch)
        logits = stack.logits(feature)[:, 0].cpu().numpy()
        feature = feature[:, 0].half().cpu().numpy() if features else None
        for model in range(len(rows)):
            size = max(0, min(batch, len(rows[model]) - start))
            out[model][start:start + size] = logits[model, :size]
            if features:
                feats[model][start:start + size] = feature[model, :size]
    stack.body.block = eager
    out = [o[i] for o, i in zip(out, inverse)]
    if features:
        return out, [f[i] for f, i in zip(feats, inverse)]
    return out
