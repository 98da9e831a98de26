"""Makes Tests/Fixtures/checkpoint/: 4-bit weights as bitsandbytes saves them, with what it decodes them to, and what
it encodes given weights to.

decode.safetensors   weights NAME and companions in every kind, block size, format and storage that bitsandbytes has;
                     NAME.expected holds its own dequantised values.
encode.safetensors   weights IN.NAME and, under NAME, the NF4 double-quantised form that bitsandbytes gives on a CPU.
means.json           torch.mean of f32 vectors of many lengths: the offset of double quantisation.
plain/, nf4/         a tiny Llama in bfloat16, and what transformers saves of it after quantising it at load.
sharded/, single/    the same with bfloat16 storage, in shards with an index and in one file.
eight-bit/           the same in LLM.int8, which intentd refuses.

Run: python Tests/oracle/checkpoint_bitsandbytes.py     (needs torch, bitsandbytes, transformers, safetensors)
"""
import json
import pathlib
import shutil

import bitsandbytes.functional as F
import torch
from safetensors.torch import save_file
from transformers import BitsAndBytesConfig, LlamaConfig, LlamaForSequenceClassification

HERE = pathlib.Path(__file__).resolve().parents[1] / "Fixtures" / "checkpoint"
# torch adds 32768 values and more in parts, one a thread.
torch.set_num_threads(1)


def contents(name, weight, **options):
    codes, state = F.quantize_4bit(weight, **options)
    tensors = {name: codes.contiguous()}
    tensors.update({f"{name}.{key}": value.contiguous() for key, value in state.as_dict(packed=True).items()})
    return tensors, codes, state


def decode():
    torch.manual_seed(1)
    cases = {}
    for kind in ("nf4", "fp4"):
        for double in (False, True):
            for size in (32, 64, 128, 256, 512, 1024, 2048, 4096):
                shape = (66, 66) if size > 1024 else (26, 66)
                cases[f"{kind}-{'double' if double else 'single'}-{size}"] = (shape, torch.bfloat16, torch.uint8, dict(
                    quant_type=kind, compress_statistics=double, blocksize=size))
    for kind in ("nf4", "fp4"):
        for dtype in (torch.float16, torch.float32):
            cases[f"{kind}-{str(dtype)[6:]}"] = ((26, 66), dtype, torch.uint8, dict(
                quant_type=kind, compress_statistics=True, blocksize=64))
    for storage in (torch.bfloat16, torch.float16, torch.float32, torch.float64, torch.int8):
        cases[f"storage-{str(storage)[6:]}"] = ((32, 64), torch.bfloat16, storage, dict(
            quant_type="nf4", compress_statistics=True, blocksize=64, quant_storage=storage))
    cases["odd-columns"] = ((8, 9), torch.bfloat16, torch.uint8, dict(
        quant_type="nf4", compress_statistics=False, blocksize=64))
    tensors = {}
    for name, (shape, dtype, storage, options) in cases.items():
        # Rows of very different sizes, so that blocks across rows and extreme scales show.
        weight = torch.randn(shape) * torch.logspace(-6, 2, shape[0])[torch.randperm(shape[0])].unsqueeze(1)
        saved, codes, state = contents(name + ".weight", weight.to(dtype), **options)
        assert codes.dtype == storage
        tensors.update(saved)
        tensors[name + ".weight.expected"] = F.dequantize_4bit(codes, state).reshape(shape).contiguous()
    save_file(tensors, HERE / "decode.safetensors")


def encode():
    torch.manual_seed(2)
    zeros = torch.randn(8, 64)
    zeros[2:4] = 0
    tiny = torch.randn(8, 64) * 1e-39
    midpoints = torch.tensor(F.get_4bit_type("nf4", device="cpu").tolist())
    midpoints = (midpoints[1:] + midpoints[:-1]) / 2
    ties = torch.stack([torch.cat([torch.ones(1), midpoints, midpoints.nextafter(torch.tensor(2.0)),
                                   midpoints.nextafter(torch.tensor(-2.0)), torch.zeros(18)]) * s for s in (1, 0.37)])
    cases = {
        "bfloat16": torch.randn(80, 128).to(torch.bfloat16), "float16": torch.randn(24, 64).to(torch.float16),
        "float32": torch.randn(24, 64), "spread": torch.randn(130, 64) * torch.logspace(-8, 3, 130).unsqueeze(1),
        "zeros": zeros, "all-zeros": torch.zeros(4, 64), "tiny": tiny, "ties": ties, "odd": torch.randn(3, 5),
        "remainder": torch.randn(7, 30).to(torch.bfloat16), "odd-remainder": torch.randn(5, 27),
        "one": torch.tensor([[0.3]]), "tiny-remainder": torch.randn(1, 70) * 1e-39,
        "many-blocks": torch.randn(300, 64).to(torch.bfloat16)}
    tensors = {}
    for name, weight in cases.items():
        tensors["IN." + name] = weight.contiguous()
        tensors.update(contents(name, weight, quant_type="nf4", compress_statistics=True, blocksize=64)[0])
    save_file(tensors, HERE / "encode.safetensors")


def means():
    """Values that a generator both sides have makes: the bits of x[i] are known without a file."""
    cases = []
    long = [127, 128, 129, 511, 512, 640, 1000, 2560, 4099, 10240, 20480, 20483, 65536, 176128]
    for count in [*range(1, 80), *long]:
        index = torch.arange(count, dtype=torch.int64)
        mixed = (index * 2654435761 + 12345) % 4294967296
        values = (mixed >> 8).to(torch.float32) * 2.0 ** -26
        cases.append({"count": count, "mean": values.mean().item()})
    (HERE / "means.json").write_text(json.dumps(cases))


def llama():
    torch.manual_seed(3)
    config = LlamaConfig(vocab_size=64, hidden_size=64, intermediate_size=96, num_hidden_layers=2,
                         num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=128, num_labels=5,
                         pad_token_id=0)
    scratch = HERE / ".scratch"
    LlamaForSequenceClassification(config).to(torch.bfloat16).save_pretrained(scratch)
    four = dict(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True,
                bnb_4bit_compute_dtype=torch.bfloat16, llm_int8_skip_modules=["score"])
    shutil.rmtree(HERE / "plain", ignore_errors=True)
    shutil.copytree(scratch, HERE / "plain")
    for options, names in [
        (four, [("nf4", "5GB")]),
        ({**four, "bnb_4bit_quant_storage": torch.bfloat16}, [("single", "5GB"), ("sharded", "30KB")]),
        (dict(load_in_8bit=True, llm_int8_skip_modules=["score"]), [("eight-bit", "5GB")])]:
        model = LlamaForSequenceClassification.from_pretrained(
            scratch, dtype=torch.bfloat16, quantization_config=BitsAndBytesConfig(**options), device_map="cpu")
        for name, size in names:
            shutil.rmtree(HERE / name, ignore_errors=True)
            model.save_pretrained(HERE / name, max_shard_size=size)
    shutil.rmtree(scratch)


if __name__ == "__main__":
    HERE.mkdir(parents=True, exist_ok=True)
    decode()
    encode()
    means()
    llama()
