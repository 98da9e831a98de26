"""The recipe with transformers, peft and bitsandbytes alone arrives where the stack does."""
import json

import numpy as np
import pytest
import torch
from intentd_training import peft_files, plain
from intentd_training.messages import Pool
from intentd_training.trainer import CLASSES, Settings, StackShape, train
from safetensors.torch import save_file
from test_recipe import LAYERS, VOCABULARY, gemma_base, toy_jobs


@pytest.fixture
def folder(tmp_path):
    """The test's base as models/base is: bitsandbytes' tensors and a config."""
    base = gemma_base()
    save_file({k: v.contiguous() for k, v in base.tensors.items()}, tmp_path / "model.safetensors",
              metadata={"format": "pt"})
    (tmp_path / "config.json").write_text(json.dumps({
        "model_type": "gemma3_text", "vocab_size": VOCABULARY, "hidden_size": 640, "intermediate_size": 2048,
        "num_hidden_layers": LAYERS, "num_attention_heads": 4, "num_key_value_heads": 1, "head_dim": 256,
        "query_pre_attn_scalar": 256, "sliding_window": 512, "pad_token_id": 0, "eos_token_id": 1, "bos_token_id": 2,
        "layer_types": ["sliding_attention"] * LAYERS, "rms_norm_eps": 1e-6,
        "quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": "nf4",
                                "bnb_4bit_use_double_quant": True}}))
    return base, tmp_path


def test_plain_libraries_arrive_where_the_stack_does(folder):
    base, path = folder
    settings = Settings(rate=1e-3, plus_ratio=2.0, head_ratio=1.5, low_rank_dropout=0.0, head_dropout=0.0, margin=1.0,
                        repulsion=1.0, averaging=0.5, imitation=0.5)
    pool, jobs = toy_jobs(64, settings)
    jobs[0].rivals = np.zeros((CLASSES, CLASSES), np.float32)
    jobs[0].rivals[0, 1] = jobs[0].rivals[1, 0] = 1
    jobs[0].embedding = np.eye(CLASSES, 12, dtype=np.float16)[jobs[0].label]
    shape = StackShape(layers=LAYERS, device="cpu", compiled=False, dtype=torch.float32, epochs=2)
    log: list = []
    stack = train(base, pool, jobs[:1], shape, log=log)
    steps: list = []
    values = plain.run(str(path), LAYERS, pool, base.vocabulary, jobs[0], shape, torch.float32, log=steps)
    theirs = [c["cross_entropy"][0] for c in log[0]["curve"]]
    assert np.allclose([p.cross_entropy for p in steps], theirs, rtol=2e-3), (steps, theirs)
    bank = peft_files.bank_of(LAYERS, shape.rank)
    for name in bank.shapes:
        mine = bank.view(values[None], name)[0]
        other = stack.bank.view(stack.bank.value, name)[0]
        # bitsandbytes multiplies in bf16 on a CPU, and Adam's first steps have the sign of the smallest gradients:
        # 0.03 seen. Rates twice as high for B would be 0.5.
        assert (mine - other).norm() <= 0.06 * other.norm(), name
    assert steps[-1].cross_entropy < steps[0].cross_entropy and len(steps) == 8


def test_plain_libraries_train_what_the_recipe_trains_and_no_more(folder):
    _, path = folder
    model = plain.open_model(str(path), LAYERS, 16, 32, 0.1, "cpu", torch.float32)
    bank = peft_files.bank_of(LAYERS, 16)
    held = plain.parameters(model, bank)
    assert {n: tuple(v.shape[::-1]) for n, v in held.items()} == bank.shapes
    model.base_model.model.model.norm.weight.requires_grad_(True)
    with pytest.raises(ValueError, match="trains more"):
        plain.parameters(model, bank)
    import bitsandbytes as bnb

    four_bit = [m for m in model.modules() if isinstance(m, bnb.nn.Linear4bit)]
    assert len(four_bit) == 7 * LAYERS and all(m.weight.quant_state.nested for m in four_bit)


def test_plain_features_leave_out_bos_and_padding(folder):
    base, path = folder
    model = plain.open_model(str(path), LAYERS, 16, 32, 0.1, "cpu", torch.float32).eval()
    pool = Pool.of([np.array([2]), np.array([2, 5, 6, 7]), np.array([2, 9])])
    with torch.no_grad():
        feature, logits = plain.views(model, pool, base.vocabulary, np.arange(3), 0.0, "cpu")
        for i in range(3):
            alone, _ = plain.views(model, pool, base.vocabulary, np.array([i]), 0.0, "cpu")
            assert torch.allclose(feature[0, :, i], alone[0, :, 0], atol=1e-4)
    assert logits.shape == (1, 2, 3, CLASSES)
