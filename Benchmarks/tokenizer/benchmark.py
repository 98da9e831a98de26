"""Encode the same messages with the Swift tokenizer and with Python `sentencepiece` (C++), round by round in turn.

    python benchmark.py --harness PATH --messages CSV [--rounds 15] MODEL...

Both run on one core, the same one. A round encodes every message once; `loop` calls Python's encode once a message, as a
service would, `batch` hands it the whole list (num_threads=1), which leaves the C++ library and little else. Loading is
not part of a round. Prints, as rows of a table, the median of each and its ratio to Swift's; exit status 1 if either of
Python's medians is the smaller. Both sides must make the same number of ids.
The messages are the column `text` of a CSV file, or the lines of a text file; they are not stored.
Needs sentencepiece==0.2.3.
"""
import argparse
import csv
import os
import statistics
import subprocess
import sys
import tempfile
import time

import sentencepiece as spm


def read(path):
    with open(path, newline="", encoding="utf-8") as lines:
        rows = [row["text"] for row in csv.DictReader(lines)] if path.endswith(".csv") else lines.read().split("\n")
    return [" ".join(row.splitlines()) for row in rows if row.strip()]


def timed(call):
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


def measure(harness, model, messages, rounds):
    """Seconds a round of Swift, Python's loop and Python's batch, and the number of ids."""
    processor = spm.SentencePieceProcessor(model_file=model)
    loop, batch, swift = [], [], []
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as lines:
        lines.write("\n".join(messages))
        lines.flush()
        for done in range(rounds):
            seconds, ids = timed(lambda: sum(len(processor.encode(message)) for message in messages))
            loop.append(seconds)
            seconds, lists = timed(lambda: processor.encode(messages, num_threads=1))
            batch.append(seconds)
            assert ids == sum(map(len, lists))
            output = subprocess.run(
                [harness, "time", model, lines.name, "3"], check=True, stdout=subprocess.PIPE, text=True)
            timings = [line.split() for line in output.stdout.splitlines()]
            assert all(int(count) == ids for _, count in timings), "the two sides make different numbers of ids"
            # The first round of a new process warms its caches, as Python's were warmed long ago.
            swift += [float(seconds) for seconds, _ in timings[1:]]
            if sys.stderr.isatty():
                print("\r%d of %d rounds " % (done + 1, rounds), end="", file=sys.stderr)
    return swift, loop, batch, ids


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--harness", required=True)
    parser.add_argument("--messages", required=True)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("models", nargs="+", metavar="MODEL")
    arguments = parser.parse_args()
    assert spm.__version__ == "0.2.3", "the peer is sentencepiece 0.2.3"
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    messages = read(arguments.messages)
    print("%d messages; microseconds a message, medians of %d rounds on one core\n" % (len(messages), arguments.rounds))
    print("| model | ids | Swift | Python, loop | Python, batch | loop / Swift | batch / Swift |")
    print("|---|---|---|---|---|---|---|", flush=True)
    slower = False
    for model in arguments.models:
        *times, ids = measure(arguments.harness, model, messages, arguments.rounds)
        swift, loop, batch = (statistics.median(seconds) / len(messages) * 1e6 for seconds in times)
        slower = slower or min(loop, batch) < swift
        print("| %s | %d | %.2f | %.2f | %.2f | %.2f | %.2f |" % (
            os.path.basename(model), ids, swift, loop, batch, loop / swift, batch / swift), flush=True)
    sys.exit(1 if slower else 0)


if __name__ == "__main__":
    main()
