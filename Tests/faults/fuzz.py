#!/usr/bin/env python3
"""Fuzzes a real server over sockets: valid requests of every route, changed in their bytes, their JSON, their gzip,
their heads and their framing.

What must hold for each input: whatever comes back is HTTP/1.1 with documented statuses, no 5xx but 503 and 504, and
JSON where it says so. All along and at the end known messages get their known answers, and at the end the server holds
no more files than before and has not grown much.

Usage: fuzz.py INTENTD [MODEL_DIR] [--seconds 60] [--seed N] | fuzz.py --replay FILE --port N
An input that breaks something is written to the folder --failures, to be sent again by --replay.
Python's standard library only.
"""

import argparse
import asyncio
import gzip
import json
import os
import pathlib
import random
import sys
import tempfile
import time

import wire
from known import Known
from service import Service

DOCUMENTED = {200, 304, 400, 401, 404, 405, 408, 411, 413, 414, 415, 417, 422, 429, 431, 503, 504}
WORKERS = 6
PATIENCE = 40
"""Seconds for an answer: more than the server's bound, which is one that a busy machine keeps."""

SCALARS = [
    None, True, False, 0, -1, 1, 2**31, 2**63, -(2**63), 2**64, 10**40, 0.1, -0.0, 1e308, "", " ", "\x00", "a",
    "card " * 40,
    "\u200b", "\ufffe", "\U0001f4b3", "e\u0301" * 5, "\r\n", "{}", "x" * 5000, [], {}, [[]], [None], [""],
    ["a"] * 300, {"": ""},
]
# JSON that a serialiser does not write.
RAW = [b"1e999", b"-1e999", b"NaN", b"Infinity", b"01", b"1.", b".5", b"+1", b"0x10", b"'a'", b'"\\ud800"',
    b'"\\udc00\\ud800"',
    b'"\\u12"', b'"\\x"', b'"\xff\xfe"', b'"\xed\xa0\x80"', b'"\xc0\x80"', b'"\xf5\x80\x80\x80"', b'"a', b"[",
    b"{", b"[1,]",
    b'{"a":1,}', b"/*x*/1", b"\xef\xbb\xbf1", b"", b"[" * 600 + b"]" * 600, b"[" * 20_000, b'{"a":' * 5_000,
    b"1" * 4_000, b"1." + b"1" * 4_000, b"1e" + b"1" * 400, b'"' + b"\\u0041" * 2_000 + b'"', b"tru", b"nul",
    b"\x00"]
HEADERS = ["Content-Length: 5", "Content-Length: -1", "Content-Length: 99999999999999999999", "Content-Length: 0x5",
    "Content-Length: 5, 5", "Transfer-Encoding: chunked", "Transfer-Encoding: gzip, chunked",
    "Transfer-Encoding: identity", "Connection: close", "Connection: keep-alive", "Connection: upgrade",
    "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__", "Expect: 100-continue", "Expect: 200-ok", "Host: b",
    "Host:",
    "Content-Type: text/plain", "Content-Type: application/json; charset=utf-16", "Content-Type:",
    "Content-Encoding: gzip", "Content-Encoding: br", "Content-Encoding: gzip, gzip",
    "Accept-Encoding: gzip;q=x",
    "X-Request-Id: " + "a" * 300, "X-Request-Id: \x01", "X-Request-Timeout-Ms: 0", "X-Request-Timeout-Ms: 1",
    "X-Request-Timeout-Ms: 1e3", "Authorization: Bearer", "Authorization: Basic Og==",
    "Cookie: " + "a=b; " * 500,
    "Inference-Header-Content-Length: 10", "Inference-Header-Content-Length: -1", " folded: x", "no colon here",
    "name : value", "Trailer: x", "Range: bytes=0-", "\x00: \x00", "A" * 20_000 + ": b", "If-None-Match: *"]
