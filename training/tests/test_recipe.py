"""The recipe on a CPU: its parts against bitsandbytes, transformers and peft, and a few real training steps.

Run: python -m pytest -q training/tests
"""
import json
import random
import warnings
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from intentd_training import calibration, compare, confidence, confusion, distance, embedding, finish, fourbit, losses, merge
from intentd_training import paired, peft_files, perturb, prepare
from intentd_training.base import BasePack
from intentd_training.means import mean_stack
from intentd_training.messages import MAX_TOKENS, ROW, Pool, deal, pack
from intentd_training.mpnet import TARGETS as MPNET_TARGETS
from intentd_training.recipe import Recipe
from intentd_training.trainer import CLASSES, Job, Part, Settings, Stack, StackShape, initialise, predict, schedule
from intentd_training.trainer import train

TRAINING = Path(__file__).resolve().parents[1]
LAYERS, VOCABULARY = 2, 96
SHAPE = StackShape(layers=LAYERS, device="cpu", compiled=False, dtype=torch.float32)


def gemma_base(seed: int = 0) -> BasePack:
    """Two random layers of the real sizes, quantised as the real base is."""
    random_ = torch.Generator().manual_seed(seed)
    tensors = {"model.embed_tokens.weight": (torch.randn(VOCABULARY, 640, generator=random_) * 0.05).bfloat16(),
               "model.norm.weight": (torch.randn(640, generator=random_) * 0.2).bfloat16()}
    sizes = {"self_attn.q_proj": (1024, 640), "self_attn.k_proj": (256, 640), "self_attn.v_proj": (256, 640),
             "self_attn.o_proj": (640, 1024), "mlp.gate_proj": (2048, 640), "mlp.up_proj": (2048, 640),
             "mlp.down_proj": (640, 2048)}
    norms = {"input_layernorm": 640, "post_attention_layernorm": 640, "pre_feedforward_layernorm": 640,
             "post_feedforward_layernorm": 640, "self_attn.q_norm": 256, "self_attn.k_norm": 256}
    for i in range(LAYERS):
        for name, (out, inputs) in sizes.items():
            weight = (torch.randn(out, inputs, generator=random_) * inputs ** -0.5).bfloat16()
            tensors.update(fourbit.encode(weight, f"model.layers.{i}.{name}.weight"))
        for name, size in norms.items():
            tensors[f"model.layers.{i}.{name}.weight"] = (torch.randn(size, generator=random_) * 0.2).bfloat16()
    return BasePack("gemma3", tensors, np.arange(VOCABULARY))


def messages(count: int, seed: int = 1) -> list[np.ndarray]:
    source = np.random.default_rng(seed)
    return [np.concatenate([[2], source.integers(4, VOCABULARY, source.integers(1, 30))]) for _ in range(count)]


def test_nf4_decoding_equals_bitsandbytes():
    import bitsandbytes.functional as bnb
    from bitsandbytes.functional import QuantState

    weight = (torch.randn(192, 640, generator=torch.Generator().manual_seed(3)) * 0.03).bfloat16()
    tensors = fourbit.encode(weight, "w")
    state = QuantState.from_dict({k[2:]: v for k, v in tensors.items() if k != "w"}, device=torch.device("cpu"))
    theirs = bnb.dequantize_4bit(tensors["w"], state).reshape(192, 640)
    assert torch.equal(fourbit.decode(tensors, "w"), theirs.bfloat16())


def test_packing_places_every_token_once():
    pool = Pool.of(messages(64))
    packed = pack(pool, np.arange(64)[None], rows=10)
    assert packed.kept.all()
    for message in range(64):
        where = np.flatnonzero(packed.segment[0].ravel() == message)
        found = packed.ids[0].ravel()[where]
        assert (found == pool.flat[pool.start[message]:pool.start[message] + pool.length[message]]).all()
        assert (packed.position[0].ravel()[where] == np.arange(len(where))).all()
        assert where[0] // ROW == where[-1] // ROW
    assert (packed.segment >= 0).sum() == pool.length.sum()


def test_packing_leaves_out_what_does_not_fit():
    pool = Pool.of([np.full(90, 5), np.full(60, 6), np.full(30, 7)])
    packed = pack(pool, np.array([[0, 1, 2, -1]]), rows=1)
    assert packed.kept.tolist() == [[True, False, True, False]]


