#!/usr/bin/env python3
"""What a lone request waits for beyond the engine: one keep-alive connection, one request after the other, each one's
time as the client sees it less the time of its batch as the service tells it (header Server-Timing).

Usage: lone.py INTENTD [MODEL_DIR] [--requests 400]
Python's standard library only; the client's own work in Python is in the figures.
"""

import argparse
import json
import pathlib
import re
import socket
import statistics
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "Tests" / "faults"))
import wire  # noqa: E402
from service import Service  # noqa: E402


def exchange(connection, request):
    """Sends a request and reads its answer. Returns the seconds that passed, and the answer's head."""
    start = time.perf_counter()
    connection.sendall(request)
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(re.search(rb"(?i)content-length: (\d+)", head).group(1))
    while len(body) < length:
        body += connection.recv(65536)
    return time.perf_counter() - start, head.decode()


def quantiles(values):
    ordered = sorted(values)
    return {"p50": statistics.median(ordered), "p90": ordered[int(0.9 * len(ordered))], "p99": ordered[int(0.99 * len(ordered))]}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("intentd")
    parser.add_argument("model", nargs="?", default="models")
    parser.add_argument("--requests", type=int, default=400)
    arguments = parser.parse_args()
    lines = (ROOT / "training" / "data" / "held_out.tsv").read_text(encoding="utf-8").splitlines()
    requests = [wire.post("/classify", {"text": line.split("\t", 1)[1]}) for line in lines]
    total, compute, queue = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        service = Service(arguments.intentd, arguments.model, f"{folder}/log")
        try:
            with socket.create_connection(("127.0.0.1", service.port)) as connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for number in range(-20, arguments.requests):
                    seconds, head = exchange(connection, requests[number % len(requests)])
                    if " 200 " not in head.splitlines()[0]:
                        raise SystemExit(f"lone.py: {head.splitlines()[0]}")
                    timing = re.search(r"(?i)server-timing: queue;dur=([\d.]+), compute;dur=([\d.]+)", head)
                    if number >= 0:
                        total.append(seconds * 1000)
                        queue.append(float(timing.group(1)))
                        compute.append(float(timing.group(2)))
                    # A lone request finds an idle engine, its threads asleep.
                    time.sleep(0.005)
        finally:
            service.stop()
    added = [whole - part for whole, part in zip(total, compute)]
    print(json.dumps({
        "requests": len(total), "milliseconds": {
            "as the client sees it": quantiles(total), "of it the engine": quantiles(compute),
            "from arrival to the batch's start": quantiles(queue), "added to the engine": quantiles(added)}}, indent=1))


if __name__ == "__main__":
    main()
