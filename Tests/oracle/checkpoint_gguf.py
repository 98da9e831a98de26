"""Makes Tests/Fixtures/gguf/: small GGUF files and what other libraries make of them.

blocks.gguf     a tensor of every type that is decoded; expected.safetensors has gguf.dequantize of each as F32,
                types.json the sizes of every type.
                Q4_K and Q6_K blocks are cut from the real model's tensors, as the Python package cannot make them.
gemma3.gguf     a complete tiny Gemma 3 with a vocabulary; gemma3-base/ is what intentd must build of it, byte for byte:
                gguf dequantises, torch rounds, bitsandbytes quantises, safetensors and protobuf write.

Run: python Tests/oracle/checkpoint_gguf.py MODEL.gguf      (needs gguf, torch, transformers, bitsandbytes,
     safetensors, sentencepiece)
MODEL.gguf is the real base model, put together from its chunks.
"""
import json
import pathlib
import shutil
import sys

import bitsandbytes.functional as F
import numpy as np
import torch
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType as Q, GGUFReader, GGUFWriter, dequantize, quantize
from safetensors.numpy import save_file as save_numpy
from safetensors.torch import save_file

from checkpoint_base import tokenizer, transformers_name

HERE = pathlib.Path(__file__).resolve().parents[1] / "Fixtures" / "gguf"
torch.set_num_threads(1)


def cut(reader, kind, rows, columns):
    """Rows of whole blocks from the first real tensor of this type: raw bytes [rows, bytes]."""
    tensor = next(t for t in reader.tensors if t.tensor_type == kind)
    raw = np.array(tensor.data).reshape(-1)
    size = columns // 256 * {Q.Q4_K: 144, Q.Q6_K: 210}[kind]
    start = 1000 * size
    return raw[start:start + rows * size].reshape(rows, size)


def blocks(reader):
    rng = np.random.default_rng(1)
    halves = rng.integers(0, 1 << 16, (3, 64), dtype=np.uint16)
    halves[(halves & 0x7C00) == 0x7C00] = 0x0001  # no infinities or NaN; subnormal numbers stay
    normal = (rng.standard_normal((3, 64)) * 0.05).astype(np.float32)
    extreme = rng.integers(0, 256, (4, 34), dtype=np.uint8)
    extreme[:, :2] = np.array([[1, 0], [0xFF, 0x7B], [0, 0x80], [0x66, 0x2E]])  # least, greatest, -0, ordinary scale
    five = rng.integers(0, 256, (4, 22), dtype=np.uint8)
    five[:, :2] = extreme[:, :2]
    tensors = {
        "f32": (normal, Q.F32), "f16": (halves.view(np.float16), Q.F16),
        "bf16": (quantize(normal, Q.BF16), Q.BF16), "q8_0": (quantize(normal, Q.Q8_0), Q.Q8_0),
        "q8_0.bits": (extreme, Q.Q8_0), "q5_0": (quantize(normal, Q.Q5_0), Q.Q5_0), "q5_0.bits": (five, Q.Q5_0),
        "q4_k": (cut(reader, Q.Q4_K, 3, 512), Q.Q4_K), "q6_k": (cut(reader, Q.Q6_K, 3, 512), Q.Q6_K),
        "q4_0": (quantize(normal, Q.Q4_0), Q.Q4_0)}  # a type that is refused
    writer = GGUFWriter(HERE / "blocks.gguf", "test")
    writer.add_custom_alignment(64)
    writer.add_array("test.strings", ["a", "", "\u2581 \U0001F600"])
    writer.add_array("test.numbers", [1, -2, 3])
    writer.add_bool("test.flag", True)
    writer.add_float32("test.float", 0.5)
    expected = {}
    for name, (data, kind) in tensors.items():
        writer.add_tensor(name, data, raw_dtype=kind)
        expected[name] = dequantize(data, kind).astype(np.float32)
    close(writer)
    save_numpy(expected, HERE / "expected.safetensors")
    (HERE / "types.json").write_text(json.dumps(
        [{"name": kind.name, "number": int(kind), "elements": elements, "bytes": size}
         for kind, (elements, size) in GGML_QUANT_SIZES.items()]) + "\n")