def test_long_messages_are_cut():
    assert Pool.of([np.arange(200)]).length.tolist() == [MAX_TOKENS]


def test_dealing_gives_each_message_at_most_once_with_one_mix_of_lengths():
    length = np.array([len(m) for m in messages(300)])
    batches = deal(np.arange(300), length, 8, np.random.default_rng(0))
    assert batches.shape == (37, 8) and len(np.unique(batches)) == 37 * 8
    totals = length[batches].sum(1)
    assert totals.std() < 0.15 * totals.mean()


def gemma_reference(base: BasePack, causal: bool = False):
    from transformers import Gemma3TextConfig, Gemma3TextForSequenceClassification

    config = Gemma3TextConfig(
        vocab_size=VOCABULARY, hidden_size=640, intermediate_size=2048, num_hidden_layers=LAYERS,
        num_attention_heads=4, num_key_value_heads=1, head_dim=256, query_pre_attn_scalar=256, sliding_window=512,
        use_bidirectional_attention=not causal, pad_token_id=0, num_labels=CLASSES)
    model = Gemma3TextForSequenceClassification(config).eval()
    state = {}
    for name, value in model.state_dict().items():
        if name == "score.weight":
            state[name] = value
        elif "embed_tokens" in name:
            state[name] = base.embedding(name).float()
        else:
            state[name] = base.matrix(name).float() if value.ndim == 2 else base.vector(name)
    model.load_state_dict(state)
    model.model.embed_tokens.embed_scale.fill_(25.25)
    return model


def randomised(stack: Stack, seed: int = 5) -> torch.Tensor:
    values = torch.randn(stack.bank.value.shape, generator=torch.Generator().manual_seed(seed)) * 0.02
    return values.bfloat16().float()


def test_stack_equals_transformers_and_peft(tmp_path):
    import peft

    base = gemma_base()
    stack = Stack(base, 2, SHAPE)
    stack.bank.value.copy_(randomised(stack))
    sequences = messages(6) + [np.array([2])]
    ours, features = predict(stack, Pool.of(sequences), [np.arange(7)] * 2, batch=4, features=True)
    for index in range(2):
        folder = tmp_path / str(index)
        peft_files.write(stack.bank.value[index], LAYERS, 16, 32, 0.1, [str(i) for i in range(CLASSES)], folder)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.simplefilter("ignore", FutureWarning)
            model = peft.PeftModel.from_pretrained(gemma_reference(base), folder).eval().base_model.model
        for i, ids in enumerate(sequences):
            with torch.no_grad():
                hidden = model.model(input_ids=torch.from_numpy(ids)[None].long()).last_hidden_state[0]
                pooled = (hidden[1:] if len(ids) > 1 else hidden).mean(0)
                theirs = model.score(pooled)
            assert torch.allclose(torch.from_numpy(ours[index][i]), theirs, atol=2e-4 * theirs.abs().max().item())
            assert torch.allclose(torch.from_numpy(features[index][i]).float(), pooled, atol=0.02, rtol=2e-3)
        bank, layers = peft_files.read(folder)
        assert layers == LAYERS and torch.equal(bank.value[0], stack.bank.value[index])


def test_mpnet_stack_equals_transformers():
    from transformers import MPNetConfig, MPNetModel

    config = MPNetConfig(vocab_size=VOCABULARY, num_hidden_layers=LAYERS, max_position_embeddings=514,
                         relative_attention_num_buckets=32, layer_norm_eps=1e-5)
    torch.manual_seed(0)
    model = MPNetModel(config, add_pooling_layer=False).eval()
    tensors, state = {}, {}
    for name, value in model.state_dict().items():
        value = value if name.endswith("position_ids") else (value + 0.02 * torch.randn(value.shape)).bfloat16()
        if value.ndim == 2 and name.startswith("encoder.layer."):
            tensors.update(fourbit.encode(value, name))
            state[name] = fourbit.decode(tensors, name).float()
        else:
            tensors[name] = value
            state[name] = value if name.endswith("position_ids") else value.float()
    model.load_state_dict(state)
    base = BasePack("mpnet", tensors, np.arange(VOCABULARY))
    stack = Stack(base, 1, SHAPE)
    assert len(MPNET_TARGETS) * 2 * LAYERS + 1 == len(stack.bank.shapes)
    sequences = messages(5)
    _, features = predict(stack, Pool.of(sequences), [np.arange(5)], batch=8, features=True)
    for i, ids in enumerate(sequences):
        with torch.no_grad():
            theirs = model(input_ids=torch.from_numpy(ids)[None].long(),
                           position_ids=torch.arange(2, 2 + len(ids))[None]).last_hidden_state[0].mean(0)
        assert torch.allclose(torch.from_numpy(features[0][i]).float(), theirs, atol=3e-3)


