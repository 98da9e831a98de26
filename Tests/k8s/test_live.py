"""The contract read from the source, held against the program itself: its help, its metrics, its routes."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import time
import urllib.error
import urllib.request

import pytest

import expressions
from manifests import overlay, one
from test_monitoring import plain, queries, rules

TOKEN = "a-token-for-tests-only-0123456789"


class Server:
    """A running server, asked with or without its token."""

    def __init__(self, port: int):
        self.port = port

    def ask(self, path: str, body: dict | None = None, token: bool = True) -> tuple[int, str]:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}",
                                         data=None if body is None else json.dumps(body).encode())
        if body is not None:
            request.add_header("Content-Type", "application/json")
        if token:
            request.add_header("Authorization", f"Bearer {TOKEN}")
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""


@pytest.fixture(scope="module")
def server(tmp_path_factory, intentd, models):
    folder = tmp_path_factory.mktemp("live")
    (folder / "tokens").write_text(TOKEN + "\n")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    process = subprocess.Popen(
        [intentd, "serve", "--model", models, "--port", str(port), "--auth-tokens-file", folder / "tokens",
         "--drain-delay", "0", "--latency-bound-ms", "5000"], stderr=(folder / "log").open("w"))
    server = Server(port)
    try:
        begun = time.monotonic()
        while server.ask("/readyz", token=False)[0] != 200:
            assert process.poll() is None and time.monotonic() - begun < 120, (folder / "log").read_text()
            time.sleep(0.1)
        for _ in range(3):
            assert server.ask("/classify", {"text": "where is my card"})[0] == 200
        assert server.ask("/classify", {"texts": []})[0] >= 400
        yield server
    finally:
        process.terminate()
        assert process.wait(30) == 0


@pytest.fixture(scope="module")
def exposition(server) -> dict[str, tuple[str, list[set[str]]]]:
    """Families of /metrics by name: type, and the label names of each series."""
    families: dict[str, tuple[str, list[set[str]]]] = {}
    for line in server.ask("/metrics")[1].splitlines():
        if match := re.match(r"# TYPE (\S+) (\S+)", line):
            families[match[1]] = (match[2], [])
            current = match[1]
        elif line and not line.startswith("#"):
            families[current][1].append(set(re.findall(r'(\w+)="', line)))
    return families


def test_settings_are_the_programs(intentd, contract):
    """`serve --help` lists the options; the contract's variables are theirs."""
    text = subprocess.run([intentd, "serve", "--help"], capture_output=True, text=True, check=True).stdout
    options = set(re.findall(r"^  (?:-\w, )?--([a-z0-9-]+)", text, re.MULTILINE)) - {"version", "help"}
    derived = {"INTENTD_" + name.upper().replace("-", "_") for name in options}
    assert derived <= contract.settings, derived - contract.settings
    assert contract.settings == derived


def test_metrics_are_the_programs(exposition, contract):
    """Everything exposed is declared, with its type; what is declared and not yet exposed has had no event."""
    assert {name: kind for name, (kind, _) in exposition.items()}.items() <= contract.metrics.items()
    assert set(contract.metrics) - set(exposition) <= {"process_max_fds"}


def test_expressions_use_labels_that_series_have(exposition, contract):
    added_by_prometheus = {"job", "namespace", "pod", "instance", "intentd_track"}
    series = contract.series()
    used = [(name, labels) for text in [plain(query) for query in queries()] + [rule["expr"] for rule in rules()]
            for name, labels in expressions.matchers(text) if name in series]
    assert used
    for name, labels in used:
        known = set().union(*exposition[series[name]][1]) | added_by_prometheus
        assert set(labels) <= known, f"{name} has no labels {set(labels) - known}"


def test_values_of_labels_exist(server):
    """Outcomes and reasons that expressions ask for are among those that the server shows."""
    text = server.ask("/metrics")[1]
    for expression in [plain(query) for query in queries()] + [rule["expr"] for rule in rules()]:
        for name, labels in expressions.matchers(expression):
            for label in ("outcome", "reason"):
                if label in labels:
                    assert re.search(rf'^{name}\{{.*{label}="{labels[label]}"', text, re.MULTILINE), (name, labels)


def test_routes_are_the_programs(server, contract):
    paths = set(json.loads(server.ask("/openapi.json")[1])["paths"])
    assert paths == contract.routes


def test_open_routes_and_no_others_answer_without_a_token(server, contract):
    for path in contract.routes:
        concrete = path.replace("{name}", "x").replace("{version}", "y")
        status = server.ask(concrete, token=False)[0]
        assert (status == 200) == (path in contract.open_routes), (path, status)


def test_version(intentd, server, contract):
    assert subprocess.run([intentd, "--version"], capture_output=True, text=True).stdout.strip() == contract.version
    assert json.loads(server.ask("/v2")[1])["version"] == contract.version
    assert f'intentd_build_info{{version="{contract.version}"}} 1' in server.ask("/metrics")[1]


def test_the_production_settings_start_a_server(tmp_path, intentd, models):
    """The ConfigMap's values are accepted as they are; port and paths are this machine's."""
    data = next(m["data"] for m in overlay("production") if m["kind"] == "ConfigMap" and "INTENTD_PORT" in m["data"])
    (tmp_path / "tokens").write_text(TOKEN)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    environment = data | {"INTENTD_PORT": str(port), "INTENTD_MODEL": models, "INTENTD_THREADS": "1",
                          "INTENTD_AUTH_TOKENS_FILE": str(tmp_path / "tokens"), "INTENTD_DRAIN_DELAY": "0"}
    assert one(overlay("production"), "Deployment")["spec"]["template"]["spec"]["containers"][0]["args"] == ["serve"]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen([intentd, "serve"], env=environment, stderr=log)
    try:
        begun = time.monotonic()
        while Server(port).ask("/readyz", token=False)[0] != 200:
            assert process.poll() is None and time.monotonic() - begun < 120, (tmp_path / "log").read_text()
            time.sleep(0.1)
        probe = subprocess.run([intentd, "probe"], env=environment)
        assert probe.returncode == 0
    finally:
        process.terminate()
        process.wait(60)