PATHS = ["/classify", "/predict", "/labels", "/livez", "/readyz", "/healthz", "/metrics", "/openapi.json", "/", "/v2",
    "/v2/health/live", "/v2/health/ready", "/v2/models/{name}", "/v2/models/{name}/ready",
    "/v2/models/{name}/infer",
    "/v2/models/{name}/versions/{version}/infer", "/v2/models/x%00y/infer", "/v2/models/%2e%2e/infer",
    "//classify",
    "/classify/", "/classify?x=1&x=2", "/classify#f", "*", "http://a/classify", "/%ff%fe", "/" + "a" * 5000,
    "/../../etc",
    "/\xff", "classify", ""]
METHODS = ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "CONNECT", "PRI", "get", "POST POST",
    "\x00",
    "BREW", "A" * 100]


class Fuzzer:
    """Makes inputs from a seed; the same seed makes the same ones."""

    def __init__(self, seed, model, version):
        self.random = random.Random(seed)
        self.model, self.version = model, version

    def path(self):
        return self.random.choice(PATHS).replace("{name}", self.model).replace("{version}", self.version)

    def document(self):
        """A path and a valid document for it."""
        choose = self.random.choice
        texts = ["my card is lost", "top up failed", "a", "Zażółć gęślą jaźń \U0001f3e6"]
        kind = self.random.randrange(5)
        if kind == 0:
            return "/classify", {"text": choose(texts), "top_k": choose([1, 3, 77]), "threshold": choose([0, 0.5, 1]),
                                 "timeout_ms": choose([20, 1000])}
        if kind == 1:
            return "/classify", {"texts": [choose(texts) for _ in range(self.random.randint(1, 3))], "timeout_ms": 100}
        if kind == 2:
            return "/predict", {"inputs": choose([texts[0], texts[:2], [[texts[0]]]]), "truncate": choose([True,
                False]),
                                "raw_scores": choose([True, False])}
        count = self.random.randint(1, 2)
        tensor = {"name": "text", "shape": [count], "datatype": "BYTES", "data": texts[:count]}
        document = {"id": "7", "inputs": [tensor], "outputs": [{"name": choose(["label", "probability"])}],
                    "parameters": {"binary_data_output": choose([True, False])}}
        if kind == 4:
            del tensor["data"]
            tensor["parameters"] = {"binary_data_size": choose([0, 5, 9, 2**40, -1])}
        return f"/v2/models/{self.model}/infer", document

    def change(self, value, depth=0):
        """A valid document with one of its values, members or elements changed."""
        if depth < 6 and self.random.random() < 0.8:
            if isinstance(value, dict) and value:
                key = self.random.choice(list(value))
                result = dict(value)
                kind = self.random.random()
                if kind < 0.1:
                    del result[key]
                elif kind < 0.2:
                    result[self.random.choice(["text", "texts", "inputs", "shape", "", "x" * 50,
                        key.upper()])] = result[key]
                else:
                    result[key] = self.change(result[key], depth + 1)
                return result
            if isinstance(value, list) and value:
                index = self.random.randrange(len(value))
                return value[:index] + [self.change(value[index], depth + 1)] + value[index + self.random.randint(0,
                    1):]
        return self.random.choice(SCALARS)

    def flip(self, data, most=6):
        """Some bytes changed, taken out, doubled, or moved."""
        data = bytearray(data)
        for _ in range(self.random.randint(1, most)):
            if not data:
                break
            at, kind = self.random.randrange(len(data)), self.random.randrange(6)
            if kind == 0:
                data[at] = self.random.randrange(256)
            elif kind == 1:
                data[at] ^= 1 << self.random.randrange(8)
            elif kind == 2:
                del data[at : at + self.random.randint(1, 8)]
            elif kind == 3:
                data[at:at] = data[at : at + self.random.randint(1, 16)]
            elif kind == 4:
                data[at:at] = self.random.choice([b"\x00", b"\r\n", b'"', b"\\", b"{", b"\xff", b"\r", b"\n", b" "])
            else:
                del data[at:]
        return bytes(data)

    def body(self):
        path, document = self.document()
        kind = self.random.random()
        if kind < 0.1:
            data = json.dumps(document, ensure_ascii=False).encode()
        elif kind < 0.5:
            data = json.dumps(self.change(document)).encode()
        elif kind < 0.75:
            # The serialised text with one of its values replaced by text that is no JSON, or hardly.
            marker = "\u0001here"
            changed = dict(document)
            changed[self.random.choice(list(changed))] = marker
            data = json.dumps(changed).encode().replace(json.dumps(marker).encode(), self.random.choice(RAW))
        else:
            data = self.flip(json.dumps(document).encode())
        return path, data

    def request(self):
        """One input: the bytes of a connection."""
        path, data = self.body()
        headers = []
        if self.random.random() < 0.1:
            data = gzip.compress(data, 1)
            if self.random.random() < 0.5:
                data = self.flip(data, 3)
            headers.append("Content-Encoding: gzip")
        kind = self.random.random()
        if kind < 0.5:
            return self.assemble("POST", path, headers, data)
        if kind < 0.6:
            return self.assemble(self.random.choice(METHODS), self.path(), headers, data)
        if kind < 0.75:
            headers += [self.random.choice(HEADERS) for _ in range(self.random.randint(1, 3))]
            return self.assemble("POST", path, headers, data)
        if kind < 0.85:
            return self.chunked(path, headers, data)
        if kind < 0.97:
            return self.flip(self.assemble("POST", path, headers, data))
        return self.random.randbytes(self.random.randint(1, 3000))

    def assemble(self, method, path, headers, data):
        lines = [f"{method} {path} HTTP/1.1", "Host: a", "Content-Type: application/json", *headers]
        return "\r\n".join(lines + [f"Content-Length: {len(data)}", "", ""]).encode("latin-1", "replace") + data

    def chunked(self, path, headers, data):
        """The body in chunks, some of them wrong."""
        body = b""
        while data:
            size = min(self.random.randint(1, 64), len(data))
            length = self.random.choice([b"%x" % size] * 12 + [b"%X;a=b" % size, b"0%x" % size, b"-1", b"zz",
                b"f" * 17, b""])
            body += length + b"\r\n" + data[:size] + self.random.choice([b"\r\n"] * 12 + [b"\n", b"", b"x\r\n"])
            data = data[size:]
        body += self.random.choice([b"0\r\n\r\n"] * 6 + [b"0\r\nX: y\r\n\r\n", b"0\r\n", b"",
        b"0\r\n" + b"X: y\r\n" * 200 + b"\r\n"])
        lines = [f"POST {path} HTTP/1.1", "Host: a", "Content-Type: application/json", *headers]
        return "\r\n".join(lines + ["Transfer-Encoding: chunked", "", ""]).encode() + body