def toy_jobs(count: int, settings=Settings()) -> tuple[Pool, list[Job]]:
    """Messages whose class shows in their first piece."""
    source = np.random.default_rng(2)
    label = source.integers(0, 8, count)
    sequences = [np.concatenate([[2, 10 + c], source.integers(30, VOCABULARY, source.integers(1, 6))]) for c in label]
    target = np.zeros((count, CLASSES), np.float16)
    target[np.arange(count), label] = 1
    part = [Part(np.arange(count), 16)]
    return Pool.of(sequences), [Job(str(i), settings, part, target, label, seed=i, initial_seed=9) for i in range(2)]


def test_a_few_steps_learn_and_repeat():
    pool, jobs = toy_jobs(64)
    shape = StackShape(layers=LAYERS, device="cpu", compiled=False, dtype=torch.float32, epochs=3)
    log: list = []
    stack = train(gemma_base(), pool, jobs, shape, log=log)
    first, last = log[0]["curve"][0]["cross_entropy"], log[0]["curve"][-1]["cross_entropy"]
    assert all(b < a for a, b in zip(first, last)), (first, last)
    assert log[0]["steps"] == 12 and log[0]["left_out"] == 0
    again = train(gemma_base(), pool, jobs, shape)
    assert torch.equal(stack.bank.value, again.bank.value)


def test_models_of_a_stack_do_not_touch_each_other():
    pool, jobs = toy_jobs(32, Settings(low_rank_dropout=0.0, head_dropout=0.0))
    shape = StackShape(layers=LAYERS, device="cpu", compiled=False, dtype=torch.float32, epochs=1)
    both = train(gemma_base(), pool, jobs, shape).bank.value[0]
    alone = train(gemma_base(), pool, jobs[:1], shape).bank.value[0]
    assert torch.allclose(both, alone, atol=2e-4)


def test_stack_refuses_jobs_of_different_batches():
    pool, jobs = toy_jobs(32)
    jobs[1].parts = [Part(np.arange(32), 8)]
    with pytest.raises(ValueError, match="same parts"):
        train(gemma_base(), pool, jobs, SHAPE)


