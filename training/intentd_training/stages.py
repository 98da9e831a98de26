"""The stages on a GPU. `python -m intentd_training.stages STAGE --work W --results R [options]`

train.sh and validate.sh run them:
    mpnet [--final]         fold models of the second base and their out-of-fold logits; with --final, on all rows
    teachers --names a,b    fold models of the named teachers and their out-of-fold logits
    teach --names a,b       the same on all rows, several seeds each
    generate [--final]      generators and the messages that they write, for each fold or from all rows
    label --names a,b --tag t [--final]    the named teachers' mean probabilities for those messages: the labels `t`
    final --students a      the named students on all rows, and the mean of their seeds
    pairs [--mpnet]         models without two folds: out-of-fold logits inside each outer training set
    students --names a,b    fold students: logits and distances of held-out, perturbed and out-of-scope messages
    blends --names a+b,a:2  means of fold models' weight changes, judged as the students are
    heal --names a+b --towards mean|labels --tag c    trains such a mean on; kept as fold models `c`
"""
import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch

from . import embedding, generator, merge
from .calibration import softmax
from .confusion import hard_pairs
from .judging import Judge
from .means import Means, mean_stack
from .messages import MAX_TOKENS, Pool
from .recipe import Recipe
from .trainer import CLASSES, Job, Part, Stack, StackShape, predict, train
from .workspace import Workspace, depth, store

def is_second(model: str) -> bool:
    """Whether a teacher or student is of the second base: their names end in `mpnet`."""
    return model.endswith("mpnet")


