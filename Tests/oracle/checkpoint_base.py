"""Checks a built base model against its GGUF, tensor by tensor, with libraries that are not ours: the Python gguf
package dequantises, torch rounds to bfloat16, bitsandbytes quantises, safetensors saves, sentencepiece's protobuf
writes the tokenizer. Every byte of model.safetensors and tokenizer.model must be the same.

Run: python Tests/oracle/checkpoint_base.py MODEL.gguf models/base      (needs gguf, torch, bitsandbytes, safetensors,
     sentencepiece, protobuf)
The GGUF file is the chunks in models/downloads, put together: cat models/downloads/*.part0? > MODEL.gguf
"""
import hashlib
import pathlib
import sys

import bitsandbytes.functional as F
import numpy as np
import torch
from gguf import GGUFReader, dequantize
from safetensors import safe_open
from safetensors.torch import save
from sentencepiece import sentencepiece_model_pb2 as pb

# torch adds 32768 values and more in parts, one a thread; one thread makes the mean of the scales reproducible.
torch.set_num_threads(1)

LAYER = {
    "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj", "attn_q_norm": "self_attn.q_norm", "attn_k_norm": "self_attn.k_norm",
    "attn_norm": "input_layernorm", "post_attention_norm": "post_attention_layernorm",
    "ffn_norm": "pre_feedforward_layernorm", "post_ffw_norm": "post_feedforward_layernorm"}


def transformers_name(name):
    if name == "token_embd.weight":
        return "model.embed_tokens.weight"
    if name == "output_norm.weight":
        return "model.norm.weight"
    _, layer, part, _ = name.split(".")
    return f"model.layers.{layer}.{LAYER[part]}.weight"


def tokenizer(reader):
    """The ModelProto, as the design's probe makes it."""
    field = lambda key: reader.fields["tokenizer.ggml." + key].contents()
    model = pb.ModelProto()
    for text, score, kind in zip(field("tokens"), np.array(field("scores"), np.float32), field("token_type")):
        piece = model.pieces.add()
        piece.piece = text.replace(" ", "\u2581") if kind == 4 else text
        # GGUF calls <unk> CONTROL; sentencepiece before 0.2.3 refuses a model without an UNKNOWN piece.
        piece.score, piece.type = float(score), 2 if text == "<unk>" else kind
    trainer, normalizer = model.trainer_spec, model.normalizer_spec
    trainer.model_type, trainer.vocab_size, trainer.byte_fallback = 2, len(model.pieces), True
    trainer.unk_id, trainer.bos_id, trainer.eos_id, trainer.pad_id = 3, 2, 1, 0
    trainer.unk_piece, trainer.bos_piece, trainer.eos_piece, trainer.pad_piece = "<unk>", "<bos>", "<eos>", "<pad>"
    normalizer.name = "identity"
    normalizer.add_dummy_prefix = normalizer.remove_extra_whitespaces = False
    normalizer.escape_whitespaces = True
    return model.SerializeToString()


def main(gguf_path, base):
    base = pathlib.Path(base)
    reader = GGUFReader(gguf_path)
    expected, kinds = {}, {}
    for tensor in reader.tensors:
        kind = tensor.tensor_type.name
        kinds[kind] = kinds.get(kind, 0) + 1
        shape = tuple(int(x) for x in tensor.shape[::-1])
        values = torch.from_numpy(np.array(dequantize(tensor.data, tensor.tensor_type), np.float32)).reshape(shape)
        name = transformers_name(tensor.name)
        if name.endswith("norm.weight"):
            values = values - 1
        weight = values.to(torch.bfloat16)
        if not name.endswith("_proj.weight"):
            expected[name] = weight
            continue
        codes, state = F.quantize_4bit(weight, blocksize=64, compress_statistics=True, quant_type="nf4")
        expected[name] = codes
        expected.update({f"{name}.{key}": value for key, value in state.as_dict(packed=True).items()})

    wrong = 0
    with safe_open(base / "model.safetensors", "pt") as file:
        names = set(file.keys())
        for name in sorted(names ^ set(expected)):
            print("only in", "the file:" if name in names else "the oracle:", name)
            wrong += 1
        for name in sorted(names & set(expected)):
            ours, theirs = file.get_tensor(name), expected[name]
            if ours.dtype != theirs.dtype or ours.shape != theirs.shape or not torch.equal(
                    ours.contiguous().view(torch.uint8), theirs.contiguous().view(torch.uint8)):
                print("differs:", name, ours.dtype, theirs.dtype, tuple(ours.shape), tuple(theirs.shape))
                wrong += 1
    blob = save(expected, metadata={"format": "pt"})
    same_file = hashlib.sha256(blob).digest() == hashlib.sha256((base / "model.safetensors").read_bytes()).digest()
    same_tokenizer = tokenizer(reader) == (base / "tokenizer.model").read_bytes()
    print(f"{len(reader.tensors)} GGUF tensors ({kinds}); {len(expected)} tensors compared, {wrong} wrong; "
          f"model.safetensors the same file: {same_file}; tokenizer.model the same file: {same_tokenizer}")
    return 0 if wrong == 0 and same_file and same_tokenizer else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