def test_schedule_swaps_in_variants_of_the_same_message():
    pool, jobs = toy_jobs(32, Settings(augmentation=1.0))
    variants = 100 + np.arange(64).reshape(32, 2)
    batches = list(schedule(jobs[0], pool, 4, variants))
    assert all(((batch - 100) // 2 < 32).all() and (batch >= 100).all() for batch in batches)


def test_losses_equal_their_definitions():
    torch.manual_seed(0)
    logits, weight = torch.randn(2, 2, 5, CLASSES), torch.ones(2, 5)
    weight[1, 4] = 0
    a, b = torch.softmax(logits[:, 0], -1), torch.softmax(logits[:, 1], -1)
    each = ((a * (a / b).log()).sum(-1) + (b * (b / a).log()).sum(-1)) / 2
    wanted = (each * weight).sum(1) / weight.sum(1)
    assert torch.allclose(losses.consistency(logits, weight), wanted, atol=1e-5)
    target = torch.softmax(torch.randn(2, 5, CLASSES), -1)
    each = -(target[:, None] * torch.log_softmax(logits, -1)).sum(-1).mean(1)
    assert torch.allclose(losses.soft_cross_entropy(logits, target, weight), (each * weight).sum(1) / weight.sum(1))
    feature, label = torch.randn(1, 2, 6, 8), torch.tensor([[0, 0, 1, 1, 1, -1]])
    z = torch.nn.functional.normalize(feature[0, 0], dim=-1)
    total, anchors = 0.0, 0
    for i in range(5):
        others = [j for j in range(6) if j != i]
        share = torch.log_softmax((z[others] @ z[i]) / 0.1, 0)
        positive = [k for k, j in enumerate(others) if label[0, j] == label[0, i]]
        total, anchors = total - share[positive].mean(), anchors + 1
    ours = losses.supervised_contrastive(feature, label, torch.ones(1, 6), torch.zeros(1))
    assert torch.allclose(ours, (total / anchors)[None], atol=1e-5)


def test_hard_pairs_are_those_between_which_probabilities_waver():
    share = np.zeros((4, 5), np.float16)
    share[0, [0, 3]], share[1, [3, 1]], share[2, [2, 4]], share[3, 1] = [0.5, 0.5], [0.9, 0.1], [0.7, 0.3], 1
    found = confusion.hard_pairs(share, 2)
    assert {tuple(pair) for pair in np.argwhere(found)} == {(0, 3), (3, 0), (2, 4), (4, 2)} and found.max() == 1


def test_margin_and_repulsion_count_rivals_of_certain_messages_alone():
    torch.manual_seed(1)
    logits, feature = torch.randn(1, 2, 4, CLASSES), torch.randn(1, 2, 4, 8)
    label, weight = torch.tensor([[0, 1, 2, -1]]), torch.ones(1, 4)
    target = torch.nn.functional.one_hot(label.clamp(min=0), CLASSES).float()
    target[0, 1] = target[0, 1] * 0.8 + 0.2 / CLASSES  # the teachers' word, not a label
    target[0, 3] = 1 / CLASSES
    rivals = torch.zeros(1, CLASSES, CLASSES)
    rivals[0, 0, 1] = rivals[0, 1, 0] = 1

    def losses_of(**changes):
        values = {**vars(Settings()), **changes}
        setting = {name: torch.tensor([float(value)]) for name, value in values.items()}
        return losses.combined(logits, feature, target, label, weight, setting, rivals)

    wanted = losses.combined(logits, feature, target, label, weight,
                             {name: torch.tensor([float(v)]) for name, v in vars(Settings()).items()})
    assert all(torch.equal(a, b) for a, b in zip(losses_of(), wanted))
    shifted = logits.clone()
    shifted[0, :, 0, 1] += 2.0
    smooth = 0.9 * target + 0.1 / CLASSES
    assert torch.allclose(losses_of(margin=2.0)[1], losses.soft_cross_entropy(shifted, smooth, weight))

    # Two messages of intent 0, one of its rival, one of another intent: the rival's counts four times.
    label, target = torch.tensor([[0, 0, 1, 2]]), torch.ones(1, 4, CLASSES) / CLASSES
    change = losses_of(repulsion=3.0)[0] - losses_of()[0]
    z = torch.nn.functional.normalize(feature[0, 0], dim=-1)
    near = ((z @ z.T) / 0.1).exp()
    each = [((near[i, j] + 4 * near[i, 2] + near[i, 3]) / (near[i, j] + near[i, 2] + near[i, 3])).log()
            for i, j in ((0, 1), (1, 0))]
    assert torch.allclose(change, 0.3 * torch.stack(each).mean()[None], atol=1e-5)


def test_imitation_is_the_mean_distance_from_the_embeddings_that_are_given():
    torch.manual_seed(2)
    feature, projection, given = torch.randn(2, 2, 4, 8), torch.randn(2, 8, 6), torch.randn(2, 4, 6)
    given = torch.nn.functional.normalize(given, dim=-1)
    given[0, 1] = 0  # nothing is known of this message
    weight = torch.ones(2, 4)
    weight[1, 3] = 0
    for model, counted in ((0, [0, 2, 3]), (1, [0, 1, 2])):
        each = [1 - torch.cosine_similarity(feature[model, view, i] @ projection[model], given[model, i], dim=0)
                for view in range(2) for i in counted]
        found = losses.imitation(feature, projection, given, weight)[model]
        assert torch.allclose(found, torch.stack(each).mean(), atol=1e-5)


def test_embeddings_are_centred_and_variants_have_their_messages():
    source = np.random.default_rng(6)
    features = [source.normal(size=(3, 5)) + 4, source.normal(size=(3, 7))]
    variants = np.array([[6, 8], [7, 9]])  # of messages 0 and 1
    found = embedding.placed(features, np.array([0, 1, 4]), 10, variants).astype(np.float32)
    assert found.shape == (10, 12) and np.allclose(np.linalg.norm(found[[0, 1, 4]], axis=1), 1, atol=2e-3)
    moved = features[0] - features[0].mean(0)
    moved /= np.linalg.norm(moved, axis=1, keepdims=True)
    assert np.allclose(found[[0, 1, 4], :5], moved / 2 ** 0.5, atol=2e-3)
    assert (found[[6, 8]] == found[0]).all() and (found[[7, 9]] == found[1]).all() and not found[[2, 3, 5]].any()


def test_imitation_learns_the_embeddings_and_leaves_other_models_alone():
    pool, jobs = toy_jobs(64)
    shape = StackShape(layers=LAYERS, device="cpu", compiled=False, dtype=torch.float32, epochs=6)
    without = train(gemma_base(), pool, jobs, shape)
    places = np.random.default_rng(7).normal(size=(CLASSES, 24))[jobs[0].label]
    jobs[0].embedding = (places / np.linalg.norm(places, axis=1, keepdims=True)).astype(np.float16)
    jobs[0].settings = Settings(imitation=1.0)
    log: list = []
    found = train(gemma_base(), pool, jobs, shape, log=log)
    first, last = (log[0]["curve"][i] for i in (0, -1))
    gain = lambda at: at["loss"][0] - at["cross_entropy"][0]
    assert gain(first) > gain(last) + 0.3
    assert found.bank.shapes == without.bank.shapes  # the projection is gone
    assert torch.equal(found.bank.value[1], without.bank.value[1])
    assert not torch.allclose(found.bank.value[0], without.bank.value[0], atol=1e-4)
    predict(found, pool, [np.arange(4)] * 2)


def test_ids_outside_the_trimmed_embedding_are_unknown():
    base = BasePack("gemma3", {}, np.array([0, 1, 2, 3, 7, 20]))
    assert base.remap(np.array([7, 20, 2, 8, 21, 10 ** 6])).tolist() == [4, 5, 2, 3, 3, 3]


def test_averaged_weights_are_a_moving_average_and_leave_other_models_alone():
    pool, jobs = toy_jobs(64)
    shape = StackShape(layers=LAYERS, device="cpu", compiled=False, dtype=torch.float32, epochs=1)
    last = train(gemma_base(), pool, jobs, shape).bank.value
    jobs[0].settings = Settings(averaging=0.5)
    found = train(gemma_base(), pool, jobs, shape).bank.value
    assert torch.equal(found[1], last[1])
    # Of the last step's values half is kept, so the average lags behind them and ahead of the start.
    start = Stack(gemma_base(), 1, shape)
    initialise(start.bank, [9])
    moved, whole = found[0] - start.bank.value[0], last[0] - start.bank.value[0]
    assert 0.5 * whole.norm() < moved.norm() < whole.norm()
    assert (found[0] - last[0]).norm() < 0.5 * whole.norm()


def test_mean_adapter_is_the_mean_of_the_products():
    bank = peft_files.bank_of(1, 16)
    values = torch.zeros(2, bank.size)
    source = torch.Generator().manual_seed(0)
    for name in bank.shapes:  # rank 8 each, so that the mean fits in rank 16
        view = bank.view(values, name)
        view.copy_(torch.randn(view.shape, generator=source))
        if name.endswith(".A"):
            view[:, :, 8:] = 0
    merged = merge.mean_adapter(bank, values, 16)
    a, b = "model.layers.0.mlp.up_proj.A", "model.layers.0.mlp.up_proj.B"
    wanted = (bank.view(values, a) @ bank.view(values, b)).mean(0)
    found = bank.view(merged, a)[0] @ bank.view(merged, b)[0]
    assert torch.allclose(found, wanted, atol=1e-3)
    assert torch.allclose(bank.view(merged, "score")[0], bank.view(values, "score").mean(0))


def test_whole_mean_is_the_mean_of_the_products_at_their_ranks_together():
    values = torch.randn(3, peft_files.bank_of(LAYERS, 4).size, generator=torch.Generator().manual_seed(1))
    shape = replace(SHAPE, rank=4, alpha=8)
    stack = mean_stack(gemma_base(), peft_files.bank_of(LAYERS, 4), values[None], shape, True)
    a, b, bank = "model.layers.1.mlp.up_proj.A", "model.layers.1.mlp.up_proj.B", peft_files.bank_of(LAYERS, 4)
    wanted = (bank.view(values, a) @ bank.view(values, b)).mean(0)
    assert stack.shape.rank == 12 and stack.shape.alpha / stack.shape.rank == shape.alpha / shape.rank
    found = stack.bank.view(stack.bank.value, a)[0] @ stack.bank.view(stack.bank.value, b)[0]
    assert torch.allclose(found, wanted, atol=1e-4)


def test_perturbations_change_and_repeat():
    text = "Why was my card declined, please?"
    for name, change in perturb.CONDITIONS.items():
        assert change(text, random.Random(4)) == change(text, random.Random(4)) != text, name
    assert perturb.CONDITIONS["last_five_words"](text, random.Random(0)) == "was my card declined please"


def test_temperature_and_calibration_error():
    source = np.random.default_rng(0)
    logits = source.normal(size=(4000, 5)) * 2
    label = np.array([source.choice(5, p=p) for p in calibration.softmax(logits)])
    assert abs(calibration.fit_temperature(logits * 3, label) - 3) < 0.2
    fitted = calibration.fit_confidence(logits * 3, label)
    assert abs(fitted - 3) < 0.5
    assert calibration.expected_calibration_error(calibration.softmax(logits * 3, fitted), label) < 0.02
    assert calibration.expected_calibration_error(calibration.softmax(logits), label) < 0.03
    assert calibration.expected_calibration_error(calibration.softmax(logits * 3), label) > 0.1
    low, high = calibration.wilson(94, 100)
    assert 0.87 < low < 0.88 and 0.97 < high < 0.98


def test_recipe_reads():
    recipe = Recipe.read(TRAINING / "recipe.toml")
    assert recipe["lora"] == {"rank": 16, "alpha": 32}
    settings = recipe.settings(recipe["student"]["settings"], smoothing=0.0)
    assert settings.rate == 1e-3 and settings.smoothing == 0.0
    split = TRAINING / "split.json"
    if split.exists():
        assert len(json.loads(split.read_text())["fold_of_row"]) > 0


def test_students_change_only_what_is_looked_at_and_the_shipped_ones_exist():
    recipe = Recipe.read(TRAINING / "recipe.toml")
    own = {"layers", "epochs", "labels", "trust", "suspect", "cleaning", "synthetic", "mpnet", "embedding"}
    settings = {f.name for f in fields(Settings)}
    for name, changes in recipe["students"].items():
        assert not set(changes) - own - settings, name
        assert bool(changes.get("imitation")) == ("embedding" in changes), name
    for folder, adapter in recipe["adapters"].items():
        student, table = adapter["student"], json.loads((TRAINING.parent / "models" / folder / "intentd.json").read_text())
        assert recipe.layers(student) == table["layers"] and adapter["version"] == table["version"]
        assert f"--students {student} " in (TRAINING / "train.sh").read_text()
        used = recipe.settings(recipe["student"]["settings"], recipe.student(student))
        assert used.plus_ratio > 1 and used.imitation > 0
    with pytest.raises(ValueError, match="no student 'nobody'"):
        recipe.student("nobody")


def held_out_predictions() -> confidence.HeldOut:
    """Logits of a model that is right as often as it says, in two folds, and flat ones out of scope."""
    source = np.random.default_rng(1)
    logits = source.normal(size=(4000, CLASSES))
    logits[np.arange(4000), source.integers(0, CLASSES, 4000)] += source.uniform(2, 14, 4000)
    label = np.array([source.choice(CLASSES, p=p) for p in calibration.softmax(logits)])
    outside = source.normal(size=(2, 80, CLASSES)) * 0.1
    return confidence.HeldOut(logits * 1.5, label, np.arange(4000) % 2, outside, source.random((4000, 2)),
                              source.random((2, 80, 2)))


def test_settings_from_held_out_predictions_keep_their_promises():
    held, table = held_out_predictions(), {"energy_loss": 0.01, "accuracy": 0.99, "coverage": 0.9}
    settings, found = confidence.summary(held, table)
    assert abs(settings["calibration"]["temperature"] - 1.5) < 0.1
    assert found["calibration_error"] < 0.03 and found["lost_to_energy"] <= 1
    abstention = settings["abstention"]
    limits = confidence.Thresholds(abstention["min_confidence"], abstention["out_of_scope"]["threshold"])
    kept = limits.keeps(calibration.softmax(held.logits, settings["calibration"]["temperature"]), held.logits)
    assert 0.9 <= kept.mean() < 0.93 and abs(found["coverage"] - 90) < 3
    assert found["accuracy_kept"] > found["accuracy"]
    written = finish.measure(held.logits, held.label, held.outside[0], settings)
    assert written["outside_abstained"] > 80 and written["lost"] <= 10


def test_coverage_is_the_largest_share_that_is_right_often_enough():
    share = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.6, 0.4]])
    assert confidence.coverage_at(share, np.array([True, False, True, True]), 0.75) == 1.0
    assert confidence.coverage_at(share, np.array([True, True, False, False]), 0.9) == 0.5
    assert confidence.coverage_at(share, np.array([False, True, False, False]), 0.9) == 0.0


