#!/usr/bin/env python3
"""A long mixed load on a real server: clients that ask properly, and clients that vanish, half-close, send garbage,
dribble, reconnect, do not read and stay silent. Every answer is compared byte for byte with its known one; memory, open
files and threads are sampled throughout and must not grow; at the end SIGTERM must end the server with status 0.

Usage: soak.py INTENTD [MODEL_DIR] [--seconds 1800] [--record FILE.json]
Python's standard library only.
"""

import argparse
import asyncio
import gzip
import json
import os
import pathlib
import random
import statistics
import sys
import tempfile
import time

import wire
from known import Known
from service import Service

HEAD_SECONDS, BODY_SECONDS, IDLE_SECONDS = 3, 3, 8
# Refused by admission or past its deadline: documented answers of a server that is busy.
BUSY = (429, 504)


class Soak:
    def __init__(self, service, known, seed, pace):
        self.port, self.service, self.known = service.port, service, known
        self.random = random.Random(seed)
        self.counts, self.errors = {}, []
        self.pace, self.running = pace, True

    def count(self, what):
        self.counts[what] = self.counts.get(what, 0) + 1

    def wrong(self, client, what):
        self.count(f"{client}: WRONG")
        if len(self.errors) < 50:
            self.errors.append(f"{client}: {what}")

    def text(self):
        return self.random.choice(self.known.texts)

    def judge(self, client, response, is_right):
        """A whole answer, of which `is_right` says whether it is the known one."""
        if response is None:
            self.wrong(client, "the connection was closed without an answer")
        elif response.status in BUSY:
            self.count(f"{client}: {response.status}")
        elif response.status != 200:
            self.wrong(client, f"status {response.status}: {response.body[:200]!r}")
        elif not is_right(response):
            self.wrong(client, f"another answer: {response.body[:200]!r}")
        else:
            self.count(f"{client}: right")

    def check(self, client, text, response):
        """A whole answer to one text."""
        self.judge(client, response, lambda response: response.body == self.known.answers[text])

    async def pause(self, mean):
        await asyncio.sleep(self.pace * min(self.random.expovariate(1 / mean), 10 * mean))

    async def forever(self, client, number):
        """Runs one client again and again; whatever it raises is an error of the server's."""
        while self.running:
            try:
                await client(self, number)
            except (asyncio.TimeoutError, TimeoutError):
                self.wrong(client.__name__, "no answer within 30 s")
            except (OSError, wire.WireError, ValueError) as error:
                self.wrong(client.__name__, f"{type(error).__name__}: {error}")


async def keeps_alive(soak, number):
    """A proper client: up to a hundred requests on one connection."""
    reader, writer = await wire.connect(soak.port)
    for _ in range(soak.random.randint(1, 100)):
        if not soak.running:
            break
        text = soak.text()
        writer.write(wire.post("/classify", Known.body(text)))
        soak.check("keeps_alive", text, await wire.read_response(reader))
        await soak.pause(0.4)
    await wire.close(writer)


async def sends_batches(soak, number):
    """Many texts at once, every other time packed."""
    texts = [soak.text() for _ in range(soak.random.randint(2, 12))]
    body = json.dumps({"texts": texts, "top_k": 3, "timeout_ms": 60_000}).encode()
    packed = soak.random.random() < 0.5
    request = wire.post("/classify", gzip.compress(body), "Content-Encoding: gzip\r\n") if packed \
        else wire.post("/classify", body)
    reader, writer = await wire.connect(soak.port)
    writer.write(request)
    # Each row is the message's answer alone.
    soak.judge("sends_batches", await wire.read_response(reader),
               lambda response: response.json()["results"] == [soak.known.rows[text] for text in texts])
    await wire.close(writer)
    await soak.pause(1)


