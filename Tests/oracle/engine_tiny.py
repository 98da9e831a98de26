"""Makes Tests/Fixtures/engine/: tiny random checkpoints saved by transformers, bitsandbytes and peft, with the
hidden states and logits those libraries compute in float32, each message alone.

Run: python Tests/oracle/engine_tiny.py [NAME...]    (needs torch, transformers, peft, bitsandbytes, safetensors)
     With names, only those of the checkpoints with an adapter are made.
"""
import json
import pathlib
import shutil
import sys

import torch
import transformers
from transformers import (
    Gemma3TextConfig, Gemma3TextForSequenceClassification, LlamaConfig, LlamaForSequenceClassification,
    MistralConfig, MistralForSequenceClassification)

HERE = pathlib.Path(__file__).resolve().parents[1] / "Fixtures" / "engine"
LABELS = 7
LENGTHS = [1, 2, 5, 9, 17, 33]
VOCAB = 96


def randomise(model, seed):
    """Weights of a size that makes every part matter: default initialisation leaves norms at 1 and scores flat."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" in name:
                base = 0.0 if "gemma" in type(model).__name__.lower() else 1.0
                parameter.copy_(base + 0.3 * torch.randn(parameter.shape, generator=generator))
            elif parameter.ndim == 1:
                parameter.copy_(0.1 * torch.randn(parameter.shape, generator=generator))
            else:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) / parameter.shape[-1] ** 0.5)


def messages(seed):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randint(1, VOCAB, (n,), generator=generator).tolist() for n in LENGTHS]


def record(model, folder, extra=None):
    """Float32 results on the weights as the saved checkpoint rounds them."""
    model = torch.nn.Module.float(model).eval()  # transformers forbids .float() on a model that was quantised
    cases = []
    for ids in messages(7):
        with torch.no_grad():
            out = model(input_ids=torch.tensor([ids]), output_hidden_states=True)
        cases.append({"ids": ids, "logits": out.logits[0].tolist(),
                      "hidden": [[round(v, 6) for v in row] for row in out.hidden_states[-1][0].tolist()]})
    data = {"made_by": "Tests/oracle/engine_tiny.py", "torch": torch.__version__,
            "transformers": transformers.__version__, "cases": cases}
    data.update(extra or {})
    (folder / "expected.json").write_text(json.dumps(data))


def save(model, name, dtype):
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    model.to(dtype).save_pretrained(folder, safe_serialization=True)
    return folder


def gemma(**changes):
    settings = dict(vocab_size=VOCAB, hidden_size=64, intermediate_size=128, num_hidden_layers=7,
                    num_attention_heads=4, num_key_value_heads=1, head_dim=32, query_pre_attn_scalar=16,
                    sliding_window=12, max_position_embeddings=256, num_labels=LABELS, pad_token_id=0)
    settings.update(changes)
    return Gemma3TextForSequenceClassification(Gemma3TextConfig(**settings))


def llama(**changes):
    settings = dict(vocab_size=VOCAB, hidden_size=64, intermediate_size=192, num_hidden_layers=3,
                    num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=256,
                    num_labels=LABELS, pad_token_id=0)
    settings.update(changes)
    return LlamaForSequenceClassification(LlamaConfig(**settings))


def mistral(**changes):
    settings = dict(vocab_size=VOCAB, hidden_size=64, intermediate_size=128, num_hidden_layers=3,
                    num_attention_heads=4, num_key_value_heads=2, sliding_window=10, max_position_embeddings=256,
                    num_labels=LABELS, pad_token_id=0)
    settings.update(changes)
    return MistralForSequenceClassification(MistralConfig(**settings))


def plain():
    kinds = {
        "gemma3-causal": gemma(),
        "gemma3-bidirectional": gemma(use_bidirectional_attention=True),
        "llama": llama(),
        "llama-rope-llama3": llama(rope_scaling={
            "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 64}),
        "llama-bias": llama(attention_bias=True, mlp_bias=True),
        "mistral": mistral(),
    }
    for seed, (name, model) in enumerate(kinds.items()):
        randomise(model, seed)
        dtype = torch.bfloat16 if name.startswith("gemma") else torch.float16
        folder = save(model, name, dtype)
        # Loaded again so that what is recorded is what is on disk; float32 compute. The embedding scale follows the
        # compute dtype in transformers, so intentd's test asks for the unrounded one.
        record(type(model).from_pretrained(folder, dtype=torch.float32), folder)


def quantised_with_adapter(only=()):
    """A QLoRA output as a team has it: an NF4 base saved by transformers + bitsandbytes, an adapter saved by peft."""
    from peft import LoraConfig, get_peft_model
    from transformers import BitsAndBytesConfig
    attention = dict(target_modules=["q_proj", "k_proj", "v_proj", "o_proj"])
    # Everything at once that changes a merge.
    everything = dict(
        target_modules="all-linear", use_dora=True, use_rslora=True, rank_pattern={"q_proj": 2, "down_proj": 6},
        alpha_pattern={"v_proj": 3})
    for name, (make, options) in {
            "gemma3-qlora": (gemma, attention), "llama-qlora": (llama, attention),
            "llama-qdora": (llama, everything)}.items():
        if only and name not in only:
            continue
        model = make()
        randomise(model, 11)
        scratch = HERE / f".{name}"
        model.to(torch.bfloat16).save_pretrained(scratch)
        quantised = type(model).from_pretrained(scratch, dtype=torch.bfloat16, quantization_config=BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.bfloat16, llm_int8_skip_modules=["score"]), device_map="cpu")
        folder = HERE / name
        shutil.rmtree(folder, ignore_errors=True)
        quantised.save_pretrained(folder / "base")
        shutil.rmtree(scratch)
        peft_model = get_peft_model(quantised, LoraConfig(
            task_type="SEQ_CLS", r=4, lora_alpha=8, modules_to_save=["score"], **options))
        generator = torch.Generator().manual_seed(5)
        with torch.no_grad():
            for key, parameter in peft_model.named_parameters():
                if "magnitude" in key:  # from the lengths of the base's rows
                    parameter.mul_(1 + 0.2 * torch.randn(parameter.shape, generator=generator))
                elif "lora_" in key or "modules_to_save" in key:
                    parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.2)
        peft_model.peft_config["default"].base_model_name_or_path = "base"
        peft_model.save_pretrained(folder / "adapter")
        (folder / "adapter" / "README.md").unlink()
        # Float32 compute on the dequantised weights: swap every 4-bit linear for its dequantised twin.
        import bitsandbytes as bnb
        for module in list(peft_model.modules()):
            for child_name, child in list(module.named_children()):
                if isinstance(child, bnb.nn.Linear4bit):
                    weight = bnb.functional.dequantize_4bit(child.weight.data, child.weight.quant_state)
                    linear = torch.nn.Linear(child.in_features, child.out_features, bias=False)
                    linear.weight.data = weight.float().reshape(child.out_features, child.in_features)
                    setattr(module, child_name, linear)
        record(peft_model.base_model.model, folder)


if __name__ == "__main__":
    HERE.mkdir(parents=True, exist_ok=True)
    if not sys.argv[1:]:
        plain()
    quantised_with_adapter(sys.argv[1:])
    print({p.parent.name: p.stat().st_size for p in sorted(HERE.rglob("expected.json"))}, file=sys.stderr)
