"""NF4 weights in the bitsandbytes layout: written by bitsandbytes, read by plain torch.

The layout (bitsandbytes 0.4x to 0.50, `Params4bit` with double quantisation): for a weight P of n elements,
`P` u8 [n/2, 1] (high nibble first), `P.absmax` u8 [n/64], `P.nested_absmax` f32 [ceil(n/64/256)],
`P.nested_quant_map` f32 [256], `P.quant_map` f32 [16] and `P.quant_state.bitsandbytes__nf4`, JSON as bytes.
"""
import json

import torch

STATE = ".quant_state.bitsandbytes__nf4"


def encode(weight: torch.Tensor, name: str) -> dict[str, torch.Tensor]:
    """Quantises a bf16 matrix as QLoRA does; the tensors of `name` in the file's layout."""
    import bitsandbytes.functional as bnb

    packed, state = bnb.quantize_4bit(
        weight.to(torch.bfloat16).contiguous(), blocksize=64, compress_statistics=True, quant_type="nf4")
    tensors = {name: packed}
    for key, value in state.as_dict(packed=True).items():
        tensors[f"{name}.{key}"] = value.contiguous()
    return tensors


def decode(tensors: dict[str, torch.Tensor], name: str) -> torch.Tensor:
    """The bf16 matrix that bitsandbytes would give, without bitsandbytes: code * scale in f32, rounded once."""
    state = json.loads(bytes(tensors[name + STATE].tolist()).decode())
    if state["quant_type"] != "nf4":
        raise ValueError(f"{name}: quantised as {state['quant_type']}, not nf4")
    absmax = tensors[name + ".absmax"]
    if "nested_offset" in state:
        blocks = torch.arange(absmax.numel()) // state["nested_blocksize"]
        nested = tensors[name + ".nested_quant_map"][absmax.long()]
        scale = nested * tensors[name + ".nested_absmax"][blocks] + state["nested_offset"]
    else:
        scale = absmax.float()
    packed = tensors[name].reshape(-1).long()
    codes = torch.stack([packed >> 4, packed & 15], 1).reshape(-1)
    values = tensors[name + ".quant_map"][codes].reshape(-1, state["blocksize"]) * scale[:, None]
    return values.to(torch.bfloat16).reshape(state["shape"])


def is_packed(tensors: dict[str, torch.Tensor], name: str) -> bool:
    return name + STATE in tensors
