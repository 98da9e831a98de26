"""Stages over fold models that are there already: means of their weight changes, and training a mean on."""
from dataclasses import replace

import numpy as np
import torch

from . import merge, peft_files
from .base import BasePack
from .calibration import softmax
from .judging import Judge
from .messages import Pool
from .parameters import ParameterBank
from .recipe import Recipe
from .trainer import Job, Part, Stack, StackShape, predict, train
from .workspace import Workspace, depth, store


def mean_stack(base: BasePack, bank: ParameterBank, groups: torch.Tensor, shape: StackShape, full: bool) -> Stack:
    """The mean adapter of each of `groups` [groups, models, size], laid out as in `bank`: of the shape's rank, or with
    `full` exactly the mean, of the models' ranks together."""
    if full:
        rank = shape.rank * groups.shape[1]
        shape = replace(shape, rank=rank, alpha=shape.alpha / shape.rank * rank)
    stack = Stack(base, len(groups), shape)
    device = stack.bank.value.device
    for index, models in enumerate(groups):
        stack.bank.value[index] = merge.mean_adapter(bank, models.to(device), shape.rank, into=stack.bank)[0]
    return stack


class Means:
    """`keep` holds fold_NAME.pt [seeds * folds, size], a seed's folds together; with `final`, what learns from all
    rows, all_NAME.pt [seeds, size].

    A group is `NAME[:SEEDS][+NAME[:SEEDS]...]`: the first so many seeds of each (all of them without a number), every
    model counting the same. Its title for files is the group with depth, `+` and `:` made `_` and nothing.
    """

    def __init__(self, recipe: Recipe, work: Workspace, keep: str, folds: int, layers: int, shape: StackShape,
                 final: bool):
        self.recipe, self.work, self.keep, self.layers, self.shape = recipe, work, keep, layers, shape
        self.rows = [np.arange(work.count)] if final else [work.train_rows(f) for f in range(folds)]
        self.folds, self.final, self.judge = len(self.rows), final, Judge(work, folds)
        self.bank = peft_files.bank_of(shape.layers, shape.rank)

    def models(self, group: str) -> torch.Tensor:
        """[folds, models, size] of a group."""
        parts = []
        for part in group.split("+"):
            name, _, count = part.partition(":")
            values = torch.load(self.file(name)).view(-1, self.folds, self.bank.size)
            parts.append(values[:int(count) if count else None].transpose(0, 1).float())
        return torch.cat(parts, 1)

    def file(self, name: str) -> str:
        return f"{self.keep}/{'all' if self.final else 'fold'}_{name}{depth(self.layers)}.pt"

    def title(self, group: str) -> str:
        return group.replace("+", "_").replace(":", "") + depth(self.layers)

    def mean(self, models: torch.Tensor, full: bool = False) -> Stack:
        """The folds' mean adapters (`mean_stack`)."""
        return mean_stack(self.work.gemma, self.bank, models, self.shape, full)

    def blends(self, groups: list[str]) -> None:
        """Judges each group's mean, cut to the recipe's rank (`mean_TITLE`) and, where that cuts anything, whole
        (`full_TITLE`). Of models of all rows there is nothing to judge by: the cut mean is kept, mean_TITLE.pt."""
        if self.final:
            for group in groups:
                value = self.mean(self.models(group)).bank.value
                store(value, self.work.results / f"mean_{self.title(group)}.pt")
            return
        pool, _, _ = self.work.training_pool()
        learnt = [(rows, self.work.labels[rows]) for rows in self.rows]
        for group in groups:
            models = self.models(group)
            for kind, full in [("mean", False), ("full", True)]:
                if full and models.shape[1] == 1:
                    continue
                self.judge.judge([f"{kind}_{self.title(group)}"], self.mean(models, full), pool, learnt, not full)
                torch.cuda.empty_cache()

    def heal(self, group: str, seeds: int, towards: str, name: str, log: list) -> None:
        """Trains each fold's cut mean on, towards what the whole mean says (`mean`) or the labels (`labels`) of the
        training messages and their perturbed copies; kept as the fold models `name`."""
        work, table = self.work, self.recipe["heal"][towards]
        pool, _, variants = work.training_pool()
        jobs = self.heal_jobs(self.models(group), pool, variants, seeds, table, towards)
        shape = replace(self.shape, epochs=min(table["epochs"], self.shape.epochs))
        stack = train(work.gemma, pool, jobs, shape, variants, f"heal {group} {towards}", log)
        store(stack.bank.value, self.file(name))

    def heal_jobs(self, models: torch.Tensor, pool: Pool, variants: np.ndarray, seeds: int, table: dict,
                  towards: str) -> list[Job]:
        work, jobs, start = self.work, [], self.mean(models).bank.value
        target, label = work.one_hot(pool), work.pool_labels(pool)
        targets = [target] * self.folds
        if towards == "mean":
            shown = [np.concatenate([r, variants[r].ravel()]) for r in self.rows]
            targets = []
            for said, places in zip(predict(self.mean(models, full=True), pool, shown), shown):
                own = np.zeros_like(target)
                own[places] = softmax(said)
                targets.append(own)
        for seed in range(seeds):
            for fold in range(self.folds):
                jobs.append(Job(f"{towards}/{seed}/{fold}", self.recipe.settings(table),
                                [Part(self.rows[fold], self.recipe["optimiser"]["batch"])], targets[fold], label,
                                self.recipe["seed"] + 5000 + 100 * seed + fold, start=start[fold]))
        return jobs
