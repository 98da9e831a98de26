"""Writes checkpoints of the shape of Llama 2 7B and TinyLlama 1.1B with random weights, as transformers, bitsandbytes
and peft save them, and compares intentd's answers with those of the libraries.

    python llama_shapes.py write llama-2-7b FOLDER     FOLDER/base in float16, sharded, and FOLDER/adapter
    python llama_shapes.py write tinyllama FOLDER      FOLDER/base in bfloat16, FOLDER/adapter, FOLDER/adapter-causal
    python llama_shapes.py compare FOLDER --adapter adapter --answers FILE --messages FILE
        opens FOLDER with transformers + peft + bitsandbytes, computes each message's logits in float32 on the
        dequantised weights, and compares with `intentd score --top-k 77`: the largest difference of a logit, relative
        to the largest logit. Exit status 1 above --bound. For a CAUSAL_LM adapter the logits are the labels'
        log-probabilities, by a run a label.

The linear layers are NF4, double-quantised, in blocks of 64. Their codes are drawn evenly: the 16 codes stand for
equal shares of a normal distribution (Dettmers et al. 2023), so the weights are normal ones. The scales go through
bitsandbytes' own second quantisation. The adapter is LoRA with r=16, alpha=32 on q, k, v and o, with a 77-way head.
The tokenizer is a real one of 32,000 pieces: Mistral 7B's, from the PyPI package mistral-common, of the same kind and
size as Llama 2's.
Needs torch, transformers, peft, bitsandbytes, safetensors, sentencepiece.
"""
import argparse
import json
import math
import pathlib
import shutil
import sys
import tempfile

import bitsandbytes as bnb
import numpy as np
import sentencepiece
import torch
from bitsandbytes.functional import QuantState, get_4bit_type, quantize_blockwise
from peft import LoraConfig, PeftModel
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, BitsAndBytesConfig, LlamaConfig

import sentencepiece_models

SHAPES = {
    "llama-2-7b": dict(
        dtype=torch.float16, shard_layers=8, hidden_size=4096, intermediate_size=11008, num_hidden_layers=32,
        num_attention_heads=32, num_key_value_heads=32, max_position_embeddings=4096),
    "tinyllama": dict(
        dtype=torch.bfloat16, shard_layers=None, hidden_size=2048, intermediate_size=5632, num_hidden_layers=22,
        num_attention_heads=32, num_key_value_heads=4, max_position_embeddings=2048),
}
LABELS = ["intent_%02d" % index for index in range(77)]
RANK, ALPHA, TARGETS = 16, 32, ["q_proj", "k_proj", "v_proj", "o_proj"]
PROMPT = {"template": "Message: {text}\nIntent:", "ending": "\n"}


def tokenizer(folder):
    with tempfile.TemporaryDirectory() as downloads:
        for path in sentencepiece_models.collect_real(downloads):
            if path.name == "tokenizer.model.v1":
                shutil.copy(path, folder / "tokenizer.model")
    assert sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.model")).vocab_size() == 32000


