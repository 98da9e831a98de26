"""What a peer of the benchmark does: answers the commands of compare.py on standard input, a line of JSON each.

A worker prints {"ready": true, "first": seconds of a first message, ...} when it is loaded, then answers
  batches N   {"seconds": ...}: all messages, N at a time, in the order of the file (sorted by length)
  single N    {"milliseconds": [...]}: N messages spread over the file, one at a time
  answers     {"logits": [[...], ...]}: of every message; null from a peer that has no head
until its input ends. Messages are lists of token ids; times hold no tokenising.
"""
import json
import sys
import time


def serve(messages, run, **about):
    """run(list of messages) -> a list of lists of logits, or None."""
    start = time.perf_counter()
    run(messages[:1])
    first = time.perf_counter() - start
    print(json.dumps({"ready": True, "first": first, **about}), flush=True)
    for line in sys.stdin:
        command, *rest = line.split()
        number = int(rest[0]) if rest else 1
        if command == "batches":
            start = time.perf_counter()
            for first in range(0, len(messages), number):
                run(messages[first:first + number])
            answer = {"seconds": time.perf_counter() - start}
        elif command == "single":
            count, times = min(number, len(messages)), []
            for index in range(count):
                start = time.perf_counter()
                run([messages[index * len(messages) // count]])
                times.append((time.perf_counter() - start) * 1000)
            answer = {"milliseconds": times}
        elif command == "answers":
            logits = []
            for first in range(0, len(messages), 32):
                logits += run(messages[first:first + 32]) or []
            answer = {"logits": logits or None}
        else:
            raise ValueError(command)
        print(json.dumps(answer), flush=True)


def padded(messages, pad=0):
    """Ids and mask of a batch as numpy arrays, padded on the right."""
    import numpy
    width = max(len(message) for message in messages)
    ids = numpy.full((len(messages), width), pad, dtype=numpy.int64)
    mask = numpy.zeros((len(messages), width), dtype=numpy.int64)
    for row, message in enumerate(messages):
        ids[row, :len(message)] = message
        mask[row, :len(message)] = 1
    return ids, mask
