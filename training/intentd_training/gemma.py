"""Gemma 3 as a stack of LoRA models over one frozen NF4 base.

The arithmetic is transformers' `Gemma3TextModel` (tests hold them equal); what differs is the layout: messages are
packed into rows of fixed length and attend inside their own segment, and all models of the stack share each base
matrix product.
"""
import torch
import torch.nn.functional as F

from .base import BasePack
from .parameters import ParameterBank

HIDDEN, HEADS, HEAD, EPS = 640, 4, 256, 1e-6
#: LoRA targets: inputs, outputs, and the block of inputs they share.
TARGETS = {
    "self_attn.q_proj": (640, 1024), "self_attn.k_proj": (640, 256), "self_attn.v_proj": (640, 256),
    "self_attn.o_proj": (1024, 640), "mlp.gate_proj": (640, 2048), "mlp.up_proj": (640, 2048),
    "mlp.down_proj": (2048, 640),
}


def rms(x, weight):
    x = x.float()
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + EPS) * weight


def dropped(x, rate):
    """Dropout with a rate of its own for each model [models, 1, 1]."""
    keep = (torch.rand(x.shape, device=x.device) >= rate).to(x.dtype)
    return x * keep * (1 / (1 - rate)).to(x.dtype)


def rotate(x, cos, sin):
    half = x.shape[-1] // 2
    return x * cos + torch.cat([-x[..., half:], x[..., :half]], -1) * sin


def adapted(x, weight, low, b, scale):
    """x W^T + scale * low B, the base product shared by all models; low = dropout(x) A."""
    y = F.linear(x, weight)
    return torch.baddbmm(y, low, (b * scale).to(x.dtype))


def block(x, frozen, low_rank, cos, sin, mask, rate, scale, rows, training):
    """One decoder layer. x [models, tokens, hidden]; mask [models*rows, 1, length, length], True where seen."""
    n1, n2, n3, n4, qn, kn, w_qkv, w_o, w_gu, w_d = frozen
    a_q, a_k, a_v, b_q, b_k, b_v, a_o, b_o, a_g, a_u, b_g, b_u, a_d, b_d = low_rank
    models, tokens, _ = x.shape
    dtype, r = x.dtype, a_q.shape[-1]
    h = rms(x, n1).to(dtype)
    d = dropped(h, rate) if training else h
    low = torch.bmm(d, torch.cat([a_q, a_k, a_v], -1).to(dtype))
    qkv = F.linear(h, w_qkv)
    q = torch.baddbmm(qkv[..., :1024], low[..., :r], (b_q * scale).to(dtype))
    k = torch.baddbmm(qkv[..., 1024:1280], low[..., r:2 * r], (b_k * scale).to(dtype))
    v = torch.baddbmm(qkv[..., 1280:], low[..., 2 * r:], (b_v * scale).to(dtype))
    length = tokens // rows
    q = rms(q.view(models * rows, length, HEADS, HEAD), qn)
    k = rms(k.view(models * rows, length, 1, HEAD), kn)
    q = rotate(q, cos, sin).to(dtype).transpose(1, 2).reshape(models * rows, HEADS * length, HEAD)
    k = rotate(k, cos, sin).to(dtype).view(models * rows, length, HEAD)
    scores = torch.bmm(q, k.transpose(1, 2)).view(models * rows, HEADS, length, length).float() * HEAD ** -0.5
    weights = torch.softmax(torch.where(mask, scores, float("-inf")), -1).to(dtype)
    out = torch.bmm(weights.view(models * rows, HEADS * length, length), v.view(models * rows, length, HEAD))
    out = out.view(models * rows, HEADS, length, HEAD).transpose(1, 2).reshape(models, tokens, HEADS * HEAD)
    d = dropped(out, rate) if training else out
    out = adapted(out, w_o, torch.bmm(d, a_o.to(dtype)), b_o, scale)
    x = x + rms(out, n2).to(dtype)
    h = rms(x, n3).to(dtype)
    d = dropped(h, rate) if training else h
    low = torch.bmm(d, torch.cat([a_g, a_u], -1).to(dtype))
    gu = F.linear(h, w_gu)
    g = torch.baddbmm(gu[..., :2048], low[..., :r], (b_g * scale).to(dtype))
    u = torch.baddbmm(gu[..., 2048:], low[..., r:], (b_u * scale).to(dtype))
    h = F.gelu(g, approximate="tanh") * u
    d = dropped(h, rate) if training else h
    out = adapted(h, w_d, torch.bmm(d, a_d.to(dtype)), b_d, scale)
    return x + rms(out, n4).to(dtype)