async def speaks_other_protocols(soak, number):
    """text-embeddings-inference's /predict and the Open Inference Protocol."""
    text = soak.text()
    reader, writer = await wire.connect(soak.port)
    writer.write(wire.post("/predict", {"inputs": text}))
    soak.judge("predict", await wire.read_response(reader),
               lambda response: response.json()[0]["label"] == soak.known.intents[text])
    model = json.loads(soak.known.answers[text])["model"]["name"]
    tensor = {"name": "text", "shape": [1], "datatype": "BYTES", "data": [text]}
    writer.write(wire.post(f"/v2/models/{model}/infer", {"inputs": [tensor]}))
    soak.judge("infer", await wire.read_response(reader), lambda response: next(
        output["data"][0] for output in response.json()["outputs"] if output["name"] == "label"
    ) in (soak.known.intents[text], ""))
    await wire.close(writer)
    await soak.pause(1.5)


async def reconnects(soak, number):
    """A connection for each request; now and then one that is opened and closed only."""
    reader, writer = await wire.connect(soak.port)
    if soak.random.random() < 0.8:
        text = soak.text()
        writer.write(wire.post("/classify", Known.body(text), "Connection: close\r\n"))
        soak.check("reconnects", text, await wire.read_response(reader))
        if await asyncio.wait_for(reader.read(1), 30):
            soak.wrong("reconnects", "bytes after the answer")
    else:
        soak.count("reconnects: opened and closed")
    await wire.close(writer)
    await soak.pause(0.5)


async def vanishes(soak, number):
    """Leaves by a reset: after a part of the request, or while it is being answered."""
    reader, writer = await wire.connect(soak.port)
    request = wire.post("/classify", Known.body(soak.text()))
    if soak.random.random() < 0.5:
        request = request[: soak.random.randint(1, len(request) - 1)]
    writer.write(request)
    await asyncio.sleep(soak.random.choice([0, 0, 0.002, 0.01, 0.05]))
    wire.reset(writer)
    soak.count("vanishes: left")
    await soak.pause(0.4)


async def half_closes(soak, number):
    """Closes its sending side after the request and waits for the answer; or before the request is whole."""
    reader, writer = await wire.connect(soak.port)
    text = soak.text()
    request = wire.post("/classify", Known.body(text))
    if soak.random.random() < 0.7:
        writer.write(request)
        writer.write_eof()
        soak.check("half_closes", text, await wire.read_response(reader))
    else:
        writer.write(request[: soak.random.randint(1, len(request) - 1)])
        writer.write_eof()
        response = await wire.read_response(reader)
        if response is not None and response.status != 400:
            soak.wrong("half_closes", f"status {response.status} for a part of a request")
        soak.count("half_closes: part of a request refused or closed")
    await wire.close(writer)
    await soak.pause(1)


async def sends_garbage(soak, number):
    """Random bytes, or a request with some bytes changed: 4xx or a closed connection, never another failure."""
    reader, writer = await wire.connect(soak.port)
    if soak.random.random() < 0.5:
        data = soak.random.randbytes(soak.random.randint(1, 2000)) + b"\r\n\r\n"
    else:
        data = bytearray(wire.post("/classify", Known.body(soak.text())))
        for _ in range(soak.random.randint(1, 8)):
            data[soak.random.randrange(len(data))] = soak.random.randrange(256)
    writer.write(bytes(data))
    response = await wire.read_response(reader)
    if response is not None and response.status >= 500 and response.status != 504:
        soak.wrong("sends_garbage", f"status {response.status}")
    soak.count(f"sends_garbage: {response.status if response else 'closed'}")
    wire.reset(writer)
    await soak.pause(0.5)


async def dribbles(soak, number):
    """A byte at a time, fast enough to be served; or stopping in the middle, to be answered 408."""
    reader, writer = await wire.connect(soak.port)
    text = soak.text()
    request = wire.post("/classify", Known.body(text))
    stops, start = soak.random.random() < 0.3, time.monotonic()
    end = soak.random.randint(1, len(request) - 1) if stops else len(request)
    try:
        for position in range(end):
            writer.write(request[position : position + 1])
            await asyncio.sleep(0.002)
    except OSError:
        pass
    response = await wire.read_response(reader)
    if stops:
        if response is not None and response.status != 408:
            soak.wrong("dribbles", f"status {response.status} for a request that never ends")
        soak.count("dribbles: timed out")
    elif time.monotonic() - start > HEAD_SECONDS - 0.5 and (response is None or response.status == 408):
        # The machine was too busy for two milliseconds a byte, and what came after the 408 reset the connection.
        soak.count("dribbles: too slow themselves")
    else:
        soak.check("dribbles", text, response)
    await wire.close(writer)
    await soak.pause(1)


