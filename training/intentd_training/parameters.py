"""Trainable tensors of a stack of models that train side by side over one frozen base.

Every model of the stack has its own row of one [models, values] buffer, so that the optimiser and the
gradient clip are each one operation for all models and all tensors.
"""
import math

import torch


class ParameterBank:
    """Named tensors [models, ...] as views of flat value and gradient buffers."""

    def __init__(self, models: int, device: str):
        self.models, self.device = models, device
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.groups: dict[str, str] = {}
        self.views: dict[str, torch.Tensor] = {}

    def declare(self, name: str, shape: tuple[int, ...], group: str) -> None:
        """`group` is what the learning rate depends on: A, B (LoRA+) or head."""
        self.shapes[name], self.groups[name] = shape, group

    def allocate(self) -> None:
        self.offsets, total = {}, 0
        for name, shape in self.shapes.items():
            count = 1
            for extent in shape:
                count *= extent
            self.offsets[name] = (total, count)
            total += count
        self.size = total
        self.value = torch.zeros(self.models, total, device=self.device)
        self.grad = torch.zeros_like(self.value)
        for name in self.shapes:
            leaf = self.view(self.value, name).detach().requires_grad_()
            leaf.grad = self.view(self.grad, name)
            self.views[name] = leaf

    def drop_last(self) -> None:
        """Takes out the tensor that was declared last; the others keep their values."""
        name = list(self.shapes)[-1]
        kept = self.value[:, :self.offsets[name][0]].clone()
        for table in (self.shapes, self.groups, self.views):
            del table[name]
        self.allocate()
        self.value.copy_(kept)

    def view(self, flat: torch.Tensor, name: str) -> torch.Tensor:
        start, count = self.offsets[name]
        return flat[:, start:start + count].view(flat.shape[0], *self.shapes[name])

    def column_groups(self) -> dict[str, torch.Tensor]:
        """For each group, a mask over the buffer's columns."""
        masks = {g: torch.zeros(self.size, device=self.device) for g in set(self.groups.values())}
        for name, (start, count) in self.offsets.items():
            masks[self.groups[name]][start:start + count] = 1
        return masks

    def __getitem__(self, name: str) -> torch.Tensor:
        return self.views[name]


def rate_factor(step: int, steps: int, warmup: float) -> float:
    """What multiplies the rates in step 0...`steps` - 1: a cosine to zero, with `warmup` of the steps to rise."""
    return min(1.0, (step + 1) / max(1, warmup * steps)) * 0.5 * (1 + math.cos(math.pi * step / steps))


class AdamW:
    """AdamW (Loshchilov & Hutter 2019) over a bank, with per-model rates, per-model clipping.

    LoRA+ (Hayou et al. 2024): the B matrices learn `ratio` times as fast as the A matrices.
    """

    def __init__(self, bank: ParameterBank, rate, ratio, head_ratio, decay=0.01, betas=(0.9, 0.98), clip=1.0,
                 compiled=False):
        masks = bank.column_groups()
        zero = torch.zeros(bank.size, device=bank.device)
        scale = masks.get("A", zero)[None] + ratio[:, None] * masks.get("B", zero)[None]
        self.rate = rate[:, None] * (scale + head_ratio[:, None] * masks.get("head", zero)[None])
        self.bank, self.decay, self.betas, self.clip = bank, decay, betas, clip
        self.first, self.second = torch.zeros_like(bank.value), torch.zeros_like(bank.value)
        self.count = 0
        #: What changes from step to step, on the device so that a captured graph reads it: the rate's factor and
        #: the two bias corrections.
        self.scalars = torch.zeros(3, device=bank.device)
        self.update = torch.compile(_update, dynamic=False) if compiled else _update

    def set_step(self, factor: float) -> None:
        """Sets what the next `apply` needs: `factor` times the base rates."""
        self.count += 1
        b1, b2 = self.betas
        self.scalars.copy_(torch.tensor([factor, 1 - b1 ** self.count, 1 - b2 ** self.count]))

    @torch.no_grad()
    def apply(self) -> None:
        """One step; the gradients are zeroed."""
        self.update(self.bank.value, self.bank.grad, self.first, self.second, self.rate, self.scalars, *self.betas,
                    self.decay, self.clip)
        self.bank.grad.zero_()


def _update(value, grad, first, second, rate, scalars, b1, b2, decay, clip):
    factor, c1, c2 = scalars[0], scalars[1], scalars[2]
    norm = grad.square().sum(1, keepdim=True).sqrt()
    grad = grad * (clip / (norm + 1e-6)).clamp(max=1)
    first.mul_(b1).add_(grad, alpha=1 - b1)
    second.mul_(b2).addcmul_(grad, grad, value=1 - b2)
    step = rate * factor
    value.mul_(1 - step * decay).sub_(step * (first / c1) / ((second / c2).sqrt() + 1e-8))
