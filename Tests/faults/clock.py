#!/usr/bin/env python3
"""Sets the wall clock of a real server hours and years forward and back while requests run.

What must hold: every request is answered as before and in time, none expires, connections stay open, changed tokens
are read within seconds whatever the clock says, and only the times in the log follow the clock.

The clock is set for the server alone, by a library that is loaded before it. Timers that the kernel runs are not
reached by that; the program asks for none on the wall clock.

Usage: clock.py INTENTD MODEL_DIR
Python's standard library and a C compiler ($CC, cc or clang, which comes with Swift).
"""

import http.client
import json
import mmap
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
import time

from service import Service, check

HOUR = 3600
JUMPS = [6 * HOUR, -3 * HOUR, 400 * 24 * HOUR, -730 * 24 * HOUR, 0]
PATIENCE = 10
"""Seconds in which a busy machine answers; a request that waits for the wall clock would wait for hours."""
TOKENS = ["first-token-0123456789", "second-token-0123456789"]
SHIM = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
static volatile long *offset;
__attribute__((constructor)) static void begin(void) {
    offset = mmap(0, 8, PROT_READ, MAP_SHARED, open(getenv("CLOCK_OFFSET"), O_RDONLY), 0);
}
int clock_gettime(clockid_t clock, struct timespec *time) {
    int status = syscall(SYS_clock_gettime, clock, time);
    if (offset && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) time->tv_sec += *offset;
    return status;
}
int gettimeofday(struct timeval *time, void *zone) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    time->tv_sec = now.tv_sec;
    time->tv_usec = now.tv_nsec / 1000;
    return 0;
}
time_t time(time_t *seconds) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (seconds) *seconds = now.tv_sec;
    return now.tv_sec;
}
"""


class Client:
    """A connection that stays open for the whole run."""

    def __init__(self, server):
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=6 * PATIENCE)

    def ask(self, token, **headers):
        headers |= {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        self.connection.request("POST", "/classify", json.dumps({"text": "Where is my card?"}), headers)
        answer = self.connection.getresponse()
        return answer.status, answer.read()


def main(binary, model):
    with tempfile.TemporaryDirectory(prefix="clock-") as name:
        folder = pathlib.Path(name)
        offset, tokens = folder / "offset", folder / "tokens"
        server = start(binary, model, folder, offset, tokens)
        try:
            run(server, offset, tokens)
        finally:
            server.kill()


def start(binary, model, folder, offset, tokens):
    """The server, whose wall clock is ahead by the seconds in the file `offset`."""
    (folder / "shim.c").write_text(SHIM)
    library = folder / "shim.so"
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("clang")
    check(compiler, "there is a C compiler")
    subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-o", library, folder / "shim.c"], check=True)
    offset.write_bytes(bytes(8))
    tokens.write_text(TOKENS[0] + "\n")
    os.environ |= {"LD_PRELOAD": str(library), "CLOCK_OFFSET": str(offset)}
    try:
        return Service(
            binary, model, folder / "log", "--latency-bound-ms", str(PATIENCE * 1000), "--auth-tokens-file",
            str(tokens))
    finally:
        del os.environ["LD_PRELOAD"]


def run(server, offset, tokens):
    with open(offset, "r+b") as file:
        clock = mmap.mmap(file.fileno(), 8)
    quiet = Client(server)
    known = quiet.ask(TOKENS[0])
    check(known[0] == 200, "a message is answered")

    answers, running = [], [True]

    def load(client):
        while running[0]:
            begun = time.monotonic()
            try:
                answer = client.ask(TOKENS[0], **{"X-Request-Timeout-Ms": str(PATIENCE * 1000)})
            except (OSError, http.client.HTTPException) as error:
                answer = error
            answers.append((answer == known, time.monotonic() - begun))
            time.sleep(0.01)

    threads = [threading.Thread(target=load, args=[Client(server)], daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    for jump in JUMPS:
        time.sleep(2)
        clock[:] = struct.pack("q", jump)
    time.sleep(2)
    clock[:] = struct.pack("q", -3 * HOUR)
    tokens.write_text("\n".join(TOKENS) + "\n")
    end = time.monotonic() + 30
    while not (reloaded := Client(server).ask(TOKENS[1])[0] == 200) and time.monotonic() < end:
        time.sleep(0.2)
    check(reloaded, "new tokens are read with the clock set back")
    running[0] = False
    for thread in threads:
        thread.join()
    check(len(answers) > 100 and all(same for same, _ in answers), f"{len(answers)} answers, all as before")
    check(max(seconds for _, seconds in answers) < 2 * PATIENCE, "none of them late")
    check(quiet.ask(TOKENS[0]) == known, "a connection that was quiet all along is still served")
    check(server.is_ready(), "the server is ready")
    lines = [json.loads(line) for line in server.log().splitlines() if line.startswith("{")]
    times = [line["duration_ms"] for line in lines if "duration_ms" in line]
    check(times and all(0 <= milliseconds < 2000 * PATIENCE for milliseconds in times),
          "no duration in the log follows the clock")
    check(len({line["time"][:13] for line in lines}) >= len(set(JUMPS)), "times in the log do")
    check(server.stop() == 0, "SIGTERM ends it with status 0")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    main(sys.argv[1], sys.argv[2])
