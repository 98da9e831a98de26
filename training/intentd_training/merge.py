"""One adapter from several: the mean of their weight changes, brought back to the adapter's rank."""
import torch

from .parameters import ParameterBank


def weighted(groups: list[tuple[torch.Tensor, float]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Values [models, size] and weights [models] of groups of models, each with its share of the whole."""
    weights = [torch.full((len(models),), share / len(models)) for models, share in groups]
    return torch.cat([models for models, _ in groups]), torch.cat(weights)


def mean_adapter(bank: ParameterBank, values: torch.Tensor, rank: int, weights: torch.Tensor | None = None,
                 into: ParameterBank | None = None) -> torch.Tensor:
    """The best rank-`rank` adapter (least squares on each matrix) for the mean of `values` [models, size].

    `weights` [models] sum to one; without them every model counts the same. `into` is the result's layout where its
    rank is not the models' own.

    A mean of A's and of B's is not the mean of their products; so the products are averaged, as one low-rank
    product of the stacked factors, and cut by its singular values.
    """
    if weights is None:
        weights = torch.full((len(values),), 1 / len(values), device=values.device)
    share = weights.double().to(values.device)[:, None, None]
    into = into or bank
    out = torch.zeros(1, into.size, device=values.device)
    for name in bank.shapes:
        if name.endswith(".A"):
            other = name[:-2] + ".B"
            a = torch.cat(list(bank.view(values, name)), 1).double()
            b = torch.cat(list(bank.view(values, other).double() * share), 0)
            qa, ra = torch.linalg.qr(a)
            qb, rb = torch.linalg.qr(b.T)
            u, s, v = torch.linalg.svd(ra @ rb.T)
            root = s[:rank].sqrt()
            into.view(out, name)[0] = (qa @ u[:, :rank] * root).float()
            into.view(out, other)[0] = (root[:, None] * (v[:rank] @ qb.T)).float()
        elif name == "score":
            into.view(out, name)[0] = (bank.view(values, name).double() * share).sum(0).float()
    return out
