"""deploy/adapter.sh, alone and under a running server: a new adapter is taken without a lost request, a damaged one is
refused, and one command brings the earlier one back."""

from __future__ import annotations

import json
import pathlib
import shutil
import subprocess
import threading
import time

import pytest

from program import ask
from samples import ROOT
from service import Service

SCRIPT = ROOT / "deploy" / "adapter.sh"


def run(*arguments, check: bool = True) -> subprocess.CompletedProcess:
    done = subprocess.run([SCRIPT, *map(str, arguments)], capture_output=True, text=True)
    assert not check or done.returncode == 0, done.stderr
    return done


def toy(folder: pathlib.Path, mark: str) -> pathlib.Path:
    """A folder that looks like an adapter to the script."""
    folder.mkdir()
    for name in ("adapter_config.json", "adapter_model.safetensors", "labels.json"):
        (folder / name).write_text(f"{name} {mark}")
    return folder


def current(store: pathlib.Path) -> str:
    return (store / "current" / "labels.json").read_text()


def test_install_and_roll_back(tmp_path):
    store = tmp_path / "store"
    first, second = toy(tmp_path / "a", "first"), toy(tmp_path / "b", "second")
    run("install", store, first)
    assert current(store).endswith("first")
    run("install", store, second)
    assert current(store).endswith("second")
    run("rollback", store)
    assert current(store).endswith("first")
    run("rollback", store)
    assert current(store).endswith("second"), "rolling back twice comes back"
    assert len(list((store / "versions").iterdir())) == 2
    assert [line[0] for line in run("list", store).stdout.splitlines()].count("*") == 1


def test_the_same_adapter_has_one_version(tmp_path):
    store = tmp_path / "store"
    run("install", store, toy(tmp_path / "a", "same"))
    run("install", store, toy(tmp_path / "b", "same"))
    assert len(list((store / "versions").iterdir())) == 1
    assert run("rollback", store, check=False).returncode == 1, "there is no earlier one"


def test_a_folder_of_links_is_copied(tmp_path):
    """As download caches keep their files."""
    store, source = tmp_path / "store", toy(tmp_path / "blobs", "linked")
    links = tmp_path / "a"
    links.mkdir()
    for file in source.iterdir():
        (links / file.name).symlink_to(file)
    run("install", store, links)
    shutil.rmtree(source)
    assert current(store).endswith("linked")


@pytest.mark.parametrize("missing", ["adapter_config.json", "adapter_model.safetensors", "labels.json"])
def test_refuses_what_is_no_adapter(tmp_path, missing):
    folder = toy(tmp_path / "a", "x")
    (folder / missing).unlink()
    done = run("install", tmp_path / "store", folder, check=False)
    assert done.returncode == 1 and missing in done.stderr
    assert not (tmp_path / "store" / "current").exists()


def test_usage():
    assert run("remove", "x", check=False).returncode == 64


# -- under a server -------------------------------------------------------------------------------------------------


def variant(source: pathlib.Path, folder: pathlib.Path, version: str) -> pathlib.Path:
    """The adapter under another version."""
    shutil.copytree(source, folder)
    settings = json.loads((folder / "intentd.json").read_text())
    (folder / "intentd.json").write_text(json.dumps(settings | {"version": version}))
    return folder


class Server(Service):
    def __init__(self, intentd: str, models: str, adapter: pathlib.Path, log: pathlib.Path):
        # A bound that a busy machine keeps while it loads adapters.
        super().__init__(intentd, models, log, "--adapter", adapter, "--threads", "1", "--drain-delay", "0",
                         "--latency-bound-ms", "20000")

    def ask(self, path: str, body: dict | None = None) -> tuple[int, bytes]:
        return ask(self.port, path, body)

    def version(self) -> str | None:
        status, body = self.ask("/labels")
        return json.loads(body)["model"]["version"] if status == 200 else None

    def wait_for(self, condition, what: str, limit: float = 60) -> None:
        begun = time.monotonic()
        while not condition():
            assert self.process.poll() is None, self.log()
            assert time.monotonic() - begun < limit, f"{what}: {self.log()}"
            time.sleep(0.05)

    def replacements(self, outcome: str) -> int:
        text = self.ask("/metrics")[1].decode()
        line = next(line for line in text.splitlines()
                    if line.startswith("intentd_model_replacements_total") and f'outcome="{outcome}"' in line)
        return int(float(line.split()[-1]))


def test_a_server_takes_refuses_and_returns(tmp_path, intentd, models):
    source, store = pathlib.Path(models) / "adapter", tmp_path / "store"
    one = variant(source, tmp_path / "one", "one")
    two = variant(source, tmp_path / "two", "two")
    bad = variant(source, tmp_path / "bad", "bad")
    weights = bytearray((bad / "adapter_model.safetensors").read_bytes())
    (bad / "adapter_model.safetensors").write_bytes(weights[: len(weights) // 2])

    run("install", store, one)
    server = Server(intentd, models, store / "current", tmp_path / "log")
    answers: list[int] = []
    stop = threading.Event()

    def load() -> None:
        while not stop.is_set():
            answers.append(server.ask("/classify", {"text": "where is my card"})[0])

    threads = [threading.Thread(target=load, daemon=True) for _ in range(2)]
    try:
        assert server.version() == "one"
        for thread in threads:
            thread.start()

        run("install", store, two)
        server.wait_for(lambda: server.version() == "two", "the new adapter")
        run("install", store, bad)
        server.wait_for(lambda: server.replacements("rolled_back") >= 1, "the refusal of the damaged one")
        assert server.version() == "two" and server.ask("/readyz")[0] == 200
        run("install", store, one)
        server.wait_for(lambda: server.version() == "one", "the earlier one")

        stop.set()
        for thread in threads:
            thread.join()
        print(f"{len(answers)} requests while three adapters were delivered")
        assert len(answers) > 20 and set(answers) == {200}, {status: answers.count(status) for status in set(answers)}
        assert server.stop() == 0
    finally:
        stop.set()
        server.kill()


def test_roll_back_is_one_command(tmp_path, intentd, models):
    source, store = pathlib.Path(models) / "adapter", tmp_path / "store"
    run("install", store, variant(source, tmp_path / "one", "one"))
    run("install", store, variant(source, tmp_path / "two", "two"))
    server = Server(intentd, models, store / "current", tmp_path / "log")
    try:
        assert server.version() == "two"
        begun = time.monotonic()
        run("rollback", store)
        server.wait_for(lambda: server.version() == "one", "the earlier one")
        print(f"rolled back after {time.monotonic() - begun:.1f} s")
    finally:
        server.kill()
