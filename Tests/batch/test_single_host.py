"""The systemd unit of several replicas on one host: valid, shut in, and in agreement with the program and with what was
measured. systemd itself does not run here; HAProxy does, in test_rolling.py and test_canary.py."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

import contract
import figures
from samples import ROOT

UNIT = ROOT / "deploy" / "systemd" / "intentd@.service"
EXPOSURE = 1.5
"""What `systemd-analyze security` may say at most: 0 is shut in, 10 is open."""


def entries(name: str) -> list[str]:
    return re.findall(rf"^{name}=(.*)$", UNIT.read_text(), re.MULTILINE)


def analyze(*arguments) -> subprocess.CompletedProcess:
    program = shutil.which("systemd-analyze")
    assert program, "systemd-analyze is missing: `make operations-tools` installs it"
    return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True)


@pytest.fixture
def unit(tmp_path, intentd):
    """An instance of the unit for this machine's program."""
    file = tmp_path / "intentd@8081.service"
    file.write_text(UNIT.read_text().replace("/usr/bin/intentd", intentd))
    return file


def test_systemd_accepts_the_unit(unit):
    done = analyze("verify", "--man=no", unit)
    assert done.returncode == 0 and not done.stderr, done.stderr
    unit.write_text(unit.read_text().replace("ProtectHome=", "ProtectHomes="))
    assert "ProtectHomes" in analyze("verify", "--man=no", unit).stderr


def test_it_is_shut_in(unit):
    done = analyze("security", "--offline=true", f"--threshold={EXPOSURE * 10:.0f}", unit)
    assert done.returncode == 0, done.stdout


def test_settings_are_the_programs():
    names = {entry.partition("=")[0] for entry in entries("Environment")}
    assert names and names <= contract.read().settings


def test_tokens_are_wanted():
    """HAProxy makes what the replicas answer reachable from outside."""
    [credential] = entries("LoadCredential")
    assert f"INTENTD_AUTH_TOKENS_FILE=%d/{credential.partition(':')[0]}" in entries("Environment")


def test_memory_is_what_was_measured():
    [precision] = [entry.partition("=")[2] for entry in entries("Environment") if entry.startswith("INTENTD_PRECISION")]
    [limit] = entries("MemoryMax")
    assert int(limit.removesuffix("M")) << 20 == figures.memory()[precision].limit


def test_a_stop_fits_its_time(intentd):
    """systemd kills only after the server's own limit."""
    text = subprocess.run([intentd, "serve", "--help"], capture_output=True, text=True, check=True).stdout
    own = re.search(r"--grace-period.*?default:\s+([\d.]+)", text, re.DOTALL)
    assert own and int(entries("TimeoutStopSec")[0]) >= float(own[1]) + 5