class Stages:
    def __init__(self, recipe: Recipe, work: Workspace, device: str, keep: str, smoke: bool, folds: int | None = None):
        self.folds = folds or int(work.folds.max()) + 1
        self.recipe, self.work, self.device, self.log, self.smoke = recipe, work, device, [], smoke
        self.keep, self.judge = keep, Judge(work, self.folds)

    # Teachers

    def teacher_stack(self, names, row_sets, title, layers=18, seeds=None, epochs=None, mpnet=False):
        """Trains names x row_sets (name-major) in one stack on hard labels."""
        work, recipe = self.work, self.recipe
        pool, places, variants = work.training_pool(self.outside_learnt(), mpnet=mpnet)
        target, label = work.one_hot(pool), work.pool_labels(pool)
        target[places] = 1 / CLASSES
        jobs = []
        for n, name in enumerate(names):
            table = recipe["teachers"].get(name, {})
            settings = recipe.settings(recipe["mpnet"]) if mpnet else recipe.settings(table)
            for r, rows in enumerate(row_sets):
                seed = recipe["seed"] + 1000 * n + r if seeds is None else seeds[n * len(row_sets) + r]
                parts = [Part(rows, recipe["optimiser"]["batch"])]
                if "outside_per_batch" in table:
                    parts.append(Part(places, table["outside_per_batch"]))
                jobs.append(Job(f"{name}/{r}", settings, parts, target, label, seed,
                                initial_seed=seed if mpnet else recipe["seed"]))
        shape = self.shape(layers, epochs, mpnet)
        stack = train(self.base(mpnet), pool, jobs, shape, variants, title, self.log)
        return stack, pool

    def shape(self, layers, epochs=None, mpnet=False) -> StackShape:
        recipe = self.recipe
        if self.smoke:
            layers = min(layers, 2)
        if mpnet:
            table = recipe["mpnet"]
            return recipe.shape(self.device, layers if self.smoke else 12, self.limit(epochs or table["epochs"]),
                                rank=table["rank"], alpha=table["alpha"])
        return recipe.shape(self.device, layers, self.limit(epochs or recipe["optimiser"]["epochs"]))

    def limit(self, epochs):
        return 0.1 if self.smoke else epochs

    def restored(self, file: str, second: bool, first: int | None) -> Stack:
        """A stored stack's first `first` models (None: all), for predictions."""
        values = torch.load(f"{self.keep}/{file}.pt")[:first]
        return Stack.holding(self.base(second), values, self.shape(12 if second else 18, mpnet=second))

    def base(self, second: bool):
        return self.work.mpnet if second else self.work.gemma

    def teachers(self, names: list[str], layers: int, models: int, tag: str, epochs=None) -> None:
        sets = [self.work.train_rows(f) for f in range(self.folds)] * models
        stack, pool = self.teacher_stack(names, sets, "teachers " + ",".join(names), layers, epochs=epochs)
        self.keep_folds(names, depth(layers) + tag, stack, pool, models)

    def keep_folds(self, names: list[str], tag: str, stack: Stack, pool: Pool, models: int) -> None:
        """Keeps each named teacher's fold models [models * folds, size], a seed's folds together, and what they say
        of the messages that they did not see."""
        work, folds = self.work, self.folds
        held = [work.held_rows(f) for f in range(folds)]
        logits = predict(stack, pool, held * models * len(names))
        for n, name in enumerate(names):
            for seed in range(models):
                first = (n * models + seed) * folds
                out = np.zeros((work.count, CLASSES), np.float16)
                for f in range(folds):
                    out[held[f]] = logits[first + f]
                title = f"{name}{tag}" + (f"_seed{seed}" if seed else "")
                work.save(f"oof_{title}", logits=out)
                print(f"RESULT {title} {self.judge.accuracy(out):.2f} folds "
                      f"{[round(work.accuracy(logits[first + f], held[f]), 2) for f in range(folds)]}", flush=True)
            store(stack.bank.value[n * models * folds:(n + 1) * models * folds], f"{self.keep}/fold_{name}{tag}.pt")

    def pairs(self, mpnet: bool) -> None:
        work = self.work
        count = int(work.folds.max()) + 1
        both = [(a, b) for a in range(count) for b in range(a) if b < self.folds]
        sets = [np.flatnonzero((work.folds != a) & (work.folds != b)) for a, b in both]
        stack, pool = self.teacher_stack(["probe"], sets, "pairs", mpnet=mpnet)
        held = [np.flatnonzero((work.folds == a) | (work.folds == b)) for a, b in both]
        logits = predict(stack, pool, held)
        out = np.zeros((count, work.count, CLASSES), np.float16)
        for (a, b), rows, values in zip(both, held, logits):
            out[a][rows[work.folds[rows] == b]] = values[work.folds[rows] == b]
            out[b][rows[work.folds[rows] == a]] = values[work.folds[rows] == a]
        name = "pairs_mpnet" if mpnet else "pairs"
        work.save(name, logits=out)
        inside = [work.accuracy(out[f][work.train_rows(f)], work.train_rows(f)) for f in range(self.folds)]
        print(f"RESULT {name} {np.mean(inside):.2f}", flush=True)

    def mpnet(self, final: bool, models: int) -> None:
        work = self.work
        if final:
            count = self.recipe["mpnet"]["final_models"]
            stack, _ = self.teacher_stack([f"m{i}" for i in range(count)], [np.arange(work.count)], "mpnet all",
                                          mpnet=True)
            store(stack.bank.value, f"{self.keep}/all_mpnet.pt")
            return
        sets = [work.train_rows(f) for f in range(self.folds)] * models
        stack, pool = self.teacher_stack(["mpnet"], sets, "mpnet", mpnet=True)
        self.keep_folds(["mpnet"], "", stack, pool, models)

    # Messages

    def generate(self, final: bool) -> None:
        work, recipe, table = self.work, self.recipe, self.recipe["generator"]
        prompts = [work.prompts[label] + " " for label in work.labels]
        full = work.gemma_tokenizer([p + t for p, t in zip(prompts, work.texts)])
        pool = Pool.of([np.append(work.gemma.remap(ids[:MAX_TOKENS - 1]), generator.EOS) for ids in full])
        starts = [work.gemma.remap(ids) for ids in work.gemma_tokenizer(work.prompts)]
        lengths = np.array([len(starts[label]) for label in work.labels])
        sets = [np.arange(work.count)] if final else [work.train_rows(f) for f in range(self.folds)]
        shape = recipe.shape(self.device, 2 if self.smoke else 18, self.limit(table["epochs"]))
        body, _ = generator.train(work.gemma, pool, lengths, sets, shape, table["rate"], recipe["seed"], log=self.log)
        wanted = table["messages_final"] if final else table["messages_fold"]
        written = {}
        for index, rows in enumerate(sets):
            known = {work.texts[i].strip().lower() for i in range(work.count)}
            texts: list[str] = []
            batch = min(4096, wanted)
            for turn in range(-(-wanted // batch)):
                ask = [starts[(turn * batch + i) % CLASSES].tolist() for i in range(batch)]
                for ids in generator.sample(body, index, ask, table["limit"], table["temperature"], table["top_p"],
                                            recipe["seed"] + 100 * index + turn):
                    if ids is None:
                        continue
                    text = work.gemma_tokenizer.text(work.gemma.vocabulary[ids]).strip()
                    key = text.lower()
                    if len(text) >= 8 and key not in known:
                        known.add(key)
                        texts.append(text)
            written["all" if final else str(index)] = texts
            print(f"RESULT generated {len(texts)} of {wanted}: {texts[:5]}", flush=True)
        (work.results / ("messages_all.json" if final else "messages_folds.json")).write_text(json.dumps(written))

    def synthetic(self, final: bool) -> dict[str, list[str]]:
        name = "messages_all.json" if final else "messages_folds.json"
        return json.loads((self.work.results / name).read_text())

    def label(self, names: list[str], final: bool, seeds: int, tag: str) -> None:
        """Mean probabilities [messages, classes] of the named teachers for the written messages: of each Gemma
        teacher's first `seeds` seeds, of all of the second base's; the two bases apart."""
        work, messages = self.work, self.synthetic(final)
        texts = [t for part in messages.values() for t in part]
        ends = np.cumsum([len(part) for part in messages.values()])
        rows = [np.arange(end - len(part), end) for end, part in zip(ends, messages.values())]
        names = self.sound(names)
        for base, second in (("gemma", False), ("mpnet", True)):
            teachers = [n for n in names if is_second(n) == second]
            if not teachers:
                continue
            pool, logits = Pool.of(work.mpnet_rows(texts) if second else work.gemma_rows(texts)), []
            for name in teachers:
                file = f"{'all' if final else 'fold'}_{name}"
                stack = self.restored(file, second, None if second else seeds * len(messages))
                logits += predict(stack, pool, rows * (stack.models // len(messages)))
            for index, of in enumerate(messages):
                share = np.mean([softmax(x) for x in logits[index::len(messages)]], 0)
                work.save(f"labels_{tag}_{base}_{of}", share=share.astype(np.float16))
        if not final and not all(is_second(n) for n in names):
            found = [self.judge.accuracy(self.ensemble_out_of_fold(names, both)) for both in (True, False)]
            print(f"RESULT ensemble {','.join(names)} {found[0]:.2f}; gemma alone {found[1]:.2f}", flush=True)

    def sound(self, names: list[str]) -> list[str]:
        """The teachers within a point of the best of their base out of fold, where that is known: one that diverged
        must not teach."""
        found = {n: self.judge.accuracy(self.work.load(f"oof_{n}")["logits"]) for n in names
                 if self.work.has(f"oof_{n}")}
        best = {second: max((v for n, v in found.items() if is_second(n) == second), default=0)
                for second in (False, True)}
        return [n for n in names if n not in found or found[n] >= best[is_second(n)] - 1]

    def ensemble_out_of_fold(self, names, mpnet=True) -> np.ndarray:
        """Out-of-fold probabilities of the ensemble: the mean over each base's models, then over bases."""
        shares = {False: [], True: []}
        for name in self.sound(names):
            stem = name if name.startswith("student_") else f"oof_{name}"
            files = [f for f in [stem, *(f"{stem}_seed{i}" for i in range(9))] if self.work.has(f)]
            shares[is_second(name)].append(
                np.mean([softmax(self.work.load(f)["logits"].astype(np.float32)) for f in files], 0))
        return np.mean([np.mean(s, 0) for second, s in shares.items() if s and (mpnet or not second)], 0)

    def embeddings(self, kind: str, learnt: list[np.ndarray], extra: list[str], final: bool) -> list[np.ndarray]:
        """For each of the row sets `learnt` (a fold's, or all), where the second base places its messages: [pool, width]
        over the pool of the training messages, `extra` and the variants. `teacher`: as the teachers of that fold do, side
        by side; `base`: as it does before any fine-tuning."""
        pool, _, variants = self.work.training_pool(extra, mpnet=True)
        if kind == "base":
            stack = Stack(self.work.mpnet, len(learnt), self.shape(12, mpnet=True))
        else:
            stack = self.restored("all_mpnet" if final else "fold_mpnet", True, None)
        _, features = predict(stack, pool, learnt * (stack.models // len(learnt)), features=True)
        return [embedding.placed(features[i::len(learnt)], rows, len(pool), variants) for i, rows in enumerate(learnt)]

    # Students

    def student_target(self, own, share, trust, suspect):
        """A real message's target: its label and the out-of-fold ensemble's probabilities, mixed; the ensemble
        alone where it all but rules the label out."""
        hard = np.zeros_like(share)
        hard[np.arange(len(own)), own] = 1
        mix = np.full(len(own), trust)
        mix[share[np.arange(len(own)), own] < suspect] = 1
        return (1 - mix)[:, None] * hard + mix[:, None] * share

    def student_job(self, name, rows, share, extra_rows, extra_share, outside_rows, pool, seed, options,
                    places=None) -> Job:
        work, table = self.work, self.recipe["student"]
        target, label = work.one_hot(pool), work.pool_labels(pool)
        trust, suspect = options.get("trust", table["trust"]), options.get("suspect", table["suspect"])
        if options.get("cleaning"):
            rows = rows[share[rows, work.labels[rows]] >= suspect]
        else:
            mixed = self.student_target(work.labels[rows], share[rows], trust, suspect)
            target[rows] = mixed
            believed = mixed.argmax(1)
            label[rows] = believed
            tail = len(work.variants)
            for v in range(tail):
                offset = len(pool) - (tail - v) * work.count
                target[offset + rows], label[offset + rows] = mixed, believed
        parts = [Part(rows, table["real_per_batch"])]
        if extra_rows is not None:
            target[extra_rows] = extra_share
            label[extra_rows] = np.where(extra_share.max(1) > 0.7, extra_share.argmax(1), -1)
            parts.append(Part(extra_rows, table["synthetic_per_batch"]))
        target[outside_rows] = 1 / CLASSES
        parts.append(Part(outside_rows, table["outside_per_batch"]))
        settings = self.recipe.settings(table["settings"], options)
        rivals = hard_pairs(extra_share, table["hard_pairs"]) if settings.margin or settings.repulsion else None
        return Job(name, settings, parts, target, label, seed, initial_seed=self.recipe["seed"], rivals=rivals,
                   embedding=places)

    def trusting(self, option: dict) -> bool:
        """Whether a student's real targets hold anything but the labels."""
        table = self.recipe["student"]
        return bool(option.get("trust", table["trust"]) or option.get("suspect", table["suspect"]))

    def outside_learnt(self) -> list[str]:
        """The half of the out-of-scope messages that may be learnt from: every other one."""
        return self.work.outside[::2]

    def written_labels(self, of: str | int, option: dict) -> np.ndarray:
        """What the teachers say of the messages written for a fold, or for `all` rows; both bases count the same."""
        tag = option.get("labels", self.recipe["student"]["labels"])
        labels = self.work.load(f"labels_{tag}_gemma_{of}")["share"].astype(np.float32)
        if option.get("mpnet", True):
            labels = (labels + self.work.load(f"labels_{tag}_mpnet_{of}")["share"]) / 2
        return labels

    def students(self, names: list[str], models: int, tag: str, epochs: float | None) -> None:
        """Each named experiment in every fold, `models` seeds each; they need one base, one depth, as many epochs and
        the same batch parts.

        With several seeds each is judged alone (`student_NAME_seedI`) and, but for the second base, which is not
        shipped, their mean adapter, cut to one's rank as NAME and before it is cut as NAME_whole.
        """
        work, folds = self.work, self.folds
        options = [self.recipe.student(n) for n in names]
        shape = self.student_shape(names[0], epochs)
        if any(self.student_shape(n, epochs) != shape for n in names):
            raise ValueError("the students of one stack need one base, one depth and as many epochs")
        second_base = is_second(names[0])
        base = self.base(second_base)
        pairs = second = np.zeros((folds, work.count, CLASSES))
        if any(self.trusting(o) for o in options):
            pairs = softmax(work.load("pairs")["logits"])
            second = softmax(work.load("pairs_mpnet")["logits"]) if work.has("pairs_mpnet") else pairs
        messages = self.synthetic(False) if any(o.get("synthetic", True) for o in options) else {}
        outside = self.outside_learnt()
        extra = outside + [t for f in range(folds) for t in messages.get(str(f), [])]
        pool, places, variants = work.training_pool(extra, mpnet=second_base)
        starts = work.count + len(outside) + np.cumsum([0] + [len(messages.get(str(f), [])) for f in range(folds)])
        jobs, near = [], {}
        for kind in {o["embedding"] for o in options if "embedding" in o}:
            near[kind] = self.embeddings(kind, [np.concatenate([work.train_rows(f), np.arange(starts[f], starts[f + 1])])
                                                for f in range(folds)], extra, False)
        for name, option in zip(names, options):
            for fold in range(folds):
                share = (pairs[fold] + second[fold]) / 2 if option.get("mpnet", True) else pairs[fold]
                rows = labels = None
                if option.get("synthetic", True):
                    rows = np.arange(starts[fold], starts[fold + 1])
                    labels = self.written_labels(fold, option)
                jobs += [self.student_job(
                    f"{name}/{fold}/{seed}", work.train_rows(fold), share, rows, labels, places[:len(outside)], pool,
                    self.recipe["seed"] + 7000 + 100 * seed + fold, option,
                    near[option["embedding"]][fold] if "embedding" in option else None) for seed in range(models)]
        stack = train(base, pool, jobs, shape, variants, f"students {','.join(names)}{tag}", self.log)
        values = stack.bank.value.view(len(names), folds, models, -1)
        for name, kept in zip(names, values):
            store(kept.transpose(0, 1).flatten(0, 1), f"{self.keep}/fold_student_{name}{tag}.pt")
        values = values.flatten(0, 1)
        learnt = [(job.parts[0].rows, job.label[job.parts[0].rows]) for job in jobs[::models]]
        if models > 1:
            for seed in range(models):
                judge = Stack.holding(base, values[:, seed], shape)
                self.judge.judge([f"{n}{tag}_seed{seed}" for n in names], judge, pool, learnt, False)
            if second_base:
                return
            whole = mean_stack(base, stack.bank, values, shape, True)
            self.judge.judge([n + tag + "_whole" for n in names], whole, pool, learnt, True)
            values = torch.cat([merge.mean_adapter(stack.bank, v, shape.rank) for v in values])
            stack = Stack.holding(base, values, shape)
        self.judge.judge([n + tag for n in names], stack, pool, learnt, not second_base)

    def student_shape(self, name: str, epochs: float | None = None) -> StackShape:
        own = self.recipe.student(name).get("epochs", self.recipe["student"]["epochs"])
        epochs = epochs or (None if is_second(name) else own)
        return self.shape(self.recipe.layers(name), epochs, is_second(name))

    # All rows

    def teach(self, names: list[str], layers: int, models: int) -> None:
        """Teachers on all rows: each named one with `models` seeds."""
        rows = [np.arange(self.work.count)] * models
        seeds = [self.recipe["seed"] + 31 * i for i in range(models * len(names))]
        stack, _ = self.teacher_stack(names, rows, "teach " + ",".join(names), layers, seeds=seeds)
        for n, name in enumerate(names):
            store(stack.bank.value[n * models:(n + 1) * models], f"{self.keep}/all_{name}{depth(layers)}.pt")

    def final_jobs(self, names: list[str], student: str, models: int):
        """The pool of everything that a student of all rows may learn from, its variants, `models` jobs over it (seeds
        from one initialisation), and which of the written messages are kept out: places in the pool, and labels."""
        work, option = self.work, self.recipe.student(student)
        share = self.ensemble_out_of_fold(names) if self.trusting(option) else np.zeros((work.count, CLASSES))
        texts, labels, outside = self.synthetic(True)["all"], self.written_labels("all", option), self.outside_learnt()
        pool, places, variants = work.training_pool(outside + texts, mpnet=is_second(student))
        first = work.count + len(outside)
        kept = len(texts) - min(3000, len(texts) // 10)
        near = None
        if "embedding" in option:
            learnt = np.concatenate([np.arange(work.count), np.arange(first, first + kept)])
            near = self.embeddings(option["embedding"], [learnt], outside + texts, True)[0]
        jobs = [self.student_job(
            f"final/{i}", np.arange(work.count), share, np.arange(first, first + kept), labels[:kept],
            places[:len(outside)], pool, self.recipe["seed"] + 9000 + i, option, near) for i in range(models)]
        return pool, variants, jobs, (np.arange(first + kept, first + len(texts)), labels[kept:])

    def final(self, names: list[str], student: str, models: int) -> None:
        """Students on all rows: `models` seeds from one initialisation, for one adapter of their mean."""
        work = self.work
        pool, variants, jobs, (unseen, labels) = self.final_jobs(names, student, models)
        base, shape = self.base(is_second(student)), self.student_shape(student)
        stack = train(base, pool, jobs, shape, variants, f"final {student}", self.log)
        values = stack.bank.value.clone()
        store(values, f"{self.keep}/all_student_{student}.pt")
        if is_second(student):
            return
        mean = merge.mean_adapter(stack.bank, values, shape.rank)
        for title, judge in (("seeds and their mean", Stack.holding(base, torch.cat([values, mean]), shape)),
                             ("whole mean", mean_stack(base, stack.bank, values[None], shape, True))):
            for i, said in enumerate(predict(judge, pool, [unseen] * judge.models)):
                share = softmax(said)
                loss = -(labels * np.log(share + 1e-9)).sum(1).mean()
                print(f"RESULT final {student}, {title}, {i}: cross-entropy with the teachers on {len(share)} unseen "
                      f"messages {loss:.4f}, same intent {(share.argmax(1) == labels.argmax(1)).mean() * 100:.2f} %",
                      flush=True)
            own = [round(work.accuracy(x), 2) for x in predict(judge, pool, [np.arange(work.count)] * judge.models)]
            print(f"RESULT final {student}, {title}, on its own rows {own}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stage")
    parser.add_argument("--work", required=True)
    parser.add_argument("--results", required=True)
    parser.add_argument("--keep", default="/tmp", help="where models that later stages need are kept")
    parser.add_argument("--recipe", default=str(Path(__file__).parents[1] / "recipe.toml"))
    parser.add_argument("--names", default="")
    parser.add_argument("--students", default="", help="what `final` trains")
    parser.add_argument("--layers", type=int, default=18)
    parser.add_argument("--tag", default="")
    parser.add_argument("--towards", choices=["mean", "labels"], default="mean")
    parser.add_argument("--epochs", type=float)
    parser.add_argument("--models", type=int, default=1)
    parser.add_argument("--folds", type=int, help="only the first so many folds")
    parser.add_argument("--final", action="store_true")
    parser.add_argument("--mpnet", action="store_true")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--eager", action="store_true", help="no torch.compile")
    parser.add_argument("--no-graph", action="store_true", help="no CUDA graph")
    parser.add_argument("--smoke", action="store_true", help="a few steps only")
    a = parser.parse_args()
    started = time.time()
    recipe, work = Recipe.read(a.recipe), Workspace(a.work, a.results)
    recipe["compiled"] = a.device == "cuda" and not a.eager
    recipe["graph"] = not a.no_graph
    if (work.folder / "mpnet.safetensors").exists():
        work.load_mpnet()
    torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = False
    stages = Stages(recipe, work, a.device, a.keep, a.smoke, a.folds)
    names = [n for n in a.names.split(",") if n]
    means = lambda: Means(recipe, work, a.keep, stages.folds, a.layers, stages.shape(a.layers), a.final)
    run = {
        "teachers": lambda: stages.teachers(names, a.layers, a.models, a.tag, a.epochs),
        "pairs": lambda: stages.pairs(a.mpnet), "mpnet": lambda: stages.mpnet(a.final, a.models),
        "generate": lambda: stages.generate(a.final), "label": lambda: stages.label(names, a.final, a.models, a.tag),
        "students": lambda: stages.students(names, a.models, a.tag, a.epochs),
        "teach": lambda: stages.teach(names, a.layers, a.models),
        "final": lambda: stages.final(names, a.students, a.models),
        "blends": lambda: means().blends(names),
        "heal": lambda: means().heal(names[0], a.models, a.towards, a.tag, stages.log),
    }
    run[a.stage]()
    parts = [a.stage, *names, a.students.replace(",", "_"), str(a.layers), a.tag]
    tag = "_".join(parts + ["mpnet"] * a.mpnet + ["final"] * a.final)
    (work.results / f"curve_{tag}.json").write_text(json.dumps(stages.log))
    print(f"DONE {a.stage} {a.names} {a.layers} {time.time() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main()
