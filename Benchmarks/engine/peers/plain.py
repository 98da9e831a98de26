"""Gemma 3 as a classifier in plain PyTorch, for export to ONNX: no branch depends on the data.

Checked against transformers by export.py before anything is timed.
"""
import torch
from torch import nn


class Norm(nn.Module):
    def __init__(self, weight, epsilon):
        super().__init__()
        self.factor, self.epsilon = nn.Parameter(1 + weight), epsilon

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.epsilon) * self.factor


def turned(x, cosines, sines):
    first, second = x.chunk(2, -1)
    return x * cosines + torch.cat((-second, first), -1) * sines


class Layer(nn.Module):
    def __init__(self, source, config):
        super().__init__()
        attention, epsilon = source.self_attn, config.rms_norm_eps
        self.heads, self.size = config.num_attention_heads, config.head_dim
        self.groups = config.num_key_value_heads
        self.scale = config.query_pre_attn_scalar ** -0.5
        for name in ("q_proj", "k_proj", "v_proj", "o_proj"):
            setattr(self, name, getattr(attention, name))
        self.q_norm, self.k_norm = Norm(attention.q_norm.weight, epsilon), Norm(attention.k_norm.weight, epsilon)
        self.gate, self.up, self.down = source.mlp.gate_proj, source.mlp.up_proj, source.mlp.down_proj
        for name in ("input_layernorm", "post_attention_layernorm", "pre_feedforward_layernorm",
                     "post_feedforward_layernorm"):
            setattr(self, name, Norm(getattr(source, name).weight, epsilon))

    def forward(self, x, bias, cosines, sines):
        rows, width = x.shape[0], x.shape[1]
        y = self.input_layernorm(x)
        q = self.q_norm(self.q_proj(y).view(rows, width, self.heads, self.size)).transpose(1, 2)
        k = self.k_norm(self.k_proj(y).view(rows, width, self.groups, self.size)).transpose(1, 2)
        v = self.v_proj(y).view(rows, width, self.groups, self.size).transpose(1, 2)
        q, k = turned(q, cosines, sines), turned(k, cosines, sines)
        shares = torch.softmax(q @ k.transpose(-1, -2) * self.scale + bias, -1)  # one KV head serves all
        y = self.o_proj((shares @ v).transpose(1, 2).reshape(rows, width, self.heads * self.size))
        x = x + self.post_attention_layernorm(y)
        y = self.pre_feedforward_layernorm(x)
        y = self.down(nn.functional.gelu(self.gate(y), approximate="tanh") * self.up(y))
        return x + self.post_feedforward_layernorm(y)


class PlainClassifier(nn.Module):
    """Ids and mask to logits. Messages are shorter than the sliding window, so it has no part in this."""

    def __init__(self, model):
        super().__init__()
        config = model.config
        assert config.num_key_value_heads == 1 and config.use_bidirectional_attention
        self.embedding = nn.Parameter(model.model.embed_tokens.weight.detach())
        self.embedding_scale = float(model.model.embed_tokens.embed_scale)
        self.layers = nn.ModuleList(Layer(layer, config) for layer in model.model.layers)
        self.full = [kind == "full_attention" for kind in config.layer_types]
        self.norm = Norm(model.model.norm.weight, config.rms_norm_eps)
        self.score = model.score
        rope = config.rope_parameters
        for name, kind in (("local", "sliding_attention"), ("global", "full_attention")):
            theta = rope[kind]["rope_theta"]
            frequencies = theta ** (-torch.arange(0, config.head_dim, 2, dtype=torch.float64) / config.head_dim)
            angles = torch.arange(512, dtype=torch.float64)[:, None] * frequencies
            angles = torch.cat((angles, angles), -1)
            self.register_buffer(name + "_cosines", angles.cos().float())
            self.register_buffer(name + "_sines", angles.sin().float())

    def forward(self, ids, mask):
        width = ids.shape[1]
        x = nn.functional.embedding(ids, self.embedding) * self.embedding_scale
        bias = (1 - mask[:, None, None, :].float()) * -1e9
        for layer, full in zip(self.layers, self.full):
            name = "global" if full else "local"
            x = layer(x, bias, getattr(self, name + "_cosines")[:width], getattr(self, name + "_sines")[:width])
        counted = torch.cat((torch.zeros_like(mask[:, :1]), mask[:, 1:]), 1).float().unsqueeze(-1)
        return self.score((self.norm(x) * counted).sum(1) / counted.sum(1))
