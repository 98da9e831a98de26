"""One model of the recipe with nothing but transformers, peft and bitsandbytes: slower, on any CUDA GPU, or a CPU.

    python -m intentd_training.plain --work W --results R --base ../models/base --student plus2_pretrained8 --out adapter
        [--keep R/keep] [--names a,b] [--seed 0] [--steps N] [--device cuda]

`trainer.py` trains several models at once over bf16 copies of the base; this trains one over bitsandbytes' own 4-bit
layers, of the same messages in the same order from the same start. Without dropout both arrive at the same adapter
(tests/test_plain.py), so whoever doubts the stack can run this. W and R are as `prepare` and train.sh leave them: what
the student learns from (written messages and their labels) is made by train.sh's earlier stages.
"""
import argparse
import json
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from . import losses, peft_files
from .gemma import TARGETS
from .messages import Pool
from .parameters import ParameterBank, rate_factor
from .recipe import Recipe
from .stages import Stages, is_second
from .trainer import CLASSES, Job, StackShape, initial_value, initialise, rivals_of, schedule, setting_values, step_count
from .workspace import Workspace


@dataclass
class Progress:
    """Loss and cross-entropy of a step."""

    step: int
    loss: float
    cross_entropy: float


def open_model(base: str, layers: int, rank: int, alpha: float, dropout: float, device: str, compute: torch.dtype):
    """The first `layers` layers of the 4-bit base with bidirectional attention, a head, and LoRA on every linear layer."""
    import peft
    import transformers

    raw = json.loads((Path(base) / "config.json").read_text())
    quantised = {**raw["quantization_config"], "bnb_4bit_compute_dtype": str(compute).removeprefix("torch.")}
    raw.update(quantization_config=quantised, architectures=["Gemma3TextForSequenceClassification"],
               num_hidden_layers=layers, layer_types=raw["layer_types"][:layers], num_labels=CLASSES,
               use_bidirectional_attention=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = transformers.Gemma3TextForSequenceClassification.from_pretrained(
            base, config=transformers.Gemma3TextConfig(**raw), device_map=device, dtype=compute)
    # The checkpoint's bf16 scale, whatever the compute format; the engine and the stack have the same.
    scale = model.model.embed_tokens.embed_scale
    scale.fill_(torch.tensor(raw["hidden_size"] ** 0.5, dtype=torch.bfloat16).item())
    model.requires_grad_(False)
    for value in model.parameters():
        if value.is_floating_point():  # bitsandbytes' own are bytes
            value.data = value.data.to(compute)
    names = [t.split(".")[1] for t in TARGETS]
    return peft.get_peft_model(model, peft.LoraConfig(
        r=rank, lora_alpha=alpha, lora_dropout=dropout, target_modules=names, task_type="SEQ_CLS", bias="none",
        modules_to_save=["score"]))


def parameters(model, bank: ParameterBank) -> dict[str, torch.nn.Parameter]:
    """peft's trainable parameters by the bank's names; each is the transpose of the bank's."""
    held = {name: value for name, value in model.named_parameters() if value.requires_grad}
    found = {}
    for name in bank.shapes:
        wanted = ("base_model.model.score.modules_to_save.default.weight" if name == "score" else
                  f"base_model.model.{name[:-2]}.lora_{name[-1]}.default.weight")
        found[name] = held.pop(wanted)
    if held:
        raise ValueError(f"the model trains more than the recipe does: {sorted(held)}")
    return found


def views(model, pool: Pool, vocabulary: np.ndarray, batch: np.ndarray, dropout: float, device: str):
    """Pooled features and logits [1, 2, messages, ...] of a batch, twice under dropout; padded to its longest message."""
    lengths = pool.length[batch]
    ids = np.zeros((len(batch), lengths.max()), np.int64)
    for row, message in enumerate(batch):
        start = pool.start[message]
        ids[row, :lengths[row]] = vocabulary[pool.flat[start:start + lengths[row]]]
    mask = torch.from_numpy(np.arange(ids.shape[1])[None] < lengths[:, None]).to(device)
    ids, mask = torch.from_numpy(ids).to(device).repeat(2, 1), mask.repeat(2, 1)
    body = model.base_model.model
    hidden = body.model(input_ids=ids, attention_mask=mask.long()).last_hidden_state.float()
    use = mask.float()
    use[:, 0] = (mask.sum(1) == 1).float()  # the mean leaves <bos> out, unless there is nothing else
    feature = (hidden * use[..., None]).sum(1) / use.sum(1, keepdim=True)
    feature = feature.view(1, 2, len(batch), -1)
    kept = (torch.rand(feature.shape, device=device) < 1 - dropout).float() / (1 - dropout)
    return feature, body.score(feature * kept)


def train(model, held: dict[str, torch.nn.Parameter], bank: ParameterBank, pool: Pool, vocabulary: np.ndarray, job: Job,
          shape: StackShape, variants=None, steps: int | None = None, log=None) -> None:
    """The recipe's loop: AdamW with LoRA+ rates, cosine with warm-up, clipping at 1; the losses of `losses.py`."""
    settings, device = job.settings, shape.device
    whole, setting = step_count([job], shape.epochs), setting_values([job], device)
    steps = min(steps or whole, whole)
    ratio = {"A": 1.0, "B": settings.plus_ratio, "head": settings.head_ratio}
    embedding, projection, learning = job.embedding, None, list(held.values())
    groups = [{"params": [held[n] for n in bank.shapes if bank.groups[n] == group], "share": settings.rate * share}
              for group, share in ratio.items()]
    if embedding is not None:
        sizes = (bank.shapes["score"][0], embedding.shape[1])
        projection = torch.nn.Parameter(initial_value("projection", sizes, job.initial_seed).to(device))
        groups[-1]["params"].append(projection)
        learning.append(projection)
    optimiser = torch.optim.AdamW(groups, lr=settings.rate, betas=(0.9, 0.98), weight_decay=shape.decay)
    label, target = torch.from_numpy(job.label), torch.from_numpy(job.target.astype(np.float32))
    rivals = rivals_of([job], device)
    average = [value.detach().clone() for value in held.values()] if settings.averaging else []
    torch.manual_seed(job.seed)
    model.train()
    for step, batch in enumerate(schedule(job, pool, whole, variants)):
        if step == steps:
            break
        for group in optimiser.param_groups:
            group["lr"] = group["share"] * rate_factor(step, whole, shape.warmup)
        feature, logits = views(model, pool, vocabulary, batch, settings.head_dropout, device)
        weight = torch.ones(1, len(batch), device=device)
        loss, base_loss = losses.combined(
            logits, feature, target[batch][None].to(device), label[batch][None].to(device), weight, setting, rivals)
        if embedding is not None:
            wanted = torch.from_numpy(embedding[batch].astype(np.float32))[None].to(device)
            loss = loss + setting["imitation"] * losses.imitation(feature, projection[None], wanted, weight)
        optimiser.zero_grad()
        loss.sum().backward()
        torch.nn.utils.clip_grad_norm_(learning, 1.0)
        optimiser.step()
        for mean, value in zip(average, held.values()):
            mean.lerp_(value.detach(), 1 - settings.averaging)
        if log is not None:
            log.append(Progress(step + 1, loss.item(), base_loss.item()))
        if (step + 1) % max(1, steps // 20) == 0 and sys.stderr.isatty():
            print(f"plain: step {step + 1}/{steps} loss {loss.item():.3f}", file=sys.stderr, flush=True)
    for mean, value in zip(average, held.values()):
        value.data = mean


def run(base: str, layers: int, pool: Pool, vocabulary: np.ndarray, job: Job, shape: StackShape, compute: torch.dtype,
        variants=None, steps: int | None = None, log=None) -> torch.Tensor:
    """Trains `job` and returns its values [size] in the order of `peft_files.bank_of`."""
    bank = peft_files.bank_of(layers, shape.rank)
    initialise(bank, [job.initial_seed])
    model = open_model(base, layers, shape.rank, shape.alpha, job.settings.low_rank_dropout, shape.device, compute)
    held = parameters(model, bank)
    with torch.no_grad():
        for name, value in held.items():
            value.data = bank.view(bank.value, name)[0].T.to(shape.device).float().contiguous()
    train(model, held, bank, pool, vocabulary, job, shape, variants, steps, log)
    for name, value in held.items():
        bank.view(bank.value, name)[0] = value.detach().T.float().cpu()
    return bank.value[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("--work", "--results", "--base", "--out"):
        parser.add_argument(name, required=True)
    parser.add_argument("--keep", default="", help="where train.sh kept its models (default: RESULTS/keep)")
    parser.add_argument("--student", help="one of the recipe's (default: the accurate adapter's)")
    parser.add_argument("--names", default="", help="teachers, for a student that trusts their out-of-fold view")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, help="stop after so many")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--recipe", default=str(Path(__file__).parents[1] / "recipe.toml"))
    a = parser.parse_args()
    recipe, work = Recipe.read(a.recipe), Workspace(a.work, a.results)
    a.student = a.student or recipe["adapters"]["adapter"]["student"]
    if is_second(a.student):
        parser.error(f"--student: {a.student} is of the second base, whose layers this does not build")
    if "embedding" in recipe.student(a.student):
        work.load_mpnet()
    stages = Stages(recipe, work, a.device, a.keep or f"{a.results}/keep", False)
    pool, variants, jobs, _ = stages.final_jobs([n for n in a.names.split(",") if n], a.student, a.seed + 1)
    shape = stages.student_shape(a.student)
    layers = shape.layers
    log: list[Progress] = []
    values = run(a.base, layers, pool, work.gemma.vocabulary, jobs[a.seed], shape,
                 torch.bfloat16 if a.device == "cuda" else torch.float32, variants, a.steps, log)
    peft_files.write(values, layers, shape.rank, shape.alpha, jobs[a.seed].settings.low_rank_dropout, work.classes,
                     Path(a.out))
    (Path(a.out) / "curve.json").write_text(json.dumps([vars(p) for p in log]))
    print(f"{a.out}: {len(log)} steps, cross-entropy {log[0].cross_entropy:.3f} to {log[-1].cross_entropy:.3f}")


if __name__ == "__main__":
    main()