async def pipelines(soak, number):
    """Several requests in one write: as many answers, in order."""
    texts = [soak.text() for _ in range(soak.random.randint(2, 8))]
    reader, writer = await wire.connect(soak.port)
    writer.write(b"".join(wire.post("/classify", Known.body(text)) for text in texts))
    for text in texts:
        soak.check("pipelines", text, await wire.read_response(reader))
    await wire.close(writer)
    await soak.pause(2)


async def does_not_read(soak, number):
    """Asks for much and takes nothing of it for a while, then leaves."""
    reader, writer = await wire.connect(soak.port)
    writer.write(wire.get("/openapi.json") * 100)
    await asyncio.sleep(soak.random.uniform(0.5, 4))
    wire.reset(writer)
    soak.count("does_not_read: left")
    await soak.pause(5)


async def stays_silent(soak, number):
    """Opens a connection and says nothing, until the server closes it."""
    reader, writer = await wire.connect(soak.port)
    if await asyncio.wait_for(reader.read(1), HEAD_SECONDS + IDLE_SECONDS + 20):
        soak.wrong("stays_silent", "bytes without a request")
    soak.count("stays_silent: closed by the server")
    await wire.close(writer)


async def has_no_time(soak, number):
    """A deadline that cannot be kept, or barely: 504, 429 or the right answer."""
    reader, writer = await wire.connect(soak.port)
    text = soak.text()
    writer.write(wire.post("/classify", {**Known.body(text), "timeout_ms": soak.random.choice([1, 5, 20, 50])}))
    soak.check("has_no_time", text, await wire.read_response(reader))
    await wire.close(writer)
    await soak.pause(1)


CLIENTS = [(keeps_alive, 4), (sends_batches, 1), (speaks_other_protocols, 1), (reconnects, 2), (vanishes, 2),
           (half_closes, 1), (sends_garbage, 1), (dribbles, 2), (pipelines, 1), (does_not_read, 1),
           (stays_silent, 10), (has_no_time, 1)]


async def watch(soak, seconds, reload_seconds, samples):
    """Samples the process, asks for metrics, has the adapter loaded anew now and then; ends the soak."""
    start = time.monotonic()
    next_reload = reload_seconds
    while (elapsed := time.monotonic() - start) < seconds:
        if not soak.service.is_running:
            soak.wrong("the server", f"it ended with status {soak.service.process.poll()}")
            break
        samples.append({"t": round(elapsed, 1), **soak.service.sample()})
        if reload_seconds and elapsed >= next_reload:
            next_reload += reload_seconds
            soak.service.reload()
            soak.count("adapter loaded anew")
        if sys.stderr.isatty() or len(samples) % 30 == 1:
            answers = sum(n for what, n in soak.counts.items() if what.endswith("right"))
            now = samples[-1]
            print(f"{elapsed:6.0f} s  {answers} right answers, {len(soak.errors)} errors, "
                  f"{now['rss_kib'] // 1024} MiB ({now['anonymous_kib'] // 1024} its own), "
                  f"{now['files']} files, {now['threads']} threads", file=sys.stderr, flush=True)
        await asyncio.sleep(2)
    soak.running = False


