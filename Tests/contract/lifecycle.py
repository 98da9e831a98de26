"""The life of a real server: tokens read again, adapters swapped and rolled back under load, SIGTERM under full load,
kill -9 and restart.

Usage: lifecycle.py INTENTD MODEL_DIR
"""

import json
import os
import pathlib
import shutil
import signal
import sys
import tempfile
import threading
import time

import requests

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "faults"))
from service import Service, check  # noqa: E402

DRAIN_SECONDS, TIMEOUT = 5, 60
TOKEN, RENEWED = "first-token-0123456789", "second-token-0123456789"


def wait(condition, what, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise SystemExit(f"lifecycle.py: not within {seconds} s: {what}")
        time.sleep(0.05)
    print(f"ok: {what}", flush=True)


def start(binary, model, log, *options):
    server = Service(binary, model, log, "--latency-bound-ms", "20000", *options)
    print("ok: the server becomes ready", flush=True)
    return server


def metric(server, name):
    headers = {"Authorization": f"Bearer {RENEWED}"}
    for line in requests.get(f"{server.url}/metrics", headers=headers, timeout=TIMEOUT).text.splitlines():
        if line.startswith(name + " "):
            return float(line.split()[-1])
    raise SystemExit(f"lifecycle.py: no metric {name}")


class Load:
    """Clients that ask one after the other, each on its own connection, until told to stop."""

    def __init__(self, url, clients=8, token=None):
        self.url, self.headers = url, {"Authorization": f"Bearer {token}"} if token else {}
        self.answers, self.broken, self.versions = {}, [], []
        self.running, self.lock = True, threading.Lock()
        self.threads = [threading.Thread(target=self._ask, daemon=True) for _ in range(clients)]
        for thread in self.threads:
            thread.start()

    def _ask(self):
        session = requests.Session()
        told = False
        while self.running:
            try:
                answer = session.post(f"{self.url}/classify", json={"text": "my card is lost", "threshold": 0},
                                      headers=self.headers, timeout=TIMEOUT)
                body = answer.json()
                told = answer.headers.get("Connection", "").lower() == "close"
                with self.lock:
                    self.answers[answer.status_code] = self.answers.get(answer.status_code, 0) + 1
                    if answer.status_code == 200:
                        self.versions.append(body["model"]["version"])
            except requests.RequestException as error:
                # Told to go elsewhere, it came back on a new connection: refused, or closed as the listening socket
                # closed, before the service read a request from it. A balancer has stopped sending by then.
                unread = ("reset by peer", "closed connection without response")
                if "Connection refused" in str(error) or (told and any(text in str(error) for text in unread)):
                    return
                with self.lock:
                    self.broken.append(f"{type(error).__name__}: {error}")

    def stop(self):
        self.running = False
        for thread in self.threads:
            thread.join(TIMEOUT)


def main():
    binary, model = sys.argv[1], os.path.abspath(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        copy = os.path.join(folder, "model")
        os.makedirs(copy)
        os.symlink(os.path.join(model, "base"), os.path.join(copy, "base"))
        adapter = os.path.join(copy, "adapter")
        shutil.copytree(os.path.join(model, "adapter"), adapter)
        tokens = os.path.join(folder, "tokens")
        with open(tokens, "w") as file:
            file.write(TOKEN + "\n")
        server = start(binary, copy, os.path.join(folder, "log"), "--auth-tokens-file", tokens,
                       "--drain-delay", str(DRAIN_SECONDS))
        try:
            run(server, tokens, adapter)
        finally:
            server.kill()
        restart(binary, copy, folder)


def run(server, tokens, adapter):
    def status(token):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return requests.get(f"{server.url}/labels", headers=headers, timeout=TIMEOUT).status_code

    check((status(None), status("wrong"), status(TOKEN)) == (401, 401, 200), "only the token opens")
    with open(tokens, "w") as file:
        file.write(RENEWED + "\n")
    wait(lambda: status(RENEWED) == 200, "a new token is read without a restart")
    check(status(TOKEN) == 401, "the old token is out")

    load = Load(server.url, clients=4, token=RENEWED)
    settings = os.path.join(adapter, "intentd.json")
    weights = os.path.join(adapter, "adapter_model.safetensors")
    with open(settings) as file:
        description = json.load(file)
    old, new = description.get("version", "0"), "swapped"
    whole = open(weights, "rb").read()
    with open(weights, "wb") as file:
        file.write(whole[: len(whole) // 2])
    rolled_back = 'intentd_model_replacements_total{outcome="rolled_back"}'
    wait(lambda: metric(server, rolled_back) >= 1, "a truncated adapter is refused")
    check(server.is_ready(), "the old adapter serves on")
    known = os.path.join(adapter, "self_test.json")
    with open(known) as file:
        cases = json.load(file)
    with open(known, "w") as file:
        json.dump([{"text": cases[0]["text"], "intent": cases[1]["intent"]}], file)
    with open(weights, "wb") as file:
        file.write(whole)
    wait(lambda: f"of intent {cases[1]['intent']} was taken for {cases[0]['intent']}" in server.log(),
         "an adapter that fails its own self-test is refused")
    check(server.is_ready(), "the old adapter still serves on")
    with open(known, "w") as file:
        json.dump(cases, file)
    description["version"] = new
    with open(settings, "w") as file:
        json.dump(description, file)
    wait(lambda: metric(server, 'intentd_model_replacements_total{outcome="replaced"}') >= 1, "a new adapter is taken")
    wait(lambda: load.versions and load.versions[-1] == new, "answers name the new version")
    load.stop()
    check(set(load.answers) == {200} and not load.broken,
          f"no request was lost in the swap: {load.answers} {load.broken[:3]}")
    check(set(load.versions) == {old, new}, "answers before the swap name the old version")

    load = Load(server.url, clients=16, token=RENEWED)
    wait(lambda: sum(load.answers.values()) > 50, "the server is under load")
    started = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    # It says so itself, while it still takes requests.
    wait(lambda: server.readiness() == 503, "not ready at once", seconds=DRAIN_SECONDS)
    code = server.process.wait(TIMEOUT)
    load.stop()
    check(code == 0, f"exit 0 after SIGTERM under load, {time.monotonic() - started:.1f} s")
    check(set(load.answers) == {200} and not load.broken,
          f"no request was lost in the stop: {load.answers} {load.broken[:3]}")


def restart(binary, model, folder):
    server = start(binary, model, os.path.join(folder, "log-of-the-killed"))
    server.kill()
    server = start(binary, model, os.path.join(folder, "log-of-the-restarted"))
    print(f"ready {server.seconds_to_ready:.2f} s after the restart behind kill -9")
    check(server.stop() == 0, "exit 0")


main()
