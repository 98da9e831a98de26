#!/usr/bin/env python3
"""Rolls three replicas one at a time behind HAProxy while requests arrive, and counts what became of each request.

    rolling.py --intentd .build/release/intentd --model models --rate 20 --rounds 1 [--json FILE]

HAProxy runs with deploy/haproxy/haproxy.cfg as it is. Requests arrive at a steady rate whatever the answers take
(open loop), over connections that are kept. A replica is told to stop with SIGTERM; when it has ended with status 0
another is started in its place, and the next is told when HAProxy has that one in turn. A lost request is any that
got no answer or one that is neither 200 nor 429. Ends with status 1 if one was lost or a replica did not end with
status 0.
"""

from __future__ import annotations

import argparse
import asyncio
import errno
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import aiohttp

import load

ROOT = pathlib.Path(__file__).resolve().parents[2]
NAMES = ("one", "two", "three")  # as in haproxy.cfg


def free_port() -> int:
    """A port on which nobody listens, below those that the kernel gives to connections: none of these can take it
    before it is used, or while a replica is started anew on it."""
    end = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    first = max(end // 2, 1024)
    while True:
        with socket.socket() as listener:
            try:
                listener.bind(("127.0.0.1", random.randrange(first, end) if first < end else 0))
                return listener.getsockname()[1]
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise


class Replica:
    """One server process on a fixed port."""

    def __init__(self, options: argparse.Namespace, port: int, *arguments: str):
        """`arguments` are added to those of `intentd serve`."""
        self.options, self.port, self.arguments = options, port, arguments
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            [self.options.intentd, "serve", "--model", self.options.model, "--port", str(self.port), "--threads",
             str(self.options.threads), "--latency-bound-ms", str(self.options.bound_ms), "--drain-delay",
             str(self.options.drain), "--log-level", "warning", *self.arguments])

    def stop(self) -> None:
        """At once, whatever it is doing."""
        if self.process:
            self.process.kill()
            self.process.wait()

    async def wait_until_ready(self, client: aiohttp.ClientSession) -> float:
        begun = time.monotonic()
        while time.monotonic() - begun < 120:
            if self.process.poll() is not None:
                raise SystemExit(f"rolling: the replica on port {self.port} ended: status {self.process.returncode}")
            try:
                async with client.get(f"http://127.0.0.1:{self.port}/readyz") as answer:
                    if answer.status == 200:
                        return time.monotonic() - begun
            except (aiohttp.ClientError, asyncio.TimeoutError):
                pass
            await asyncio.sleep(0.05)
        raise SystemExit("rolling: a replica was not ready after 120 s")