def complaint(response):
    """What is wrong with a response, or None."""
    if response.status not in DOCUMENTED:
        return f"status {response.status}: {response.body[:200]!r}"
    if response.headers.get("content-type", "").startswith("application/json") and response.body \
            and response.headers.get("content-encoding") is None \
            and "inference-header-content-length" not in response.headers:
        try:
            document = json.loads(response.body)
        except ValueError:
            return f"a body that is no JSON: {response.body[:200]!r}"
        if response.status >= 400 and "error" not in document:
            return f"an error without a reason: {response.body[:200]!r}"
    return None


async def send(port, data, half_close, seen):
    """Sends one input and reads whatever comes. Returns what was wrong, or None."""
    reader, writer = await wire.connect(port)
    try:
        writer.write(data)
        if half_close:
            writer.write_eof()
        if data[:5] in (b"HEAD ", b"CONNE"):
            # A response without a body whatever its head says.
            await asyncio.wait_for(reader.read(1 << 16), PATIENCE)
            return None
        while True:
            response = await wire.read_response(reader, PATIENCE)
            if response is None:
                return None
            seen[response.status] = seen.get(response.status, 0) + 1
            if what := complaint(response):
                return what
            if not half_close:
                return None
    except (asyncio.TimeoutError, TimeoutError):
        return f"no answer and no close within {PATIENCE} s"
    except wire.WireError as error:
        # Methods that are changed to HEAD in the middle of the input cannot be told from here.
        return None if b"HEAD " in data else str(error)
    except OSError:
        return None
    finally:
        wire.reset(writer)