def four_bit(name, shape, dtype, rng):
    """The tensors that bitsandbytes saves for a linear layer of normal weights."""
    count = shape[0] * shape[1]
    codes = torch.from_numpy(rng.integers(0, 256, (count // 2, 1), dtype=np.uint8))
    # The largest magnitude of 64 normal values is about 2.4 deviations, give or take 0.45.
    deviation = 1 / math.sqrt(shape[1])
    maxima = rng.normal(2.4, 0.45, count // 64).clip(1, 5).astype(np.float32) * np.float32(deviation)
    maxima = torch.from_numpy(maxima)
    offset = maxima.mean()
    codes8, nested = quantize_blockwise(maxima - offset, blocksize=256)
    state = QuantState(
        absmax=codes8, shape=torch.Size(shape), dtype=dtype, blocksize=64, quant_type="nf4",
        code=get_4bit_type("nf4", device="cpu"), offset=offset, state2=nested)
    return {name: codes, **{f"{name}.{key}": value for key, value in state.as_dict(packed=True).items()}}


def normal(shape, deviation, dtype, rng, mean=0.0):
    return (torch.from_numpy(rng.standard_normal(shape, dtype=np.float32)) * deviation + mean).to(dtype)


def shards(config, dtype, shard_layers, rng):
    """The tensors, shard after shard: one is in memory at a time."""
    hidden, inner = config.hidden_size, config.intermediate_size
    key_value = config.num_key_value_heads * config.head_dim
    tensors = {"model.embed_tokens.weight": normal((config.vocab_size, hidden), 0.02, dtype, rng)}
    for index in range(config.num_hidden_layers):
        prefix = f"model.layers.{index}."
        for name, shape in {
                "self_attn.q_proj": (hidden, hidden), "self_attn.k_proj": (key_value, hidden),
                "self_attn.v_proj": (key_value, hidden), "self_attn.o_proj": (hidden, hidden),
                "mlp.gate_proj": (inner, hidden), "mlp.up_proj": (inner, hidden), "mlp.down_proj": (hidden, inner),
        }.items():
            tensors.update(four_bit(prefix + name + ".weight", shape, dtype, rng))
        for name in ("input_layernorm", "post_attention_layernorm"):
            tensors[prefix + name + ".weight"] = normal(hidden, 0.1, dtype, rng, mean=1.0)
        if shard_layers and (index + 1) % shard_layers == 0 and index + 1 < config.num_hidden_layers:
            yield tensors
            tensors = {}
        progress(index + 1, config.num_hidden_layers)
    tensors["model.norm.weight"] = normal(hidden, 0.1, dtype, rng, mean=1.0)
    tensors["lm_head.weight"] = normal((config.vocab_size, hidden), 1 / math.sqrt(hidden), dtype, rng)
    yield tensors


def progress(done, total):
    if sys.stderr.isatty():
        print("\r%d of %d layers " % (done, total), end="\n" if done == total else "", file=sys.stderr, flush=True)


def write_base(folder, shape, rng):
    folder.mkdir(parents=True)
    sizes = {key: value for key, value in shape.items() if key not in ("dtype", "shard_layers")}
    config = LlamaConfig(vocab_size=32000, bos_token_id=1, eos_token_id=2, **sizes)
    config.architectures = ["LlamaForCausalLM"]
    config.dtype = shape["dtype"]
    config.quantization_config = BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=shape["dtype"]).to_dict()
    config.save_pretrained(folder)
    tokenizer(folder)
    count = config.num_hidden_layers // shape["shard_layers"] if shape["shard_layers"] else 1
    names, total = {}, 0
    for index, tensors in enumerate(shards(config, shape["dtype"], shape["shard_layers"], rng)):
        name = "model.safetensors" if count == 1 else "model-%05d-of-%05d.safetensors" % (index + 1, count)
        save_file(tensors, folder / name, metadata={"format": "pt"})
        names.update(dict.fromkeys(tensors, name))
        total += sum(tensor.nbytes for tensor in tensors.values())
    if count > 1:
        (folder / "model.safetensors.index.json").write_text(json.dumps(
            {"metadata": {"total_size": total}, "weight_map": names}, indent=2, sort_keys=True) + "\n")
    return config


def write_adapter(folder, config, task, rng):
    folder.mkdir(parents=True)
    LoraConfig(
        task_type=task, r=RANK, lora_alpha=ALPHA, lora_dropout=0.05, target_modules=TARGETS, inference_mode=True,
        base_model_name_or_path="../base", modules_to_save=["score"] if task == "SEQ_CLS" else None
    ).save_pretrained(folder)
    hidden, key_value = config.hidden_size, config.num_key_value_heads * config.head_dim
    tensors = {}
    for index in range(config.num_hidden_layers):
        for name in TARGETS:
            path = f"base_model.model.model.layers.{index}.self_attn.{name}"
            outputs = key_value if name in ("k_proj", "v_proj") else hidden
            tensors[path + ".lora_A.weight"] = normal((RANK, hidden), 1 / math.sqrt(hidden), torch.float32, rng)
            tensors[path + ".lora_B.weight"] = normal((outputs, RANK), 0.05, torch.float32, rng)
    if task == "SEQ_CLS":
        tensors["base_model.model.score.weight"] = normal(
            (len(LABELS), hidden), 1 / math.sqrt(hidden), torch.float32, rng)
    else:
        (folder / "intentd.json").write_text(json.dumps({"format": 1, "prompt": PROMPT}, indent=2) + "\n")
    save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    (folder / "labels.json").write_text(json.dumps(LABELS) + "\n")


def write(arguments):
    rng = np.random.default_rng(20231)
    shape = SHAPES[arguments.shape]
    assert not arguments.folder.exists(), f"{arguments.folder} is there already"
    config = write_base(arguments.folder / "base", shape, rng)
    write_adapter(arguments.folder / "adapter", config, "SEQ_CLS", rng)
    if arguments.shape == "tinyllama":
        write_adapter(arguments.folder / "adapter-causal", config, "CAUSAL_LM", rng)
    size = sum(path.stat().st_size for path in arguments.folder.rglob("*") if path.is_file())
    print("%s: %.2f GB" % (arguments.folder, size / 1e9))
    return 0


class Dequantised(torch.nn.Module):
    """A 4-bit linear layer that computes in float32. It is dequantised at each use: 7 billion floats would not fit."""

    def __init__(self, layer):
        super().__init__()
        self.layer = [layer]  # in a list, so that .float() leaves it alone

    def forward(self, rows):
        weight = self.layer[0].weight
        return torch.nn.functional.linear(
            rows, bnb.functional.dequantize_4bit(weight.data, weight.quant_state).float())


def in_float32(model):
    """The same weights, dequantised by bitsandbytes; the adapter stays beside them. All arithmetic is float32.

    The model was loaded as float32: in a 16-bit one, PEFT rounds the adapter's head to 16 bits.
    """
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, bnb.nn.Linear4bit):
                setattr(module, name, Dequantised(child))
    return torch.nn.Module.float(model).eval()


def label_scores(model, pieces, text):
    """Log-probability of each label behind the prompt: one run a label, nothing shared."""
    before, after = PROMPT["template"].split("{text}")
    prompt = [pieces.bos_id()] + pieces.encode(before + text + after)
    suffix = pieces.encode(after)
    result = []
    for label in LABELS:
        ids = pieces.encode(after + label + PROMPT["ending"])
        assert ids[:len(suffix)] == suffix
        label_ids = ids[len(suffix):]
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([prompt + label_ids])).logits[0]
        log_probabilities = torch.log_softmax(logits.double(), dim=-1)
        result.append(sum(log_probabilities[len(prompt) - 1 + i, token].item() for i, token in enumerate(label_ids)))
    return result


def compare(arguments):
    adapter = arguments.folder / arguments.adapter
    task = json.loads((adapter / "adapter_config.json").read_text())["task_type"]
    if task == "SEQ_CLS":
        model = AutoModelForSequenceClassification.from_pretrained(
            arguments.folder / "base", num_labels=len(LABELS), dtype=torch.float32, device_map="cpu")
        model.config.pad_token_id = 0
    else:
        model = AutoModelForCausalLM.from_pretrained(arguments.folder / "base", dtype=torch.float32, device_map="cpu")
    four_bit_layers = sum(isinstance(module, bnb.nn.Linear4bit) for module in model.modules())
    assert four_bit_layers == 7 * model.config.num_hidden_layers, four_bit_layers
    model = in_float32(PeftModel.from_pretrained(model, adapter))
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(arguments.folder / "base" / "tokenizer.model"))
    texts = [line for line in arguments.messages.read_text(encoding="utf-8").split("\n") if line]
    answers = [json.loads(line) for line in arguments.answers.read_text(encoding="utf-8").splitlines()]
    assert len(texts) == len(answers) and texts
    worst, agreed = 0.0, 0
    for text, answer in zip(texts, answers):
        if task == "SEQ_CLS":
            with torch.no_grad():
                logits = model(input_ids=torch.tensor([[pieces.bos_id()] + pieces.encode(text)])).logits[0].double()
        else:
            logits = torch.tensor(label_scores(model, pieces, text), dtype=torch.float64)
        found = {entry["intent"]: entry["confidence"] for entry in answer["intents"]}
        # A confidence that is 0 or nearly says little of its logit; the logits are fixed but for a constant.
        kept = torch.tensor([found[label] > 1e-30 for label in LABELS])
        ours = torch.tensor([math.log(max(found[label], 1e-300)) for label in LABELS], dtype=torch.float64)
        best = logits.argmax()
        difference = ((ours - ours[best]) - (logits - logits[best]))[kept].abs().max().item()
        relative = difference / logits.abs().max().item()
        agreed += answer["intents"][0]["intent"] == LABELS[best]
        print("%d of %d logits compared, largest difference %.2e of the largest logit %.3f" % (
            kept.sum(), len(LABELS), relative, logits.abs().max().item()), flush=True)
        worst = max(worst, relative)
    print("%d messages, %d with the same intent; worst %.2e, bound %.0e" % (len(texts), agreed, worst, arguments.bound))
    return 0 if worst <= arguments.bound else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    writing = commands.add_parser("write")
    writing.add_argument("shape", choices=SHAPES)
    writing.add_argument("folder", type=pathlib.Path)
    comparing = commands.add_parser("compare")
    comparing.add_argument("folder", type=pathlib.Path)
    comparing.add_argument("--adapter", default="adapter")
    comparing.add_argument("--messages", type=pathlib.Path, required=True)
    comparing.add_argument("--answers", type=pathlib.Path, required=True)
    comparing.add_argument("--bound", type=float, default=1e-4)
    arguments = parser.parse_args()
    return write(arguments) if arguments.command == "write" else compare(arguments)


if __name__ == "__main__":
    sys.exit(main())
