"""Base models as the recipe holds them: one safetensors file, NF4 matrices, embeddings of the used ids alone.

`BasePack` reads a pack made by `prepare`, which takes its weights from `models/base` (written by `intentd model
build`), from the GGUF file that `models/base` is built from, or, for the second teacher, from an MPNet folder.
"""
import json
import pathlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from . import fourbit


@dataclass
class BasePack:
    """Weights by their transformers names; `vocabulary` maps a row of the trimmed embedding to the full id."""

    architecture: str
    tensors: dict[str, torch.Tensor]
    vocabulary: np.ndarray
    unknown: int = 3

    @classmethod
    def read(cls, path: str) -> "BasePack":
        from safetensors import safe_open

        with safe_open(path, "pt") as file:
            metadata = file.metadata()
        tensors = load_file(path)
        vocabulary = tensors.pop("vocabulary").numpy()
        return cls(metadata["architecture"], tensors, vocabulary, int(metadata["unknown"]))

    def write(self, path: str) -> None:
        save_file({**self.tensors, "vocabulary": torch.from_numpy(self.vocabulary)}, path,
                  metadata={"architecture": self.architecture, "unknown": str(self.unknown)})

    def matrix(self, name: str) -> torch.Tensor:
        """A linear weight [out, in] in bf16, as the engine dequantises it."""
        if fourbit.is_packed(self.tensors, name):
            return fourbit.decode(self.tensors, name)
        return self.tensors[name].to(torch.bfloat16)

    def vector(self, name: str) -> torch.Tensor:
        return self.tensors[name].float()

    def remap(self, ids: np.ndarray) -> np.ndarray:
        """Full ids to rows of the trimmed embedding; an id outside it becomes <unk>."""
        return self.row_of_id[np.minimum(ids, len(self.row_of_id) - 1)]

    @cached_property
    def row_of_id(self) -> np.ndarray:
        """For each full id up to one past the largest that is held, its row of the trimmed embedding."""
        table = np.full(int(self.vocabulary.max()) + 2, -1, np.int32)
        table[self.vocabulary] = np.arange(len(self.vocabulary), dtype=np.int32)
        return np.where(table < 0, table[self.unknown], table)

    def embedding(self, name: str) -> torch.Tensor:
        """The trimmed embedding in bf16; a pack made from GGUF holds it as Q8_0 does, int8 and a scale for 32."""
        value = self.tensors[name]
        if value.dtype == torch.int8:
            scale = self.tensors[name + ".scale"].float()
            value = (value.view(len(value), -1, 32).float() * scale[:, :, None]).view(len(value), -1)
        return value.to(torch.bfloat16)


GGUF_NAMES = {
    "attn_q.weight": "self_attn.q_proj.weight", "attn_k.weight": "self_attn.k_proj.weight",
    "attn_v.weight": "self_attn.v_proj.weight", "attn_output.weight": "self_attn.o_proj.weight",
    "ffn_gate.weight": "mlp.gate_proj.weight", "ffn_up.weight": "mlp.up_proj.weight",
    "ffn_down.weight": "mlp.down_proj.weight", "attn_norm.weight": "input_layernorm.weight",
    "post_attention_norm.weight": "post_attention_layernorm.weight",
    "ffn_norm.weight": "pre_feedforward_layernorm.weight",
    "post_ffw_norm.weight": "post_feedforward_layernorm.weight",
    "attn_q_norm.weight": "self_attn.q_norm.weight", "attn_k_norm.weight": "self_attn.k_norm.weight",
}


def from_gguf(path: str, vocabulary: np.ndarray) -> BasePack:
    """Gemma 3 from GGUF: dequantised to f32, rounded to bf16, then NF4; norms lose the 1 that GGUF adds."""
    from gguf import GGMLQuantizationType, GGUFReader, dequantize

    tensors: dict[str, torch.Tensor] = {}
    for item in GGUFReader(path).tensors:
        shape = tuple(int(n) for n in item.shape[::-1])
        if item.name == "token_embd.weight":
            if item.tensor_type != GGMLQuantizationType.Q8_0:
                raise ValueError(f"token_embd.weight is {item.tensor_type.name}, not Q8_0")
            blocks = np.asarray(item.data).reshape(shape[0], -1)[vocabulary].reshape(len(vocabulary), -1, 34)
            scale = np.ascontiguousarray(blocks[..., :2]).view(np.float16)[..., 0]
            values = np.ascontiguousarray(blocks[..., 2:]).view(np.int8).reshape(len(vocabulary), shape[1])
            tensors["model.embed_tokens.weight"] = torch.from_numpy(values)
            tensors["model.embed_tokens.weight.scale"] = torch.from_numpy(scale.copy())
            continue
        values = torch.from_numpy(dequantize(item.data, item.tensor_type).reshape(shape).astype(np.float32))
        if item.name == "output_norm.weight":
            tensors["model.norm.weight"] = (values - 1).to(torch.bfloat16)
            continue
        _, layer, rest = item.name.split(".", 2)
        name = f"model.layers.{layer}.{GGUF_NAMES[rest]}"
        if values.ndim == 1:
            tensors[name] = (values - 1).to(torch.bfloat16)
        else:
            tensors.update(fourbit.encode(values.to(torch.bfloat16), name))
    return BasePack("gemma3", tensors, vocabulary)


def from_folder(path: str, vocabulary: np.ndarray) -> BasePack:
    """Gemma 3 from `models/base`, already NF4."""
    tensors = load_file(pathlib.Path(path) / "model.safetensors")
    rows = tensors["model.embed_tokens.weight"][torch.from_numpy(vocabulary).long()]
    tensors["model.embed_tokens.weight"] = rows.to(torch.bfloat16)
    return BasePack("gemma3", tensors, vocabulary)


def mpnet_from_folder(path: str, vocabulary: np.ndarray) -> BasePack:
    """The second teacher, all-mpnet-base-v2, its matrices quantised to NF4 the same way."""
    source = load_file(pathlib.Path(path) / "model.safetensors")
    tensors: dict[str, torch.Tensor] = {}
    for name, value in source.items():
        if name.startswith("pooler") or name.endswith("position_ids"):
            continue
        if name == "embeddings.word_embeddings.weight":
            tensors[name] = value[torch.from_numpy(vocabulary).long()].to(torch.bfloat16)
        elif value.ndim == 2 and name.startswith("encoder.layer."):
            tensors.update(fourbit.encode(value.to(torch.bfloat16), name))
        else:
            tensors[name] = value.to(torch.bfloat16)
    config = json.loads((pathlib.Path(path) / "config.json").read_text())
    if config["model_type"] != "mpnet":
        raise ValueError(f"{path} is a {config['model_type']} model, not mpnet")
    return BasePack("mpnet", tensors, vocabulary, unknown=104)