def close(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def gemma3(reader):
    rng = np.random.default_rng(2)
    pieces = [("<pad>", 3), ("<eos>", 3), ("<bos>", 3), ("<unk>", 3), ("  ", 4), ("\n", 4), ("<start_of_turn>", 4)]
    pieces += [(f"<0x{byte:02X}>", 6) for byte in range(256)]
    pieces += [("\u2581", 1), ("a", 1), ("b", 1), ("ab", 1), ("\u2581a", 1), ("\u00e9", 1)]
    hidden, inner, heads, head, layers = 64, 256, 2, 32, 2
    writer = GGUFWriter(HERE / "gemma3.gguf", "gemma3")
    writer.add_context_length(256)
    writer.add_embedding_length(hidden)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(inner)
    writer.add_head_count(heads)
    writer.add_head_count_kv(1)
    writer.add_key_length(head)
    writer.add_value_length(head)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(1000000.0)
    writer.add_sliding_window(16)
    writer.add_tokenizer_model("llama")
    writer.add_token_list([text for text, _ in pieces])
    writer.add_token_scores([-float(i) if kind == 1 else 0.0 for i, (_, kind) in enumerate(pieces)])
    writer.add_token_types([kind for _, kind in pieces])
    writer.add_bos_token_id(2)
    writer.add_eos_token_id(1)
    writer.add_unk_token_id(3)
    writer.add_pad_token_id(0)
    writer.add_add_bos_token(True)
    writer.add_add_space_prefix(False)

    def add(name, shape, kind):
        values = (rng.standard_normal(shape) * 0.05).astype(np.float32)
        writer.add_tensor(name, values if kind == Q.F32 else quantize(values, kind), raw_dtype=kind)

    add("token_embd.weight", (len(pieces), hidden), Q.Q8_0)
    for layer in range(layers):
        prefix = f"blk.{layer}."
        for name, size in [("attn_q_norm", head), ("attn_k_norm", head), ("attn_norm", hidden),
                           ("post_attention_norm", hidden), ("ffn_norm", hidden), ("post_ffw_norm", hidden)]:
            # As the converter does it: a bfloat16 weight, plus one, in f32.
            weight = torch.from_numpy(rng.standard_normal(size).astype(np.float32) * 0.3).to(torch.bfloat16)
            writer.add_tensor(prefix + name + ".weight", (weight.float() + 1).numpy(), raw_dtype=Q.F32)
        add(prefix + "attn_q.weight", (heads * head, hidden), Q.Q5_0)
        add(prefix + "attn_k.weight", (head, hidden), Q.F16)
        add(prefix + "attn_v.weight", (head, hidden), Q.BF16)
        add(prefix + "attn_output.weight", (hidden, heads * head), Q.F32)
        add(prefix + "ffn_gate.weight", (inner, hidden), Q.Q5_0)
        add(prefix + "ffn_up.weight", (inner, hidden), Q.Q8_0)
        kind = [Q.Q4_K, Q.Q6_K][layer]
        writer.add_tensor(prefix + "ffn_down.weight", cut(reader, kind, hidden, inner), raw_dtype=kind)
    writer.add_tensor("output_norm.weight", (rng.standard_normal(hidden) * 0.3 + 1).astype(np.float32))
    close(writer)
    expected_base(GGUFReader(HERE / "gemma3.gguf"))


def expected_base(reader):
    folder = HERE / "gemma3-base"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    expected = {}
    for tensor in reader.tensors:
        shape = tuple(int(x) for x in tensor.shape[::-1])
        values = torch.from_numpy(np.array(dequantize(tensor.data, tensor.tensor_type), np.float32)).reshape(shape)
        name = transformers_name(tensor.name)
        weight = (values - 1 if name.endswith("norm.weight") else values).to(torch.bfloat16)
        if name.endswith("_proj.weight"):
            codes, state = F.quantize_4bit(weight, blocksize=64, compress_statistics=True, quant_type="nf4")
            expected[name] = codes
            expected.update({f"{name}.{key}": value for key, value in state.as_dict(packed=True).items()})
        else:
            expected[name] = weight
    save_file(expected, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "tokenizer.model").write_bytes(tokenizer(reader))
    # What transformers writes for this model: the defaults of its classes and the sizes above.
    from transformers import BitsAndBytesConfig, Gemma3ForCausalLM, Gemma3TextConfig
    field = lambda key: reader.fields["gemma3." + key].contents()
    config = Gemma3TextConfig(
        vocab_size=len(reader.fields["tokenizer.ggml.tokens"].contents()), hidden_size=field("embedding_length"),
        intermediate_size=field("feed_forward_length"), num_hidden_layers=field("block_count"),
        num_attention_heads=field("attention.head_count"), num_key_value_heads=field("attention.head_count_kv"),
        head_dim=field("attention.key_length"), query_pre_attn_scalar=field("attention.key_length"),
        sliding_window=field("attention.sliding_window"), max_position_embeddings=field("context_length"))
    scratch = HERE / ".scratch"
    Gemma3ForCausalLM(config).to(torch.bfloat16).save_pretrained(scratch)
    model = Gemma3ForCausalLM.from_pretrained(scratch, dtype=torch.bfloat16, quantization_config=BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16), device_map="cpu")
    model.save_pretrained(scratch)
    written = json.loads((scratch / "config.json").read_text())
    del written["transformers_version"]
    (folder / "config.json").write_text(json.dumps(written, indent=2, sort_keys=True) + "\n")
    shutil.rmtree(scratch)


if __name__ == "__main__":
    HERE.mkdir(parents=True, exist_ok=True)
    real = GGUFReader(sys.argv[1])
    blocks(real)
    gemma3(real)
