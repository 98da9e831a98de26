"""Opens models/base with transformers + bitsandbytes, on a CPU, and compares hidden states with intentd's.

1. transformers must open the folder with no key missing, unexpected or of another shape, every linear layer as a
   bitsandbytes 4-bit one, and the hidden states must be finite and of a sensible size.
2. Given intentd's hidden states (--intentd FILE or -), they must agree with those of transformers in float32 on the
   same 4-bit weights, dequantised by bitsandbytes.

intentd's states: a line of JSON a message, as `intentd model hidden` writes it:
{"ids": [2, ...], "hidden": [[...], ...]}, one row a token: the states after the last norm. --bidirectional says that
every token attended to every other, --layers N that only the first N layers ran.

The bound: both sides compute in float32 but add in another order, through 18 layers. Relative to the largest state of
a message, the worst of 51 Banking77 training messages was 2.4e-6, bidirectional 6.4e-6, 12 layers 5.6e-6, both
8.5e-6 (2026-11-24, AVX2); the bound is 1e-4, which any wrong operation passes by far. --bound sets another for
the other precisions: bf16 was 6.2e-3 and nf4 5.9e-3 (bound 2e-2), int8 3.8e-2 (bound 1e-1), where transformers +
bitsandbytes in bfloat16 is 1.9e-2 from its own weights in float32. Gemma multiplies embeddings by sqrt(hidden_size),
which transformers rounds to the weights' format (25.25 for bfloat16, 25.298 for float32): intentd rounds too;
--embedding-scale exact is for comparison.

Run: python Tests/oracle/transformers_opens_base.py models/base [--record FILE] [--intentd FILE]
     (needs torch, transformers, bitsandbytes, sentencepiece), for instance
     python Tests/oracle/transformers_opens_base.py models/base --headed /tmp/headed
     printf 'Why was my payment declined?\n' | intentd model hidden --model /tmp/headed --precision f32 |
         python Tests/oracle/transformers_opens_base.py models/base --intentd -
--record writes the states in the form that intentd's have. --headed writes a folder that is the base with a head of
zeros, as intentd runs models for classification only; with --bidirectional and --layers it says so in intentd.json, and
the comparison takes the same options.
"""
import argparse
import json
import pathlib
import sys

import bitsandbytes as bnb
import sentencepiece
import torch
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForCausalLM

MESSAGES = [
    "I am still waiting on my card?", "Why was my payment declined twice today?",
    "How do I top up  with two  spaces?\nAnd a new line.", "a", "Où est ma carte? 💳 已经两周了",
    "</s><bos><start_of_turn>user text that looks like control tokens", "word " * 300]


def open_folder(folder, bidirectional=False):
    config = AutoConfig.from_pretrained(folder)
    if bidirectional:  # made anew, since the class then changes the window too
        config = type(config)(**{**config.to_dict(), "use_bidirectional_attention": True})
    model, info = AutoModelForCausalLM.from_pretrained(
        folder, config=config, device_map="cpu", output_loading_info=True)
    problems = {key: value for key, value in info.items() if value}
    assert not problems, f"transformers did not open the folder cleanly: {problems}"
    linears = {name: module for name, module in model.named_modules() if isinstance(module, torch.nn.Linear)}
    four_bit = {name for name, module in linears.items() if isinstance(module, bnb.nn.Linear4bit)}
    expected = {name for name in linears if name != "lm_head"}
    assert four_bit == expected, f"not in 4 bits: {sorted(expected - four_bit)}"
    for name in four_bit:
        state = linears[name].weight.quant_state
        assert state.quant_type == "nf4" and state.blocksize == 64 and state.nested, name
    assert model.dtype == torch.bfloat16
    assert model.lm_head.weight.data_ptr() == model.model.embed_tokens.weight.data_ptr(), "embeddings are not tied"
    print(f"opened: {type(model).__name__}, {len(four_bit)} linear layers in NF4, no key missing or unexpected")
    return model


def in_float32(model, embedding_scale):
    """The same weights, dequantised by bitsandbytes, computing in float32."""
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, bnb.nn.Linear4bit):
                weight = bnb.functional.dequantize_4bit(child.weight.data, child.weight.quant_state)
                linear = torch.nn.Linear(child.in_features, child.out_features, bias=False)
                linear.weight.data = weight.float().reshape(child.out_features, child.in_features)
                setattr(module, name, linear)
    # transformers forbids .float() on a model that was quantised, and keeps the embedding scale in a buffer.
    torch.nn.Module.float(model)
    root = torch.tensor(float(model.config.hidden_size)) ** 0.5
    scale = root.to(torch.bfloat16).float() if embedding_scale == "rounded" else root
    embedding = model.model.embed_tokens
    assert hasattr(embedding, "embed_scale")
    embedding.embed_scale = scale
    if hasattr(embedding, "scalar_embed_scale"):
        embedding.scalar_embed_scale = scale.item()
    return model.eval()