async def check_known(port, known, text):
    reader, writer = await wire.connect(port)
    writer.write(wire.post("/classify", Known.body(text)))
    response = await wire.read_response(reader)
    await wire.close(writer)
    if response is None or response.status != 200 or response.body != known.answers[text]:
        return f"{text!r} is not answered as before: {response and (response.status, response.body[:200])}"
    return None


async def fuzz(service, arguments):
    port = service.port
    known = await Known.learn(port)
    model = json.loads(next(iter(known.answers.values())))["model"]
    fuzzer = Fuzzer(arguments.seed, model["name"], model["version"])
    await asyncio.sleep(0.5)
    before = service.sample()
    seen, failures, inputs = {}, [], 0
    end = start = time.monotonic()
    end += arguments.seconds

    async def worker():
        nonlocal inputs
        while time.monotonic() < end and len(failures) < 10 and service.is_running:
            data, half_close = fuzzer.request(), fuzzer.random.random() < 0.97
            inputs += 1
            number = inputs
            try:
                what = await send(port, data, half_close, seen)
                if what is None and number % 200 == 0:
                    what = await check_known(port, known, known.texts[number // 200 % len(known.texts)])
            except OSError as error:
                what = f"{type(error).__name__}: {error}"
            if what is not None:
                failures.append((what, data))

    await asyncio.gather(*(worker() for _ in range(WORKERS)))
    elapsed = time.monotonic() - start
    if service.is_running:
        for text in known.texts:
            if what := await check_known(port, known, text):
                failures.append((what, b""))
        # Connections whose clients have left end by themselves.
        for _ in range(100):
            if service.sample()["files"] <= before["files"] + 2:
                break
            await asyncio.sleep(0.2)
        after = service.sample()
        if after["files"] > before["files"] + 2:
            failures.append((f"{after['files']} open files after {before['files']}", b""))
        # Not the resident set: pages of the mapped model come and go in it.
        if after["anonymous_kib"] > before["anonymous_kib"] + 100 * 1024:
            failures.append((f"{after['anonymous_kib']} KiB of its own after {before['anonymous_kib']}", b""))
    else:
        after = None
        failures.append((f"the server ended with status {service.process.poll()}", b""))
    return inputs, elapsed, seen, failures, before, after


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("intentd", nargs="?")
    parser.add_argument("model", nargs="?", default="models")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--failures", default="fuzz-failures", help="folder for inputs that break something")
    parser.add_argument("--replay", help="send this input to --port and say what was wrong")
    parser.add_argument("--port", type=int)
    arguments = parser.parse_args()
    if arguments.replay:
        seen = {}
        print(asyncio.run(send(arguments.port, pathlib.Path(arguments.replay).read_bytes(), True, seen)), seen)
        return
    with tempfile.TemporaryDirectory() as folder:
        service = Service(
            arguments.intentd, arguments.model, os.path.join(folder, "log"), "--latency-bound-ms", "20000",
            "--head-timeout", "2", "--body-timeout", "2", "--drain-delay", "0", "--precision", "f32")
        try:
            inputs, elapsed, seen, failures, before, after = asyncio.run(fuzz(service, arguments))
            status = service.stop()
        finally:
            if service.is_running:
                service.kill()
        if status != 0:
            failures.append((f"the server ended with status {status}", b""))
    print(f"seed {arguments.seed}: {inputs} inputs in {elapsed:.0f} s, {inputs / elapsed:.0f} a second")
    print("statuses:", ", ".join(f"{status} {count}" for status, count in sorted(seen.items())))
    print("before and after:", before, after)
    if failures:
        os.makedirs(arguments.failures, exist_ok=True)
        for number, (what, data) in enumerate(failures):
            print(f"WRONG: {what}", file=sys.stderr)
            if data:
                path = pathlib.Path(arguments.failures) / f"{arguments.seed}-{number}.bin"
                path.write_bytes(data)
                print(f"  input: {path}", file=sys.stderr)
        raise SystemExit(1)
    print("ok: no crash, no undocumented status, known messages answered as before")


if __name__ == "__main__":
    main()
