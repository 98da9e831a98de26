"""The program under test and its model, as fixtures for the folders that run it, and a client for it."""

from __future__ import annotations

import json
import os
import pathlib
import ssl
import urllib.error
import urllib.request

import pytest


def unavailable(reason: str) -> None:
    """Skips a test for want of something; in CI (CI=true) that is a failure, so that nothing is left out unseen."""
    if os.environ.get("CI", "") not in ("", "0", "false"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def intentd() -> str:
    """The built program; `make test-operations` names it."""
    if not (path := os.environ.get("INTENTD")):
        unavailable("INTENTD names no program")
    assert os.access(path, os.X_OK), f"INTENTD={path} is no program"
    return path


@pytest.fixture(scope="session")
def models() -> str:
    """The model folder."""
    if not (path := os.environ.get("MODELS")):
        unavailable("MODELS names no model folder")
    assert (pathlib.Path(path) / "adapter" / "adapter_config.json").exists(), f"MODELS={path} holds no adapter"
    return path


def ask(port: int, path: str, body: dict | None = None, token: str | None = None,
        tls: ssl.SSLContext | None = None) -> tuple[int, bytes]:
    """Status and body of an answer of this machine's server; status 0 if there was none."""
    request = urllib.request.Request(f"{'https' if tls else 'http'}://127.0.0.1:{port}{path}",
                                     data=None if body is None else json.dumps(body).encode())
    if body is not None:
        request.add_header("Content-Type", "application/json")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=30, context=tls) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except OSError:
        return 0, b""
