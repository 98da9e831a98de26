"""Replicas behind HAProxy are replaced one at a time under load and no request is lost."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys

from samples import ROOT

DRAIN = 6
"""Seconds. HAProxy takes a replica out of turn after about one; the rest is for a machine that is busy."""


def roll(intentd: str, models: str, figures: pathlib.Path, *options: str) -> tuple[subprocess.CompletedProcess, dict]:
    """Rolls three replicas with a bound that a busy machine keeps: what became of them is tested, not the speed."""
    done = subprocess.run(
        [sys.executable, ROOT / "Benchmarks" / "cluster" / "rolling.py", "--intentd", intentd, "--model", models,
         "--bound-ms", "5000", "--json", figures, *options], capture_output=True, text=True, timeout=500)
    assert figures.exists(), done.stderr[-3000:] + done.stdout[-2000:]
    return done, json.loads(figures.read_text())


def test_no_request_is_lost(tmp_path, intentd, models):
    done, found = roll(intentd, models, tmp_path / "figures.json", "--rate", "5", "--drain", str(DRAIN))
    assert done.returncode == 0, done.stderr[-3000:] + done.stdout[-2000:]
    assert found["lost"] == 0 and found["outcomes"]["200"] > 50
    assert len(found["rolls"]) == 3
    for step in found["rolls"]:
        # Out of turn before the server stops taking requests.
        assert step["exit_status"] == 0 and step["out_of_turn_s"] is not None, step
        assert step["out_of_turn_s"] < DRAIN <= step["ended_s"], step


def test_a_replica_that_does_not_drain_is_noticed(tmp_path, intentd, models):
    """Shows that the benchmark can fail: a server that stops at once, without waiting for the proxy to notice."""
    done, found = roll(intentd, models, tmp_path / "figures.json", "--rate", "40", "--drain", "0")
    assert done.returncode == 1 and found["lost"] > 0, done.stdout