def flatness(samples, key):
    """Medians of the second and of the last fifth of the run: the first fifth is the filling of caches."""
    fifth = max(len(samples) // 5, 1)
    early = statistics.median(s[key] for s in samples[fifth : 2 * fifth] or samples)
    late = statistics.median(s[key] for s in samples[-fifth:])
    return early, late


async def run(service, arguments, samples):
    known = await Known.learn(service.port)
    # What stays open without clients; the connections of learning are given time to end.
    await asyncio.sleep(1)
    before = service.sample()
    soak = Soak(service, known, arguments.seed, arguments.pace)
    tasks = [asyncio.create_task(soak.forever(client, n)) for client, count in CLIENTS for n in range(count)]
    await watch(soak, arguments.seconds, arguments.reload_seconds, samples)
    _, pending = await asyncio.wait(tasks, timeout=60)
    for task in pending:
        task.cancel()
        soak.wrong("a client", "it did not end")
    after = before
    if service.is_running:
        await asyncio.sleep(IDLE_SECONDS + 5)
        after = service.sample()
        reader, writer = await wire.connect(service.port)
        for text in known.texts:
            writer.write(wire.post("/classify", Known.body(text)))
            soak.check("at the end", text, await wire.read_response(reader))
        await wire.close(writer)
    return soak, known, before, after


def verdicts(soak, samples, before, after, status, leaks):
    # Not the resident set: pages of the mapped model come and go in it.
    memory, late_memory = flatness(samples, "anonymous_kib")
    files, late_files = flatness(samples, "files")
    threads, late_threads = flatness(samples, "threads")
    return {
        "every answer right": not soak.errors,
        "memory flat": late_memory <= memory + max(0.03 * memory, 4096),
        "open files flat": late_files <= files + 8 and after["files"] <= before["files"] + 2,
        "threads flat": late_threads <= threads + 2,
        "exit 0 on SIGTERM": status == 0,
        "no message in the log": leaks == 0,
    }


def leaks_in(log, texts):
    """Log lines that hold a message long enough to be no accident."""
    wanted = [json.dumps(text)[1:-1] for text in texts if len(text) > 12]
    with open(log, encoding="utf-8", errors="replace") as file:
        return sum(any(text in line for text in wanted) for line in file)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("intentd")
    parser.add_argument("model", nargs="?", default="models")
    parser.add_argument("--seconds", type=float, default=1800)
    parser.add_argument("--reload-seconds", type=float, default=300, help="load the adapter anew this often; 0 never")
    parser.add_argument("--pace", type=float, default=1, help="clients pause this many times as long")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--record", help="write what was seen here, as JSON")
    parser.add_argument("--keep-log", help="keep the server's log here")
    arguments = parser.parse_args()
    samples = []
    with tempfile.TemporaryDirectory() as folder:
        log = arguments.keep_log or os.path.join(folder, "log")
        service = Service(
            arguments.intentd, arguments.model, log, "--latency-bound-ms", "5000", "--drain-delay", "0.5",
            "--head-timeout", str(HEAD_SECONDS), "--body-timeout", str(BODY_SECONDS), "--write-timeout", "3",
            "--idle-timeout", str(IDLE_SECONDS), "--log-level", "debug", "--precision", "f32")
        try:
            soak, known, before, after = asyncio.run(run(service, arguments, samples))
            status = service.stop()
        finally:
            if service.is_running:
                service.kill()
        leaks = leaks_in(log, known.texts)
        log_bytes = os.path.getsize(log)
    verdict = verdicts(soak, samples, before, after, status, leaks)
    record = {
        "seconds": arguments.seconds, "pace": arguments.pace, "verdicts": verdict,
        "counts": dict(sorted(soak.counts.items())),
        "errors": soak.errors, "before": before, "after": after, "exit_status": status, "log_bytes": log_bytes,
        "second_fifth_and_last_fifth": {
            key: flatness(samples, key) for key in ("anonymous_kib", "rss_kib", "files", "threads")},
        "largest": {key: max(s[key] for s in samples) for key in ("rss_kib", "files", "threads")},
        "samples": samples[:: max(1, len(samples) // 180)],
    }
    if arguments.record:
        pathlib.Path(arguments.record).write_text(json.dumps(record, indent=1) + "\n")
    print(json.dumps({k: v for k, v in record.items() if k != "samples"}, indent=1))
    if not all(verdict.values()):
        raise SystemExit("soak.py: " + ", ".join(name for name, held in verdict.items() if not held) + ": no")


if __name__ == "__main__":
    main()
