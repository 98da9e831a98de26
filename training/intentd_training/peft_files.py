"""An adapter in the layout that peft saves and loads, from one row of a parameter bank, and back."""
import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from .gemma import HIDDEN, TARGETS
from .parameters import ParameterBank

PREFIX = "base_model.model."


def bank_of(layers: int, rank: int) -> ParameterBank:
    """The names and shapes of one model's tensors, in the order in which a stack declares them."""
    bank = ParameterBank(1, "cpu")
    for i in range(layers):
        for target, (inputs, outputs) in TARGETS.items():
            bank.declare(f"model.layers.{i}.{target}.A", (inputs, rank), "A")
            bank.declare(f"model.layers.{i}.{target}.B", (rank, outputs), "B")
    bank.declare("score", (HIDDEN, 77), "head")
    bank.allocate()
    return bank


def write(values: torch.Tensor, layers: int, rank: int, alpha: float, dropout: float, classes: list[str],
          folder: Path) -> None:
    """adapter_config.json, adapter_model.safetensors (bf16) and labels.json for `values` [size]."""
    bank = bank_of(layers, rank)
    tensors = {}
    for name in bank.shapes:
        value = bank.view(values[None], name)[0].T.to(torch.bfloat16).contiguous()
        if name == "score":
            tensors[PREFIX + "score.weight"] = value
        else:
            path, side = name[:-2], name[-1]
            tensors[f"{PREFIX}{path}.lora_{side}.weight"] = value
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    config = {
        "peft_type": "LORA", "task_type": "SEQ_CLS", "r": rank, "lora_alpha": alpha, "lora_dropout": dropout,
        "bias": "none", "fan_in_fan_out": False, "use_rslora": False, "use_dora": False, "init_lora_weights": True,
        "inference_mode": True, "base_model_name_or_path": "models/base",
        "target_modules": sorted(t.split(".")[1] for t in TARGETS), "modules_to_save": ["score"],
    }
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    (folder / "labels.json").write_text(json.dumps(classes, indent=1, ensure_ascii=False) + "\n")


def read(folder: Path) -> tuple[ParameterBank, int]:
    """The adapter's values in a bank of one model, and its number of layers."""
    tensors = load_file(folder / "adapter_model.safetensors")
    config = json.loads((folder / "adapter_config.json").read_text())
    layers = 1 + max(int(n.split(".layers.")[1].split(".")[0]) for n in tensors if ".layers." in n)
    bank = bank_of(layers, config["r"])
    for name in bank.shapes:
        stored = "score.weight" if name == "score" else f"{name[:-2]}.lora_{name[-1]}.weight"
        bank.view(bank.value, name)[0] = tensors[PREFIX + stored].float().T
    return bank, layers
