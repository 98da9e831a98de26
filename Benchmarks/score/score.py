#!/usr/bin/env python3
"""`intentd score`: its rate beside the engine's own on the same messages, and its memory over millions of lines.

    score.py rate INTENTD ENGINE_HARNESS [MODEL_DIR] [--rounds 3]
        the messages of training/data/held_out.tsv, repeated, through `intentd score` and, as token ids in batches of
        the same size, through the engine alone; in turns, the middle of the rounds. Needs sentencepiece.
    score.py lines INTENTD [--lines 2000000]
        a stream of short lines through the tests' tiny model, gzip in: every answer present, in order, memory sampled

`rate` reports score's seconds for many messages less those for few, so that loading does not count.
"""

import argparse
import gzip
import json
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "Benchmarks" / "engine"))
from compare import Engine  # noqa: E402

FEW = 220


def held_out():
    lines = (ROOT / "training" / "data" / "held_out.tsv").read_text(encoding="utf-8").splitlines()
    return [line.split("\t", 1)[1] for line in lines]


def rate(arguments):
    import sentencepiece
    tokenizer = sentencepiece.SentencePieceProcessor(model_file=f"{arguments.model}/base/tokenizer.model")
    messages = held_out() * arguments.repeats
    ids = [[2] + tokenizer.encode(text) for text in messages]
    mean = sum(map(len, ids)) / len(ids)

    def score(texts):
        start = time.perf_counter()
        done = subprocess.run(
            [arguments.intentd, "score", "--model", arguments.model, "--format", "text", "--threads", "2"],
            input="\n".join(texts) + "\n", capture_output=True, text=True, check=True)
        assert done.stdout.count("\n") == len(texts)
        return time.perf_counter() - start

    ratios, ours, alone = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "ids.json"
        path.write_text(json.dumps(ids))
        engine = Engine("engine", [arguments.harness, "worker", arguments.model, "auto", "2", path], 2)
        try:
            # As many messages as fill the tokens that score runs at once.
            size = max(1, round(512 / mean))
            for _ in range(arguments.rounds):
                own = len(messages) / engine.ask(f"batches {size}")["seconds"]
                full = (len(messages) - FEW) / (score(messages) - score(messages[:FEW]))
                ours.append(full)
                alone.append(own)
                ratios.append(full / own)
        finally:
            engine.end()
    print(json.dumps({
        "messages": len(messages), "mean_tokens": round(mean, 2), "engine_alone_per_s": statistics.median(alone),
        "score_per_s": statistics.median(ours), "score_of_engine": statistics.median(ratios), "ratios": ratios}))


def lines(arguments):
    with tempfile.TemporaryDirectory() as folder:
        model = pathlib.Path(folder)
        for name in ("config.json", "model.safetensors"):
            shutil.copy(ROOT / "Tests" / "Fixtures" / "engine" / "llama" / name, model)
        shutil.copy(ROOT / "Tests" / "Fixtures" / "cli" / "tokenizer.model", model)
        process = subprocess.Popen(
            [arguments.intentd, "score", "--model", folder, "--format", "jsonl", "--threads", "2"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        bad = 100_003

        def feed():
            with gzip.GzipFile(fileobj=process.stdin, mode="wb", compresslevel=1) as out:
                for number in range(arguments.lines):
                    # Now and then a line that is none.
                    out.write(b"{broken\n" if number % bad == 1 else b'{"id":%d,"text":"my card"}\n' % number)
            process.stdin.close()

        threading.Thread(target=feed, daemon=True).start()
        start, samples, errors = time.monotonic(), [], 0
        for number in range(arguments.lines):
            answer = json.loads(process.stdout.readline())
            if number % bad == 1:
                assert answer.get("line") == number + 1 and "error" in answer, answer
                errors += 1
            else:
                assert answer["id"] == number and "intent" in answer, answer
            if number % 20_000 == 0:
                with open(f"/proc/{process.pid}/status") as file:
                    fields = dict(line.split(":", 1) for line in file)
                samples.append(int(fields["VmRSS"].split()[0]))
        assert process.stdout.read() == b""
        status = process.wait(30)
        seconds = time.monotonic() - start
    tenth = max(1, len(samples) // 10)
    early, late = statistics.median(samples[tenth : 2 * tenth] or samples), statistics.median(samples[-tenth:])
    print(json.dumps({
        "lines": arguments.lines, "bad_lines": errors, "exit_status": status, "seconds": round(seconds, 1),
        "lines_per_s": round(arguments.lines / seconds), "resident_kib_second_tenth": early,
        "resident_kib_last_tenth": late, "resident_kib_largest": max(samples)}))
    if status != 3 or late > early + 4096:
        raise SystemExit("score.py: memory grew, or the exit status is not 3")


def main():
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("rate")
    command.add_argument("intentd")
    command.add_argument("harness")
    command.add_argument("model", nargs="?", default="models")
    command.add_argument("--rounds", type=int, default=3)
    command.add_argument("--repeats", type=int, default=6, help="times that the 220 messages are repeated")
    command.set_defaults(run=rate)
    command = commands.add_parser("lines")
    command.add_argument("intentd")
    command.add_argument("--lines", type=int, default=2_000_000)
    command.set_defaults(run=lines)
    arguments = parser.parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
