"""The contract read from the source, held against the program itself: its help, its metrics, its routes."""

from __future__ import annotations

import contextlib
import json
import pathlib
import re
import socket
import ssl
import subprocess
import time

import pytest

import expressions
from manifests import container, one, overlay
from program import ask
from rolling import free_port
from service import Service
from test_monitoring import plain, queries, rules

TOKEN = "a-token-for-tests-only-0123456789"


class Server(Service):
    """A running server, asked with or without its token."""

    def ask(self, path: str, body: dict | None = None, token: bool = True) -> tuple[int, str]:
        status, answer = ask(self.port, path, body, TOKEN if token else None)
        return status, answer.decode()


@pytest.fixture(scope="module")
def server(tmp_path_factory, intentd, models):
    folder = tmp_path_factory.mktemp("live")
    (folder / "tokens").write_text(TOKEN + "\n")
    server = Server(intentd, models, folder / "log", "--auth-tokens-file", folder / "tokens", "--drain-delay", "0",
                    "--latency-bound-ms", "20000")
    try:
        for _ in range(3):
            assert server.ask("/classify", {"text": "where is my card"})[0] == 200
        assert server.ask("/classify", {"texts": []})[0] >= 400
        yield server
        assert server.stop() == 0
    finally:
        server.kill()


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


@contextlib.contextmanager
def started_with(name: str, folder: pathlib.Path, intentd: str, models: str, tls: ssl.SSLContext | None = None):
    """A server with the settings of an overlay's ConfigMap as they are; port and paths are this machine's."""
    manifests = overlay(name)
    data = next(m["data"] for m in manifests if m["kind"] == "ConfigMap" and "INTENTD_PORT" in m["data"])
    (folder / "tokens").write_text(TOKEN)
    port = free_port()
    environment = data | {"INTENTD_PORT": str(port), "INTENTD_MODEL": models, "INTENTD_THREADS": "1",
                          "INTENTD_AUTH_TOKENS_FILE": str(folder / "tokens"), "INTENTD_DRAIN_DELAY": "0"}
    for setting, file in {"INTENTD_TLS_CERTIFICATE": "tls.crt", "INTENTD_TLS_KEY": "tls.key"}.items():
        if setting in environment:
            assert pathlib.PurePosixPath(environment[setting]).name == file
            environment[setting] = str(folder / "tls" / file)
    assert container(one(manifests, "Deployment"))["args"] == ["serve"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([intentd, "serve"], env=environment, stderr=log)
    try:
        begun = time.monotonic()
        while ask(port, "/readyz", tls=tls)[0] != 200:
            assert process.poll() is None and time.monotonic() - begun < 120, (folder / "log").read_text()
            time.sleep(0.1)
        yield port, environment
        process.terminate()
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()


def answered(port: int, tls: ssl.SSLContext | None = None) -> bool:
    """Whether a message is answered. The overlay's bound is one that a busy machine may miss now and then."""
    for _ in range(100):
        status, _ = ask(port, "/classify", {"text": "where is my card"}, TOKEN, tls)
        if status not in (429, 504):
            return status == 200
        time.sleep(0.1)
    return False


def test_the_production_settings_start_a_server(tmp_path, intentd, models):
    with started_with("production", tmp_path, intentd, models) as (port, environment):
        assert subprocess.run([intentd, "probe"], env=environment).returncode == 0
        assert answered(port)


def certificate(folder: pathlib.Path, name: str) -> None:
    """A certificate for the Service's name and this machine, that is its own authority."""
    folder.mkdir()
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", "2", "-subj", f"/CN={name}", "-addext",
                    "subjectAltName=DNS:intentd.intentd.svc,IP:127.0.0.1", "-keyout", folder / "tls.key",
                    "-out", folder / "tls.crt"], check=True, capture_output=True)


def served_certificate(port: int) -> str:
    """What the server shows, in PEM, to a client that asks by the name in the ServiceMonitor."""
    return ssl.get_server_certificate(("127.0.0.1", port))


def test_production_with_tls(tmp_path, intentd, models):
    """Only TLS is spoken, the container's own health check speaks it, and a Secret that is renewed as the kubelet does
    it (files behind a link that is replaced) is served without a restart."""
    certificate(tmp_path / "first", "first")
    certificate(tmp_path / "second", "second")
    (tmp_path / "tls").mkdir()
    (tmp_path / "tls" / "..data").symlink_to(tmp_path / "first")
    for file in ("tls.crt", "tls.key"):
        (tmp_path / "tls" / file).symlink_to(pathlib.Path("..data") / file)
    trusted = ssl.create_default_context(cafile=tmp_path / "first" / "tls.crt")
    with started_with("production-tls", tmp_path, intentd, models, trusted) as (port, environment):
        assert subprocess.run([intentd, "probe"], env=environment).returncode == 0
        assert answered(port, trusted)
        assert ask(port, "/classify", {"text": "where is my card"}, None, trusted)[0] == 401
        assert ask(port, "/readyz")[0] == 0, "plain HTTP is answered"
        [monitor] = [m for m in overlay("production-tls") if m["kind"] == "ServiceMonitor"]
        name = monitor["spec"]["endpoints"][0]["tlsConfig"]["serverName"]
        with socket.create_connection(("127.0.0.1", port)) as plain:
            with trusted.wrap_socket(plain, server_hostname=name) as secured:
                assert secured.version() in {"TLSv1.2", "TLSv1.3"}
        assert served_certificate(port) == (tmp_path / "first" / "tls.crt").read_text()
        (tmp_path / "tls" / "..next").symlink_to(tmp_path / "second")
        (tmp_path / "tls" / "..next").rename(tmp_path / "tls" / "..data")
        begun, renewed = time.monotonic(), (tmp_path / "second" / "tls.crt").read_text()
        while served_certificate(port) != renewed:
            assert time.monotonic() - begun < 30, "the old certificate is still served"
            time.sleep(0.2)
        print(f"renewed after {time.monotonic() - begun:.1f} s")
