"""Requests at a given rate whatever the answers take (open loop), over connections that are kept."""

from __future__ import annotations

import asyncio
import collections
import json
import random
import statistics
import time

import aiohttp

MESSAGES = (
    "I lost my card on the train, what should I do?",
    "My transfer has not arrived yet",
    "How do I change my PIN?",
    "The exchange rate on my purchase abroad looks wrong, can you check it for me please",
    "Why was I charged a fee for taking out cash at a machine in another country last weekend?",
)


def client() -> aiohttp.ClientSession:
    """A client without a limit of its own on connections, which would hide a queue in the client."""
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=60),
                                 timeout=aiohttp.ClientTimeout(total=10))


class Load:
    """Each request with its start, what became of it, and how long it took."""

    def __init__(self, port: int, rate: float, seed: int | None = None):
        """Evenly spaced requests, or with a seed independent ones (a Poisson process)."""
        self.random = None if seed is None else random.Random(seed)
        self.url, self.rate = f"http://127.0.0.1:{port}/classify", rate
        self.results: list[tuple[float, str, float]] = []
        self.stop = asyncio.Event()

    async def one(self, session: aiohttp.ClientSession, number: int) -> None:
        begun = time.monotonic()
        try:
            async with session.post(self.url, json={"text": MESSAGES[number % len(MESSAGES)]}) as answer:
                body = await answer.read()
                outcome = str(answer.status)
                if answer.status == 200 and "intent" not in json.loads(body):
                    outcome = "200 without an answer"
        except (aiohttp.ClientError, asyncio.TimeoutError, ValueError) as error:
            outcome = type(error).__name__
        self.results.append((begun, outcome, time.monotonic() - begun))

    async def run(self, session: aiohttp.ClientSession, seconds: float = float("inf")) -> None:
        """Until `stop` is set or the time is over; then until every request has ended."""
        begun, tasks, number, due = time.monotonic(), set(), 0, 0.0
        while not self.stop.is_set() and due < seconds:
            await asyncio.sleep(max(0, begun + due - time.monotonic()))
            task = asyncio.create_task(self.one(session, number))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            number += 1
            due += self.random.expovariate(self.rate) if self.random else 1 / self.rate
        await asyncio.gather(*tasks)

    def summary(self) -> dict:
        """Counts by outcome and the times of answers in milliseconds."""
        outcomes = collections.Counter(outcome for _, outcome, _ in self.results)
        times = sorted(took * 1000 for _, outcome, took in self.results if outcome == "200")
        cuts = statistics.quantiles(times, n=1000, method="inclusive") if len(times) > 1 else [0.0] * 999
        return {
            "requests": len(self.results), "outcomes": dict(sorted(outcomes.items())),
            "lost": sum(count for outcome, count in outcomes.items() if outcome not in ("200", "429")),
            "answer_ms": {f"p{p}": round(cuts[p * 10 - 1], 1) for p in (50, 95, 99)}
            | {"max": round(times[-1], 1) if times else 0.0},
        }
