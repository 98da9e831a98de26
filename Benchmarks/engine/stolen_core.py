"""Throughput when another process takes part of a core: stolen_core.py HARNESS MODELS MESSAGES [PRECISION].

MESSAGES is the file of token ids that compare.py leaves in its work folder. The engine runs on two threads; a busy loop
is pinned to the second processor. It takes half of that, so 1.5 of 2 processors are left and 75 % of the throughput.
"""
import json
import os
import subprocess
import sys

from compare import Engine

ROUNDS = 3


def main() -> None:
    harness, models, messages = sys.argv[1:4]
    precision = sys.argv[4] if len(sys.argv) > 4 else "int8"
    processors = sorted(os.sched_getaffinity(0))[:2]
    os.sched_setaffinity(0, processors)
    count = len(json.load(open(messages)))
    engine = Engine(precision, [harness, "worker", models, precision, "2", messages], 2)

    def rate():
        return count / engine.ask("batches 32")["seconds"]

    rate()
    print("| round | alone: messages/s | beside a busy loop | share |\n|---|---|---|---|")
    for number in range(1, ROUNDS + 1):
        alone = rate()
        thief = subprocess.Popen([sys.executable, "-c", f"import os; os.sched_setaffinity(0, [{processors[1]}])\n"
                                                        "while True: pass"])
        beside = rate()
        thief.kill()
        thief.wait()
        print(f"| {number} | {alone:.1f} | {beside:.1f} | {100 * beside / alone:.0f} % |", flush=True)
    engine.end()


if __name__ == "__main__":
    main()
