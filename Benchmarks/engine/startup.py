"""Start to ready, and memory, of `intentd serve` in each precision: startup.py INTENTD MODELS TRAIN_CSV.

A start runs from the process's creation to the first 200 of /readyz; each start but the first follows a SIGKILL.
The peak resident set is read after the start, after 300 messages, 32 in a call, and after eight replacements of the
adapter (SIGHUP), each waited for; idle processor time over 10 s.
"""
import csv
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time

PORT, STARTS, REPLACEMENTS = 18480, 4, 8


def is_ready():
    try:
        connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=1)
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False


def memory(pid, name):
    with open(f"/proc/{pid}/status") as file:
        return int(re.search(name + r":\s+(\d+)", file.read())[1]) / 1024


def processor_seconds(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def replaced():
    """How often the adapter has been replaced, by the server's own count."""
    connection = http.client.HTTPConnection("127.0.0.1", PORT)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    return float(re.search(r'^intentd_model_replacements_total\{outcome="replaced"\} (\S+)', text, re.MULTILINE)[1])


def replace_adapter(process):
    before, end = replaced(), time.monotonic() + 60
    process.send_signal(signal.SIGHUP)
    while replaced() == before:
        assert time.monotonic() < end, "the adapter was not replaced"
        time.sleep(0.05)


def main() -> None:
    intentd, models, train = sys.argv[1:4]
    with open(train, encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file)][::33][:300]
    print("| precision | start to ready, s: median, slowest | peak MiB at the start | after 300 messages "
          "| after eight replacements | idle, % of a core |")
    print("|---|---|---|---|---|---|", flush=True)
    for precision in ("f32", "bf16", "int8", "nf4"):
        times = []
        for number in range(STARTS):
            start = time.perf_counter()
            process = subprocess.Popen(
                [intentd, "serve", "--model", models, "--precision", precision, "--port", str(PORT)],
                stderr=subprocess.DEVNULL)
            while not is_ready():
                assert process.poll() is None, "intentd ended"
                time.sleep(0.005)
            times.append(time.perf_counter() - start)
            if number == STARTS - 1:
                first = memory(process.pid, "VmHWM")
                for begin in range(0, len(texts), 32):
                    connection = http.client.HTTPConnection("127.0.0.1", PORT)
                    body = json.dumps({"texts": texts[begin:begin + 32], "timeout_ms": 60000})
                    connection.request("POST", "/classify", body, {"Content-Type": "application/json"})
                    connection.getresponse().read()
                after, before = memory(process.pid, "VmHWM"), processor_seconds(process.pid)
                time.sleep(10)
                idle = (processor_seconds(process.pid) - before) * 10
                for _ in range(REPLACEMENTS):
                    replace_adapter(process)
                replacing = memory(process.pid, "VmHWM")
            process.send_signal(signal.SIGKILL)
            process.wait()
        print(f"| {precision} | {sorted(times)[STARTS // 2]:.2f}, {max(times):.2f} | {first:.0f} | {after:.0f} "
              f"| {replacing:.0f} | {idle:.1f} |", flush=True)


if __name__ == "__main__":
    main()
