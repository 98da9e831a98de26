"""One adapter from several: the mean of their weight changes, brought back to the adapter's rank."""
import torch

from .parameters import ParameterBank


def mean_adapter(bank: ParameterBank, values: torch.Tensor, rank: int,
                 into: ParameterBank | None = None) -> torch.Tensor:
    """The best rank-`rank` adapter (least squares on each matrix) for the mean of `values` [models, size].

    `into` is the result's layout where its rank is not the models' own.

    A mean of A's and of B's is not the mean of their products; so the products are averaged, as one low-rank
    product of the stacked factors, and cut by its singular values.
    """
    share = 1 / len(values)
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
            into.view(out, name)[0] = bank.view(values, name).double().mean(0).float()
    return out