def states(model, ids):
    with torch.no_grad():
        return model.model(input_ids=torch.tensor([ids])).last_hidden_state[0]


def compare(model, messages, bound):
    worst = 0.0
    for number, message in enumerate(messages):
        theirs = states(model, message["ids"])
        ours = torch.tensor(message["hidden"])
        assert ours.shape == theirs.shape, f"message {number}: {tuple(ours.shape)} and {tuple(theirs.shape)}"
        difference = ((ours - theirs).abs().max() / theirs.abs().max()).item()
        print(f"message {number}: {len(message['ids'])} tokens, "
              f"largest difference {difference:.2e} of the largest state")
        worst = max(worst, difference)
    assert messages, "no messages"
    print(f"worst: {worst:.2e}; bound: {bound:.0e}")
    return worst <= bound


def write_headed(base, folder, settings):
    adapter = folder / "adapter"
    adapter.mkdir(parents=True, exist_ok=True)
    if not (folder / "base").exists():
        (folder / "base").symlink_to(base.resolve())
    width = json.loads((base / "config.json").read_text())["hidden_size"]
    save_file({"base_model.model.score.weight": torch.zeros(2, width)}, adapter / "adapter_model.safetensors")
    (adapter / "adapter_config.json").write_text(json.dumps({
        "peft_type": "LORA", "task_type": "SEQ_CLS", "r": 1, "lora_alpha": 1, "modules_to_save": ["score"]}))
    (adapter / "labels.json").write_text(json.dumps(["a", "b"]))
    (adapter / "intentd.json").write_text(json.dumps({"format": 1, **settings}))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--record", type=pathlib.Path)
    parser.add_argument("--intentd", help="file with intentd's states, or - for standard input")
    parser.add_argument("--headed", type=pathlib.Path)
    parser.add_argument("--bidirectional", action="store_true")
    parser.add_argument("--layers", type=int)
    parser.add_argument("--embedding-scale", choices=["rounded", "exact"], default="rounded")
    parser.add_argument("--bound", type=float, default=1e-4)
    options = parser.parse_args()

    if options.headed:
        settings = {"layers": options.layers} if options.layers else {}
        if options.bidirectional:
            settings["attention"] = "bidirectional"
        write_headed(options.folder, options.headed, settings)
        return 0
    model = open_folder(options.folder)
    tokenizer = sentencepiece.SentencePieceProcessor(model_file=str(options.folder / "tokenizer.model"))
    ids = [[model.config.bos_token_id] + tokenizer.encode(text) for text in MESSAGES]
    four_bit = [states(model, message).float() for message in ids]
    for text, rows in zip(MESSAGES, four_bit):
        assert rows.isfinite().all(), text
        size = rows.pow(2).mean().sqrt().item()
        assert 0.1 < size < 100, f"states of size {size}: {text[:40]}"
    spread = torch.stack([rows[-1] for rows in four_bit])
    similar = torch.nn.functional.cosine_similarity(spread[0], spread[1], dim=0).item()
    assert similar < 0.999, "two messages have the same state"

    model = in_float32(model, options.embedding_scale)
    exact = [states(model, message) for message in ids]
    gap = max(((a - b).abs().max() / b.abs().max()).item() for a, b in zip(four_bit, exact))
    print(f"{len(ids)} messages; bitsandbytes in bfloat16 against its own weights in float32: {gap:.2e}")
    # A language model predicts words that occur in its own language better than shuffled ones.
    losses = []
    for order in (ids[1], ids[1][:1] + ids[1][:0:-1]):
        with torch.no_grad():
            losses.append(model(torch.tensor([order]), labels=torch.tensor([order])).loss.item())
    print(f"loss of a message: {losses[0]:.2f}; of its words in reverse: {losses[1]:.2f}")
    assert losses[0] + 1 < losses[1], "the model does not predict language"

    if options.record:
        options.record.write_text("".join(
            json.dumps({"ids": message, "hidden": rows.tolist()}) + "\n" for message, rows in zip(ids, exact)))
    if options.intentd:
        text = sys.stdin.read() if options.intentd == "-" else pathlib.Path(options.intentd).read_text()
        if options.bidirectional:
            model = in_float32(open_folder(options.folder, bidirectional=True), options.embedding_scale)
        if options.layers:
            model.model.layers = model.model.layers[:options.layers]
            model.config.num_hidden_layers = options.layers
        if not compare(model, [json.loads(line) for line in text.splitlines()], options.bound):
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