def test_class_distances_equal_their_definitions():
    source = np.random.default_rng(3)
    label = np.repeat(np.arange(3), 40)
    values = source.normal(size=(120, 6)) + label[:, None] * 3
    space = distance.ClassSpace.of(values, label, shrinkage=0.0)
    means = np.stack([values[label == c].mean(0) for c in range(3)])
    inverse = np.linalg.inv(np.cov((values - means[label]).T, bias=True))
    for value, (cosine, near) in zip(values[:9], space.measure(values[:9])):
        squared = [(value - m) @ inverse @ (value - m) for m in means]
        assert abs(near + min(squared)) < 1e-8
        wanted = max(value @ m / np.linalg.norm(value) / np.linalg.norm(m) for m in means)
        assert abs(cosine - wanted) < 1e-12


def test_paired_comparison_equals_statsmodels():
    from statsmodels.stats.contingency_tables import mcnemar

    source = np.random.default_rng(4)
    a, b = source.random(500) < 0.9, source.random(500) < 0.85
    found = paired.Paired.of(a, b)
    both = [[(a & b).sum(), (a & ~b).sum()], [(~a & b).sum(), (~a & ~b).sum()]]
    assert abs(found.p_value - mcnemar(both, exact=True).pvalue) < 1e-12
    assert abs(found.difference - (a.mean() - b.mean()) * 100) < 1e-9
    low, high = found.interval
    assert low < found.difference < high