class Proxy:
    """HAProxy over the replicas."""

    def __init__(self, replicas: list[Replica], folder: pathlib.Path):
        self.port, self.socket = free_port(), folder / "haproxy.sock"
        self.environment = os.environ | {
            "INTENTD_PROXY_BIND": f"127.0.0.1:{self.port}", "INTENTD_PROXY_SOCKET": str(self.socket)} | {
            f"INTENTD_REPLICA_{index}": f"127.0.0.1:{replica.port}" for index, replica in enumerate(replicas, 1)}

        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        """Starts HAProxy and waits until it answers on its socket, which it makes some time after its start."""
        program = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")
        if not program:
            raise SystemExit("rolling: install haproxy")
        self.process = subprocess.Popen([program, "-db", "-f", str(ROOT / "deploy/haproxy/haproxy.cfg")],
                                        env=self.environment, stdout=subprocess.DEVNULL)
        begun = time.monotonic()
        while True:
            try:
                self.statuses()
                return
            except (FileNotFoundError, ConnectionRefusedError):
                status = self.process.poll()
                if status is not None:
                    raise SystemExit(f"rolling: HAProxy ended with status {status} as it started")
                if time.monotonic() - begun > 30:
                    raise SystemExit("rolling: HAProxy does not answer on its socket after 30 s")
                time.sleep(0.05)

    def stop(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()

    def command(self, line: str) -> str:
        """What HAProxy answers to a command on its socket."""
        with socket.socket(socket.AF_UNIX) as link:
            link.connect(str(self.socket))
            link.sendall(line.encode() + b"\n")
            return b"".join(iter(lambda: link.recv(65536), b"")).decode()

    def statuses(self) -> dict[str, str]:
        """What HAProxy thinks of each replica."""
        text = self.command("show stat")
        head, *rows = [line.split(",") for line in text.lstrip("# ").splitlines() if line]
        columns = {name: index for index, name in enumerate(head)}
        return {row[columns["svname"]]: row[columns["status"]] for row in rows if row[columns["svname"]] in NAMES}

    async def wait_until_up(self, name: str) -> None:
        begun = time.monotonic()
        while not self.statuses().get(name, "").startswith("UP"):
            if time.monotonic() - begun > 30:
                raise SystemExit(f"rolling: HAProxy does not take replica {name} in turn")
            await asyncio.sleep(0.05)


async def roll(options: argparse.Namespace, folder: pathlib.Path) -> dict:
    replicas = [Replica(options, free_port()) for _ in NAMES]
    proxy = Proxy(replicas, folder)
    async with load.client() as client:
        try:
            for replica in replicas:
                replica.start()
            for replica in replicas:
                await replica.wait_until_ready(client)
            proxy.start()
            for name in NAMES:
                await proxy.wait_until_up(name)
            requests = load.Load(proxy.port, options.rate)
            loading = asyncio.create_task(requests.run(client))
            await asyncio.sleep(options.quiet)
            rolls = []
            for _ in range(options.rounds):
                for name, replica in zip(NAMES, replicas):
                    rolls.append(await roll_one(proxy, name, replica, client))
            await asyncio.sleep(options.quiet)
            requests.stop.set()
            await loading
            return summary(options, requests, rolls)
        finally:
            proxy.stop()
            for replica in replicas:
                replica.stop()


async def roll_one(proxy: Proxy, name: str, replica: Replica, client: aiohttp.ClientSession) -> dict:
    """Replaces one replica; the times of its steps in seconds."""
    begun, options = time.monotonic(), replica.options
    replica.process.send_signal(signal.SIGTERM)
    out = None
    while replica.process.poll() is None:
        if time.monotonic() - begun > options.drain + 60:
            raise SystemExit(f"rolling: replica {name} does not end")
        if out is None and not proxy.statuses()[name].startswith("UP"):
            out = time.monotonic() - begun
        await asyncio.sleep(0.05)
    ended = time.monotonic() - begun
    status = replica.process.returncode
    replica.start()
    ready = await replica.wait_until_ready(client)
    await proxy.wait_until_up(name)
    done = {"replica": name, "exit_status": status, "out_of_turn_s": out, "ended_s": ended, "start_s": ready,
            "whole_s": time.monotonic() - begun}
    done = {key: round(value, 2) if isinstance(value, float) else value for key, value in done.items()}
    print(f"rolling: {done}", file=sys.stderr)
    return done


def summary(options: argparse.Namespace, requests: load.Load, rolls: list[dict]) -> dict:
    seconds = requests.results[-1][0] - requests.results[0][0]
    return {"replicas": len(NAMES), "threads_each": options.threads, "bound_ms": options.bound_ms,
            "requests_per_s": options.rate, "seconds": round(seconds, 1), **requests.summary(), "rolls": rolls}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--intentd", required=True, help="the built program")
    parser.add_argument("--model", required=True, help="model folder")
    parser.add_argument("--rate", type=float, default=20, help="requests a second")
    parser.add_argument("--threads", type=int, default=1, help="compute threads of each replica")
    parser.add_argument("--bound-ms", type=float, default=50)
    parser.add_argument("--drain", type=float, default=3, help="drain delay in seconds")
    parser.add_argument("--rounds", type=int, default=1, help="times that every replica is replaced")
    parser.add_argument("--quiet", type=float, default=2, help="seconds of load before and after")
    parser.add_argument("--json", type=pathlib.Path, help="also write the figures here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = asyncio.run(roll(options, pathlib.Path(folder)))
    print(json.dumps(figures, indent=2))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
    return 1 if figures["lost"] or any(step["exit_status"] for step in figures["rolls"]) else 0


if __name__ == "__main__":
    sys.exit(main())
