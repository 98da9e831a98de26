"""intentd's engine beside its peers, interleaved in one run on the same messages: a table in Markdown on stdout.

  compare.py TRAIN_CSV [--messages 300] [--rounds 5] [--threads 2] [--work .cache/benchmark]

TRAIN_CSV is Banking77's train.csv (text,category), which is not part of the repository. Every engine answers the same
messages, tokenised beforehand, in the same order, sorted by length, which is what engines that pad want. Each has a
process of its own; in every round each in turn is timed on all messages in batches of 32 and on 100 of them one at a
time. The best round counts for throughput, all rounds for latency. Python packages go into a virtual environment in
the work folder; --python names an interpreter that has them already.
"""
import argparse
import csv
import json
import os
import pathlib
import random
import re
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PRECISIONS = ["f32", "bf16", "int8", "nf4"]


def say(text):
    print(text, file=sys.stderr, flush=True)


class Engine:
    """A worker process."""

    def __init__(self, name, command, threads):
        self.name, self.seconds, self.milliseconds, self.peak = name, [], [], None
        # Threads that wait for work must not spin while another engine is timed.
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "passive",
                       "KMP_BLOCKTIME": "0", "HF_HUB_OFFLINE": "1"}
        start = time.perf_counter()
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        self.about = self.read()
        self.start = time.perf_counter() - start
        # Its first message stands for all; otherwise this engine would take most of the run.
        self.is_slow = self.about.get("first", 0) > 2
        if self.is_slow:
            self.milliseconds = [self.about["first"] * 1000]

    def read(self):
        while line := self.process.stdout.readline():
            if line.startswith("{"):
                return json.loads(line)
        raise RuntimeError(f"{self.name} ended with status {self.process.wait()}")

    def ask(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self.read()

    def end(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        self.peak = int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024
        self.process.stdin.close()
        self.process.wait()


def environment(arguments, work):
    """An interpreter with the peers' packages."""
    if arguments.python:
        return arguments.python
    python = work / "venv" / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", work / "venv"], check=True)
    pip = [python, "-m", "pip", "install", "--quiet", "-r"]
    subprocess.run([*pip, HERE / "requirements.txt"], check=True)
    if subprocess.run([*pip, HERE / "requirements-llama.txt"]).returncode != 0:
        say("llama-cpp-python does not build here: its line will be missing")
    return str(python)


def messages(arguments, work):
    """Token ids of the messages, sorted by length, in a file."""
    with open(arguments.train, encoding="utf-8", newline="") as file:
        texts = [row["text"].replace("\n", " ") for row in csv.DictReader(file)]
    texts = random.Random(arguments.seed).sample(texts, min(arguments.messages, len(texts)))
    lines = subprocess.run(
        [arguments.intentd, "tokenize", "--bos", "--model", arguments.models], input="\n".join(texts) + "\n",
        capture_output=True, text=True, check=True).stdout
    ids = sorted((json.loads(line) for line in lines.splitlines()), key=len)
    path = work / "messages.json"
    path.write_text(json.dumps(ids))
    return path, ids


def peers(arguments, python, work, path):
    """Commands of the peers that can run here."""
    threads, here = str(arguments.threads), HERE / "peers"
    model = work / f"{arguments.adapter}-int8.onnx"
    if not model.exists():
        say("exporting the merged model to ONNX")
        subprocess.run(
            [python, here / "export.py", arguments.models, arguments.adapter, model], check=True, stdout=sys.stderr)
    result = {
        "ONNX Runtime int8": [python, here / "onnx_int8.py", model, threads, path],
        "transformers, merged, f32": [
            python, here / "transformers_peer.py", "merged", arguments.models, arguments.adapter, threads, path],
        "transformers + bitsandbytes NF4 + peft": [
            python, here / "transformers_peer.py", "nf4", arguments.models, arguments.adapter, threads, path]}
    if subprocess.run([python, "-c", "import llama_cpp"], capture_output=True).returncode == 0:
        gguf = arguments.gguf
        if not gguf:
            gguf = work / "base.gguf"
            parts = sorted((pathlib.Path(arguments.models) / "downloads").glob("*.gguf.part*"))
            if not gguf.exists():
                gguf.write_bytes(b"".join(part.read_bytes() for part in parts))
        result["llama.cpp Q4_K_M (no head, no adapter)"] = [python, here / "llama_cpp_q4.py", gguf, threads, path]
    else:
        say("llama.cpp is not available to this interpreter: its line will be missing")
    return result


def quantile(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def agreement(engine, logits, baseline):
    if not logits:
        return "", ""
    top = [max(range(len(row)), key=row.__getitem__) for row in logits]
    expected = [max(range(len(row)), key=row.__getitem__) for row in baseline]
    same = sum(a == b for a, b in zip(top, expected)) / len(top)
    largest = max(abs(a - b) for left, right in zip(logits, baseline) for a, b in zip(left, right))
    return f"{100 * same:.2f} %", f"{largest:.4f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("train", help="Banking77's train.csv")
    parser.add_argument("--messages", type=int, default=300)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--models", default=str(ROOT / "models"))
    parser.add_argument("--adapter", default="adapter")
    parser.add_argument("--work", default=str(ROOT / ".cache" / "benchmark"))
    parser.add_argument("--intentd", default=str(ROOT / ".build" / "release" / "intentd"))
    parser.add_argument("--harness", default=str(ROOT / ".build" / "release" / "engine-harness"))
    parser.add_argument("--python", help="an interpreter that has the packages of requirements.txt")
    parser.add_argument("--gguf", help="the GGUF file for llama.cpp (default: the chunks in models/downloads)")
    parser.add_argument("--precisions", nargs="+", default=PRECISIONS, help="f32 first: others are compared with it")
    parser.add_argument("--skip", nargs="*", default=[], metavar="TEXT", help="leave out engines with this in their name")
    arguments = parser.parse_args()
    work = pathlib.Path(arguments.work)
    work.mkdir(parents=True, exist_ok=True)
    path, ids = messages(arguments, work)
    commands = {
        f"intentd {precision}": [
            arguments.harness, "worker", arguments.models, precision, str(arguments.threads), path, arguments.adapter]
        for precision in arguments.precisions}
    commands |= peers(arguments, environment(arguments, work), work, path)
    commands = {name: command for name, command in commands.items() if not any(part in name for part in arguments.skip)}
    engines = []
    for name, command in commands.items():
        say(f"starting {name}")
        engines.append(Engine(name, list(map(str, command)), arguments.threads))
    for number in range(arguments.rounds):
        for engine in engines:
            if engine.is_slow:
                continue
            engine.seconds.append(engine.ask("batches 32")["seconds"])
            engine.milliseconds += engine.ask("single 100")["milliseconds"]
            say(f"round {number + 1} of {arguments.rounds}: {engine.name}: {engine.seconds[-1]:.2f} s, "
                f"p50 {quantile(engine.milliseconds, .5):.1f} ms")
    for engine in engines:
        engine.logits = None if engine.is_slow else engine.ask("answers")["logits"]
        engine.end()
    baseline = engines[0]
    tokens = sum(map(len, ids)) / len(ids)
    print(f"{len(ids)} messages of {tokens:.1f} tokens, {arguments.threads} threads, {arguments.rounds} rounds, "
          f"intentd on {baseline.about['kernels']}, adapter {arguments.adapter}\n")
    reference = next((e for e in engines if e.name.startswith("ONNX")), baseline)
    print(f"| engine | version | messages/s, batches of 32 | against {reference.name} | one at a time: p50 ms | p95 ms "
          f"| peak MiB | start s | same intent as {baseline.name} | largest logit difference |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for engine in engines:
        same, largest = agreement(engine, engine.logits, baseline.logits)
        rate, ratio = "not timed: over 2 s a message", ""
        if engine.seconds:
            rate = f"{len(ids) / min(engine.seconds):.1f}"
            ratio = f"{min(reference.seconds) / min(engine.seconds):.2f}x"
        print(f"| {engine.name} | {engine.about.get('version', '')} | {rate} | {ratio} "
              f"| {quantile(engine.milliseconds, .5):.1f} "
              f"| {quantile(engine.milliseconds, .95):.1f} | {engine.peak:.0f} | {engine.start:.1f} | {same} "
              f"| {largest} |")


if __name__ == "__main__":
    main()
