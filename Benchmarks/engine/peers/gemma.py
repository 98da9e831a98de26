"""The benchmark's model in transformers: the 4-bit base, the adapter in peft, the head over the mean without <bos>."""
import json
import pathlib
import warnings

import torch


def load(models: pathlib.Path, adapter: str, merged: bool):
    """The model and its settings. `merged`: everything in float32 and the adapter merged into the weights."""
    import bitsandbytes
    import peft
    from transformers import AutoConfig, Gemma3TextForSequenceClassification
    base, folder = models / "base", models / adapter
    settings = json.loads((folder / "intentd.json").read_text())
    raw = AutoConfig.from_pretrained(base).to_dict()
    layers = settings["layers"]
    raw.update(num_hidden_layers=layers, layer_types=raw["layer_types"][:layers], num_labels=77, pad_token_id=0,
               use_bidirectional_attention=settings["attention"] == "bidirectional")
    config = type(AutoConfig.from_pretrained(base))(**raw)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # Without bf16 instructions float32 is by far the faster of the two.
        dtype = torch.bfloat16 if "avx512_bf16" in pathlib.Path("/proc/cpuinfo").read_text() else torch.float32
        model = Gemma3TextForSequenceClassification.from_pretrained(base, config=config, device_map="cpu", dtype=dtype)
        model = peft.PeftModel.from_pretrained(model, folder).eval()
    four_bit = [module for module in model.modules() if isinstance(module, bitsandbytes.nn.Linear4bit)]
    assert four_bit
    for module in four_bit:
        module.compute_dtype, module.compute_type_is_set = dtype, True
    for parameter in model.parameters():
        if parameter.is_floating_point():
            parameter.data = parameter.data.to(dtype)
    if merged:
        plain = Gemma3TextForSequenceClassification(type(config)(**{
            **raw, "quantization_config": None, "dtype": "float32"})).eval()
        plain.load_state_dict(merged_weights(model), strict=True)
        # transformers rounds the scale to the checkpoint's format, bf16.
        scale = torch.tensor(config.hidden_size ** 0.5, dtype=torch.bfloat16).item()
        plain.model.embed_tokens.embed_scale.fill_(scale)
        model = plain
    return model, settings


def merged_weights(model):
    """W + scale * B A of every layer in float32, by the plain model's names."""
    import bitsandbytes.functional as functional
    weights = {}
    body = model.base_model.model
    for name, value in body.state_dict().items():
        if ".lora_" in name or ".quant" in name or ".absmax" in name or ".nested" in name or ".original_module" in name:
            continue
        weights[name.replace(".base_layer", "").replace(".modules_to_save.default", "")] = value
    for name, module in body.named_modules():
        if not hasattr(module, "base_layer"):
            continue
        inner = module.base_layer
        value = functional.dequantize_4bit(inner.weight.data, inner.weight.quant_state).float()
        a, b = module.lora_A["default"].weight, module.lora_B["default"].weight
        weights[name + ".weight"] = value + module.scaling["default"] * (b.float() @ a.float())
    return {name: value.float() for name, value in weights.items()}


class Classifier(torch.nn.Module):
    """Ids and mask to logits."""

    def __init__(self, model):
        super().__init__()
        inner = model.base_model.model if hasattr(model, "base_model") and hasattr(model, "peft_config") else model
        self.body, self.score = inner.model, inner.score

    def forward(self, ids, mask):
        hidden = self.body(input_ids=ids, attention_mask=mask).last_hidden_state
        counted = mask.clone()
        counted[:, 0] = 0
        weights = counted.to(hidden.dtype).unsqueeze(-1)
        return self.score((hidden * weights).sum(1) / weights.sum(1))