def test_difference_over_seeds_counts_messages_and_not_seeds():
    source = np.random.default_rng(5)
    a, b = source.random(2000) < 0.9, source.random(2000) < 0.88
    one, alone = paired.OverSeeds.of(a[None], b[None]), paired.Paired.of(a, b)
    three = paired.OverSeeds.of(np.stack([a] * 3), np.stack([b] * 3))  # one seed three times tells no more than once
    assert abs(one.difference - alone.difference) < 1e-9 and np.allclose(three.interval, one.interval)
    assert np.allclose(one.interval, alone.interval, atol=0.02)


def test_comparison_reports_mean_adapters_seeds_and_their_mean():
    source = np.random.default_rng(8)

    class Work:
        folds, labels = np.arange(60) % 4, source.integers(0, CLASSES, 60)

        def __init__(self):
            self.files = {f"student_{n}{s}": {"logits": source.normal(size=(60, CLASSES)).astype(np.float16)}
                          for n in ("a", "b") for s in ("", "_seed0", "_seed1")}
            self.load, self.has = self.files.__getitem__, self.files.__contains__

    held = compare.Held(Work(), folds=3)
    held.work.files["student_a"]["logits"][np.arange(60), held.work.labels] = 20
    lines = compare.report(held, ["a"], ["b"])
    assert len(held.rows) == 45 and lines[0].startswith("a: 100.00") and lines[6].startswith("a - b: +")
    assert lines[7].startswith("a_seed0 - b_seed0") and lines[-1].startswith("mean of 2: ")
    assert compare.report(held, ["a", "a_seed0"], ["b", "b_seed0"])[-1].startswith("mean of 2: +")
    with pytest.raises(ValueError):
        compare.report(held, ["a", "b"], ["b"])


def test_held_out_messages_name_every_intent_but_one():
    pairs = [line.split("\t") for line in prepare.read_lines(TRAINING / "data" / "held_out.tsv")]
    labels = json.loads((TRAINING.parent / "models" / "adapter" / "labels.json").read_text())
    assert all(len(p) == 2 for p in pairs) and set(labels) - {p[0] for p in pairs} == {"get_physical_card"}
