"""Makes Tests/Fixtures/checkpoint/peft/: a tiny Llama and adapters on it of every kind that intentd reads, as peft
saves them, with the weights that peft's own merge gives (float32).

base/               the model the adapters belong to
NAME/               adapter_config.json and adapter_model.safetensors
NAME/merged.safetensors   every weight that the adapter changes, merged by peft; heads and biases as they end up

Run: python Tests/oracle/checkpoint_peft.py     (needs torch, transformers, peft, safetensors)
"""
import json
import pathlib
import shutil

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM, LlamaForSequenceClassification

HERE = pathlib.Path(__file__).resolve().parents[1] / "Fixtures" / "checkpoint" / "peft"
ATTENTION = ["q_proj", "k_proj", "v_proj", "o_proj"]
CASES = {
    "attention": dict(target_modules=ATTENTION),
    "all-linear": dict(target_modules="all-linear"),
    "two-targets": dict(target_modules=["down_proj", "q_proj"], r=3, lora_alpha=5),
    "pattern-target": dict(target_modules=r".*layers\.1\.mlp\.(up|gate)_proj"),
    "rslora": dict(target_modules=ATTENTION, use_rslora=True),
    "rank-pattern": dict(target_modules="all-linear", rank_pattern={
        "layers.0.self_attn.q_proj": 2, r".*\.mlp\..*_proj": 3, "v_proj": 5},
        alpha_pattern={"v_proj": 7, r"layers\.1\..*": 11.5}),
    "rslora-pattern": dict(target_modules=ATTENTION, use_rslora=True, rank_pattern={"k_proj": 9},
                           alpha_pattern={"k_proj": 3}),
    "bias-all": dict(target_modules=ATTENTION, bias="all"),
    "bias-lora-only": dict(target_modules=["q_proj", "down_proj"], bias="lora_only"),
    "lora-bias": dict(target_modules=["q_proj", "up_proj"], lora_bias=True),
    "modules-to-save": dict(target_modules=ATTENTION, modules_to_save=["score", "embed_tokens"]),
    "dora": dict(target_modules="all-linear", use_dora=True),
    "dora-rslora": dict(target_modules=["v_proj"], use_dora=True, use_rslora=True, rank_pattern={"v_proj": 6}),
    # Meant for layers that store their weights transposed; peft sets it aside for linear layers.
    "fan-in-fan-out": dict(target_modules=ATTENTION, fan_in_fan_out=True),
    "causal": dict(target_modules="all-linear", task_type="CAUSAL_LM"),
    "causal-head": dict(target_modules=["q_proj", "lm_head"], task_type="CAUSAL_LM"),
}


def config():
    # Biases everywhere that Llama may have them, so that adapters that train biases have some to train.
    return LlamaConfig(vocab_size=32, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
                       num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=64, num_labels=5,
                       pad_token_id=0, attention_bias=True, mlp_bias=True)


def randomise(model, seed, only=None):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if only is None or any(part in name for part in only):
                scale = 0.2 if parameter.ndim > 1 else 0.1
                base = parameter.abs() if "magnitude" in name else 0
                parameter.copy_(base + torch.randn(parameter.shape, generator=generator) * scale)


def base(kind):
    model = kind(config())
    randomise(model, 1)
    return model.float().eval()


def main():
    shutil.rmtree(HERE, ignore_errors=True)
    HERE.mkdir(parents=True)
    base(LlamaForSequenceClassification).save_pretrained(HERE / "base")
    base(LlamaForCausalLM).save_pretrained(HERE / "base-causal")
    for name, options in CASES.items():
        options = {"task_type": "SEQ_CLS", "r": 4, "lora_alpha": 8, **options}
        kind = LlamaForCausalLM if options["task_type"] == "CAUSAL_LM" else LlamaForSequenceClassification
        model = base(kind)
        before = {key: value.clone() for key, value in model.state_dict().items()}
        adapted = get_peft_model(model, LoraConfig(**options))
        trained = ["lora_", "modules_to_save"] + (["bias"] if options.get("bias", "none") != "none" else [])
        if options.get("bias") == "lora_only":
            trained = ["lora_", "modules_to_save", "q_proj.base_layer.bias", "down_proj.base_layer.bias"]
        randomise(adapted, 7, trained)
        adapted.eval().save_pretrained(HERE / name)
        path = HERE / name / "adapter_config.json"
        written = json.loads(path.read_text())
        if options.get("fan_in_fan_out"):
            written["fan_in_fan_out"] = True
        if isinstance(written["target_modules"], list):  # a set in peft, in any order
            written["target_modules"].sort()
        path.write_text(json.dumps(written, indent=2, sort_keys=True))
        # From the files, not from memory: peft sorts the patterns when it saves them, and the first that matches wins.
        loaded = PeftModel.from_pretrained(base(kind), HERE / name).eval()
        merged = loaded.merge_and_unload().state_dict()
        changed = {key: value.contiguous().clone() for key, value in merged.items()
                   if key not in before or not torch.equal(value, before[key])}
        save_file(changed, HERE / name / "merged.safetensors")
        (HERE / name / "README.md").unlink(missing_ok=True)
        print(name, len(changed))


if __name__ == "__main__":
    main()