class Gemma3Stack:
    """The first `layers` layers of the base with one adapter a model."""

    hidden = HIDDEN
    skips_first_token = True

    def __init__(self, base: BasePack, bank: ParameterBank, layers: int, rank: int, alpha: float, device: str,
                 dtype=torch.bfloat16, causal=False, compiled=False):
        self.bank, self.layers, self.scale, self.causal, self.dtype = bank, layers, alpha / rank, causal, dtype
        self.device = device
        matrix = lambda name: base.matrix(name).to(device, dtype)
        norm = lambda name: 1 + base.vector(name).to(device)
        self.embedding = base.embedding("model.embed_tokens.weight").to(device)
        self.frozen = []
        for i in range(layers):
            p = f"model.layers.{i}."
            self.frozen.append((
                norm(p + "input_layernorm.weight"), norm(p + "post_attention_layernorm.weight"),
                norm(p + "pre_feedforward_layernorm.weight"), norm(p + "post_feedforward_layernorm.weight"),
                norm(p + "self_attn.q_norm.weight"), norm(p + "self_attn.k_norm.weight"),
                torch.cat([matrix(p + f"self_attn.{n}_proj.weight") for n in "qkv"]),
                matrix(p + "self_attn.o_proj.weight"),
                torch.cat([matrix(p + f"mlp.{n}_proj.weight") for n in ("gate", "up")]),
                matrix(p + "mlp.down_proj.weight")))
            for target, (inputs, outputs) in TARGETS.items():
                bank.declare(f"{p}{target}.A", (inputs, rank), "A")
                bank.declare(f"{p}{target}.B", (rank, outputs), "B")
        self.final_norm = norm("model.norm.weight")
        self.block = torch.compile(block, dynamic=False) if compiled else block
        self.tables = {}

    def rotary(self, theta: float):
        """cos and sin [256 positions, head] in f32."""
        inverse = 1 / theta ** (torch.arange(0, HEAD, 2, device=self.device).float() / HEAD)
        angle = torch.arange(256, device=self.device).float()[:, None] * inverse
        angle = torch.cat([angle, angle], -1)
        return angle.cos(), angle.sin()

    def low_rank(self, layer: int):
        p = f"model.layers.{layer}."
        get = lambda target, side: self.bank[f"{p}{target}.{side}"]
        q, k, v, o, g, u, d = TARGETS
        return (get(q, "A"), get(k, "A"), get(v, "A"), get(q, "B"), get(k, "B"), get(v, "B"), get(o, "A"), get(o, "B"),
                get(g, "A"), get(u, "A"), get(g, "B"), get(u, "B"), get(d, "A"), get(d, "B"))

    def __call__(self, ids, position, segment, rate=None):
        """Final hidden states [models, rows*length, hidden] in f32; `rate` None is evaluation."""
        models, rows, length = ids.shape
        mask = segment[..., :, None] == segment[..., None, :]
        if self.causal:
            mask = mask & (position[..., None, :] <= position[..., :, None])
        mask = mask.view(models * rows, 1, length, length)
        if not self.tables:
            self.tables = {theta: self.rotary(theta) for theta in (1e4, 1e6)}
        at = position.view(models * rows, length, 1)
        table = {theta: (cos[at], sin[at]) for theta, (cos, sin) in self.tables.items()}
        # transformers rounds the scale to the checkpoint's bf16.
        x = self.embedding[ids.view(models, -1)].to(self.dtype) * torch.tensor(HIDDEN ** 0.5, dtype=torch.bfloat16)
        training = rate is not None
        rate = torch.zeros(models, 1, 1, device=x.device) if rate is None else rate
        for i in range(self.layers):
            cos, sin = table[1e6 if (i + 1) % 6 == 0 else 1e4]
            x = self.block(x, self.frozen[i], self.low_rank(i), cos, sin, mask, rate, self.scale, rows, training)
        return rms(x, self.final_norm)
