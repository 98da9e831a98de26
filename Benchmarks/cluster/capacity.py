#!/usr/bin/env python3
"""What one replica can do: start time, memory, and the highest rate that it answers within its bound.

    capacity.py --intentd .build/release/intentd --model models --threads 1 2 --bounds 50 100 250

Requests arrive independently of each other (a Poisson process). For each number of threads and each bound, the rate
rises step by step until more than 1 % is refused; the last step below that is reported with its latencies at the
client and the server's use of its processors. The client runs on the same machine and takes a part of it: what is
reported is what both together managed. The server is pinned to as many processors as it has threads
(sched_setaffinity), the client is not.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import aiohttp

import load
import rolling


class Server:
    """One server process, pinned to as many processors as it has threads."""

    def __init__(self, options: argparse.Namespace, threads: int, bound: float):
        self.port, self.threads = rolling.free_port(), threads
        cpus = sorted(os.sched_getaffinity(0))[-threads:]
        self.begun = time.monotonic()
        self.process = subprocess.Popen(
            [options.intentd, "serve", "--model", options.model, "--port", str(self.port), "--threads", str(threads),
             "--latency-bound-ms", str(bound), "--precision", options.precision, "--drain-delay", "0",
             "--log-level", "warning"], preexec_fn=lambda: os.sched_setaffinity(0, cpus))

    async def wait_until_ready(self, session: aiohttp.ClientSession) -> float:
        while time.monotonic() - self.begun < 120 and self.process.poll() is None:
            try:
                async with session.get(f"http://127.0.0.1:{self.port}/readyz") as answer:
                    if answer.status == 200:
                        return time.monotonic() - self.begun
            except (aiohttp.ClientError, asyncio.TimeoutError):
                pass
            await asyncio.sleep(0.02)
        raise SystemExit("capacity: the server does not become ready")

    async def metric(self, session: aiohttp.ClientSession, name: str) -> float:
        async with session.get(f"http://127.0.0.1:{self.port}/metrics") as answer:
            text = await answer.text()
        return float(next(line.split()[-1] for line in text.splitlines() if line.startswith(name)))

    def peak_mib(self) -> int:
        lines = pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) // 1024

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)


async def highest_rate(server: Server, session: aiohttp.ClientSession, options: argparse.Namespace) -> dict:
    """Steps of 15 % until more than 1 % of the requests is refused or late at the client's own limit."""
    best, rate = None, options.start
    while rate < options.stop:
        requests = load.Load(server.port, rate, seed=1)
        misses = await server.metric(session, "intentd_latency_bound_misses_total")
        work, begun = await server.metric(session, "process_cpu_seconds_total"), time.monotonic()
        await requests.run(session, options.seconds)
        step = requests.summary() | {"rate": round(rate, 1)}
        work = await server.metric(session, "process_cpu_seconds_total") - work
        # What an autoscaler sees of a pod with a core for each thread.
        step["cpu_percent"] = round(100 * work / (time.monotonic() - begun) / server.threads)
        step["bound_misses"] = await server.metric(session, "intentd_latency_bound_misses_total") - misses
        share = 1 - step["outcomes"].get("200", 0) / step["requests"]
        print(f"capacity: {step}", file=sys.stderr)
        if share > 0.01:
            break
        best, rate = step, rate * 1.15
    return best or {"rate": 0}


async def measure(options: argparse.Namespace) -> list[dict]:
    rows = []
    for threads in options.threads:
        for bound in options.bounds:
            async with load.client() as session:
                server = Server(options, threads, bound)
                try:
                    ready = await server.wait_until_ready(session)
                    # The cost model learns from what it sees; give it something to see.
                    await load.Load(server.port, options.start / 2).run(session, 3)
                    best = await highest_rate(server, session, options)
                    tokens = (await server.metric(session, "intentd_message_tokens_total")
                              / await server.metric(session, 'intentd_messages_total{outcome="answered"}'))
                    rows.append({"threads": threads, "bound_ms": bound, "start_s": round(ready, 2),
                                 "peak_mib": server.peak_mib(), "tokens_per_message": round(tokens, 1)} | best)
                finally:
                    server.stop()
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--intentd", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--bounds", type=float, nargs="+", default=[50, 100, 250], help="milliseconds")
    parser.add_argument("--start", type=float, default=5, help="first rate, requests a second")
    parser.add_argument("--stop", type=float, default=1000, help="rate at which to give up")
    parser.add_argument("--seconds", type=float, default=8, help="length of a step")
    print(json.dumps(asyncio.run(measure(parser.parse_args())), indent=2))


if __name__ == "__main__":
    main()
