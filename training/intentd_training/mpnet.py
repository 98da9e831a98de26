"""all-mpnet-base-v2 (MPNet, Song et al. 2020) as a stack of LoRA models: the ensemble's second kind of teacher.

The arithmetic is transformers' `MPNetModel`; the layout is the Gemma stack's.
"""
import math

import torch
import torch.nn.functional as F

from .base import BasePack
from .gemma import adapted, dropped
from .parameters import ParameterBank

HIDDEN, HEADS, HEAD, INNER, EPS, BUCKETS = 768, 12, 64, 3072, 1e-5, 32
TARGETS = {
    "attention.attn.q": (768, 768), "attention.attn.k": (768, 768), "attention.attn.v": (768, 768),
    "attention.attn.o": (768, 768), "intermediate.dense": (768, 3072), "output.dense": (3072, 768),
}


def normed(x, weight, bias):
    return F.layer_norm(x.float(), (HIDDEN,), weight, bias, EPS)


def bucket(distance, buckets=BUCKETS, furthest=128):
    """T5's relative position buckets, both directions; `distance` is key - query."""
    n = -distance
    half = buckets // 2
    result = (n < 0).long() * half
    n = n.abs()
    exact = half // 2
    large = exact + (torch.log(n.float().clamp(min=1) / exact) / math.log(furthest / exact) * (half - exact)).long()
    return result + torch.where(n < exact, n, large.clamp(max=half - 1))


def block(x, frozen, low_rank, bias, rate, scale, rows, training):
    """One encoder layer; bias [models*rows, heads, length, length] holds -inf where attention may not look."""
    (w_qkv, bias_qkv, w_o, bias_o, n1w, n1b, w_i, bias_i, w_d, bias_d, n2w, n2b) = frozen
    a_q, a_k, a_v, b_q, b_k, b_v, a_o, b_o, a_i, b_i, a_d, b_d = low_rank
    models, tokens, _ = x.shape
    dtype, r, length = x.dtype, a_q.shape[-1], tokens // rows
    d = dropped(x, rate) if training else x
    low = torch.bmm(d, torch.cat([a_q, a_k, a_v], -1).to(dtype))
    qkv = F.linear(x, w_qkv, bias_qkv)
    parts = [torch.baddbmm(qkv[..., i * HIDDEN:(i + 1) * HIDDEN], low[..., i * r:(i + 1) * r], (b * scale).to(dtype))
             .view(models * rows, length, HEADS, HEAD).transpose(1, 2) for i, b in enumerate((b_q, b_k, b_v))]
    q, k, v = parts
    scores = torch.matmul(q, k.transpose(-1, -2)).float() * HEAD ** -0.5 + bias
    out = torch.matmul(torch.softmax(scores, -1).to(dtype), v)
    out = out.transpose(1, 2).reshape(models, tokens, HIDDEN)
    d = dropped(out, rate) if training else out
    out = adapted(out, w_o, torch.bmm(d, a_o.to(dtype)), b_o, scale) + bias_o
    x = normed(x + (dropped(out, rate) if training else out), n1w, n1b).to(dtype)
    d = dropped(x, rate) if training else x
    h = F.gelu(adapted(x, w_i, torch.bmm(d, a_i.to(dtype)), b_i, scale) + bias_i)
    d = dropped(h, rate) if training else h
    out = adapted(h, w_d, torch.bmm(d, a_d.to(dtype)), b_d, scale) + bias_d
    return normed(x + (dropped(out, rate) if training else out), n2w, n2b).to(dtype)


class MPNetStack:
    hidden = HIDDEN
    skips_first_token = False

    def __init__(self, base: BasePack, bank: ParameterBank, layers: int, rank: int, alpha: float, device: str,
                 dtype=torch.bfloat16, compiled=False):
        self.bank, self.layers, self.scale, self.dtype = bank, layers, alpha / rank, dtype
        matrix = lambda name: base.matrix(name).to(device, dtype)
        vector = lambda name: base.vector(name).to(device)
        self.words = base.embedding("embeddings.word_embeddings.weight").to(device, dtype)
        self.positions = base.tensors["embeddings.position_embeddings.weight"].to(device, dtype)
        self.embedding_norm = (vector("embeddings.LayerNorm.weight"), vector("embeddings.LayerNorm.bias"))
        self.relative = base.tensors["encoder.relative_attention_bias.weight"].to(device).float()
        self.frozen = []
        for i in range(layers):
            p = f"encoder.layer.{i}."
            self.frozen.append((
                torch.cat([matrix(f"{p}attention.attn.{n}.weight") for n in "qkv"]),
                torch.cat([vector(f"{p}attention.attn.{n}.bias") for n in "qkv"]).to(dtype),
                matrix(p + "attention.attn.o.weight"), vector(p + "attention.attn.o.bias").to(dtype),
                vector(p + "attention.LayerNorm.weight"), vector(p + "attention.LayerNorm.bias"),
                matrix(p + "intermediate.dense.weight"), vector(p + "intermediate.dense.bias").to(dtype),
                matrix(p + "output.dense.weight"), vector(p + "output.dense.bias").to(dtype),
                vector(p + "output.LayerNorm.weight"), vector(p + "output.LayerNorm.bias")))
            for target, (inputs, outputs) in TARGETS.items():
                bank.declare(f"{p}{target}.A", (inputs, rank), "A")
                bank.declare(f"{p}{target}.B", (rank, outputs), "B")
        self.block = torch.compile(block, dynamic=False) if compiled else block

    def low_rank(self, layer: int):
        p = f"encoder.layer.{layer}."
        get = lambda target, side: self.bank[f"{p}{target}.{side}"]
        q, k, v, o, i, d = TARGETS
        return (get(q, "A"), get(k, "A"), get(v, "A"), get(q, "B"), get(k, "B"), get(v, "B"), get(o, "A"), get(o, "B"),
                get(i, "A"), get(i, "B"), get(d, "A"), get(d, "B"))

    def __call__(self, ids, position, segment, rate=None):
        models, rows, length = ids.shape
        at = position.view(models * rows, length)
        bias = self.relative[bucket(at[:, None, :] - at[:, :, None])].permute(0, 3, 1, 2)
        same = (segment[..., :, None] == segment[..., None, :]).view(models * rows, 1, length, length)
        bias = torch.where(same, bias, float("-inf"))
        # transformers numbers positions from padding_idx + 1 = 2.
        x = self.words[ids.view(models, -1)] + self.positions[position.view(models, -1) + 2]
        x = normed(x, *self.embedding_norm).to(self.dtype)
        training = rate is not None
        rate = torch.zeros(models, 1, 1, device=x.device) if rate is None else rate
        if training:
            x = dropped(x, rate)
        for i in range(self.layers):
            x = self.block(x, self.frozen[i], self.low_rank(i), bias, rate, self.scale, rows, training)
        return x.float()
