"""Replicas behind HAProxy are replaced one at a time under load and no request is lost."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest

from samples import ROOT


def haproxy() -> str:
    found = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")
    if not found:
        pytest.skip("haproxy is not installed")
    return found


def test_no_request_is_lost(tmp_path, intentd, models):
    haproxy()
    figures = tmp_path / "figures.json"
    done = subprocess.run(
        [sys.executable, ROOT / "Benchmarks" / "cluster" / "rolling.py", "--intentd", intentd, "--model", models,
         "--rate", "5", "--bound-ms", "2000", "--json", figures], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:] + done.stdout[-2000:]
    found = json.loads(figures.read_text())
    assert found["lost"] == 0 and found["outcomes"]["200"] > 50
    assert len(found["rolls"]) == 3
    for step in found["rolls"]:
        # Out of turn before the server stops taking requests: the drain delay is 3 s.
        assert step["exit_status"] == 0 and step["out_of_turn_s"] < 3 <= step["ended_s"]


def test_a_replica_that_does_not_drain_is_noticed(tmp_path, intentd, models):
    """Shows that the benchmark can fail: a server that stops at once, without waiting for the proxy to notice."""
    haproxy()
    done = subprocess.run(
        [sys.executable, ROOT / "Benchmarks" / "cluster" / "rolling.py", "--intentd", intentd, "--model", models,
         "--rate", "40", "--bound-ms", "2000", "--drain", "0"], capture_output=True, text=True, timeout=300)
    assert done.returncode != 0, done.stdout
