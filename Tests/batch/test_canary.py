"""A canary behind HAProxy: another adapter on one of three replicas takes its share of the requests, is told apart by
the model that each answer names, and is taken away with one command while requests arrive. None is lost."""

from __future__ import annotations

import argparse
import asyncio
import collections
import contextlib
import json
import pathlib
import threading
import time
import urllib.error
import urllib.request

import pytest

import load
import rolling

CANARY = "three"


class Callers:
    """Callers that ask without a pause, each request over a connection of its own."""

    def __init__(self, port: int):
        self.url = f"http://127.0.0.1:{port}/classify"
        self.answers: list[tuple[float, str]] = []
        """When each request was begun, and the model that answered it or what went wrong."""
        self.stop = threading.Event()
        self.threads = [threading.Thread(target=self.ask) for _ in range(3)]

    def ask(self) -> None:
        request = urllib.request.Request(self.url, data=json.dumps({"text": "where is my card"}).encode(),
                                         headers={"Content-Type": "application/json"})
        while not self.stop.is_set():
            begun = time.monotonic()
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:
                    outcome = json.loads(answer.read())["model"]["name"]
            except urllib.error.HTTPError as error:
                outcome = f"status {error.code}"
            except OSError as error:
                outcome = type(error).__name__
            self.answers.append((begun, outcome))

    def next(self, count: int) -> collections.Counter:
        """What becomes of requests that are begun from now on; one that is under way is not among them."""
        now = time.monotonic()
        while len(found := [outcome for begun, outcome in list(self.answers) if begun > now]) < count:
            assert time.monotonic() - now < 120, found
            time.sleep(0.02)
        return collections.Counter(found)

    def __enter__(self) -> Callers:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join()


@pytest.fixture
def canary(tmp_path, intentd, models):
    """HAProxy over two replicas with the default adapter and one with the other; their names as answers give them."""
    options = argparse.Namespace(intentd=intentd, model=models, threads=1, bound_ms=5000, drain=2)
    fast = pathlib.Path(models) / "adapter-fast"
    replicas = [rolling.Replica(options, rolling.free_port(), *(["--adapter", str(fast)] if name == CANARY else []))
                for name in rolling.NAMES]
    proxy = rolling.Proxy(replicas, tmp_path)

    async def ready() -> None:
        async with load.client() as client:
            for replica in replicas:
                await replica.wait_until_ready(client)
            proxy.start()
            for name in rolling.NAMES:
                await proxy.wait_until_up(name)

    with contextlib.ExitStack() as stack:
        for replica in replicas:
            stack.callback(replica.stop)
            replica.start()
        stack.callback(proxy.stop)
        asyncio.run(ready())
        names = [json.loads((folder / "intentd.json").read_text())["name"]
                 for folder in (pathlib.Path(models) / "adapter", fast)]
        assert names[0] != names[1]
        yield proxy, replicas, names


def test_a_canary_has_its_share_and_goes_with_one_command(canary):
    proxy, replicas, (stable, tried) = canary
    with Callers(proxy.port) as callers:
        share = callers.next(90)
        asked = share.total()
        assert proxy.command(f"set server replicas/{CANARY} state drain").strip() == ""
        none = callers.next(60)
        # Its process may end now; the others go on.
        replicas[rolling.NAMES.index(CANARY)].process.terminate()
        assert replicas[rolling.NAMES.index(CANARY)].process.wait(60) == 0
        after = callers.next(30)
    print(f"{tried}: {share[tried]} of {asked}, then {none[tried]} of {none.total()}")
    outcomes = collections.Counter(outcome for _, outcome in callers.answers)
    assert set(outcomes) == {stable, tried}, outcomes
    # About a third, and more for an adapter that answers sooner: HAProxy prefers who has the fewest requests in flight.
    assert 0.1 < share[tried] / asked < 0.9
    assert none[tried] == after[tried] == 0
