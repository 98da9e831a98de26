"""Shards scored by the real program, joined, and held against scoring the whole file at once."""

from __future__ import annotations

import csv
import io
import json
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from samples import ROOT, messages

SCRIPT = ROOT / "batch" / "score_shard.py"
COUNT = 240


def whole(intentd: str, models: str, path: pathlib.Path, form: str) -> bytes:
    """The answers to the whole file in one piece: the reference."""
    with path.open("rb") as file:
        command = [intentd, "score", "--model", models, "--format", form]
        done = subprocess.run(command, stdin=file, capture_output=True)
    assert done.returncode in (0, 3), done.stderr
    return done.stdout


def shard(intentd: str, models: str, path: pathlib.Path, output: pathlib.Path, index: int, count: int, **keywords):
    return subprocess.Popen(
        [sys.executable, SCRIPT, "score", "--input", path, "--output", output, "--shard", str(index), "--shards",
         str(count), "--intentd", intentd, "--", "--model", models, "--threads", "1"], stderr=subprocess.PIPE, text=True,
        **keywords)


def join(path: pathlib.Path, output: pathlib.Path, count: int) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, SCRIPT, "join", "--input", path, "--output", output, "--shards", str(count)],
                          capture_output=True)


def wait_until_scoring(process: subprocess.Popen, output: pathlib.Path) -> None:
    """Until the shard has begun to write, and has not ended."""
    begun = time.monotonic()
    while not list(output.glob("*.tmp")):
        assert process.poll() is None and time.monotonic() - begun < 60, "the shard does not begin"
        time.sleep(0.01)


def inputs() -> dict[str, bytes]:
    texts = messages(COUNT)
    table = io.StringIO()
    writer = csv.writer(table)
    writer.writerow(["id", "text"])
    writer.writerows([f"r{number}", text + ("\nsecond line, \"quoted\"" if number % 7 == 0 else "")]
                     for number, text in enumerate(texts))
    lines = [json.dumps({"id": f"m{number}", "text": text}) for number, text in enumerate(texts)]
    lines[17] = '{"id": 17}'
    lines[200] = "this is not JSON"
    return {"input.txt": ("\n".join(texts[:50] + ["", "  "] + texts[50:]) + "\n").encode(),
            "input.jsonl": "\n".join(lines).encode(), "input.csv": table.getvalue().encode()}


@pytest.mark.parametrize("name", inputs())
def test_shards_joined_are_the_whole(tmp_path, intentd, models, name):
    path = tmp_path / name
    path.write_bytes(inputs()[name])
    expected = whole(intentd, models, path, {"txt": "text"}.get(path.suffix[1:], path.suffix[1:]))
    assert expected.count(b"\n") >= COUNT
    for index in range(3):
        process = shard(intentd, models, path, tmp_path / "out", index, 3)
        assert process.wait() == 0, process.stderr.read()
    joined = join(path, tmp_path / "out", 3)
    assert joined.returncode == 0, joined.stderr
    assert joined.stdout == expected


def test_a_killed_shard_is_run_again(tmp_path, intentd, models):
    """Killed at any moment, a shard leaves nothing under its final name; the next try completes it."""
    path, output = tmp_path / "input.txt", tmp_path / "out"
    path.write_bytes(inputs()["input.txt"])
    process = shard(intentd, models, path, output, 1, 2)
    wait_until_scoring(process, output)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "it had ended before it was killed"
    assert not list(output.glob("*.json*")), "an unfinished shard must not look finished"
    assert join(path, output, 2).returncode == 66
    for index in range(2):
        assert shard(intentd, models, path, output, index, 2).wait() == 0
    # A finished shard is left alone.
    before = {file: file.stat().st_mtime_ns for file in output.glob("part-*")}
    assert shard(intentd, models, path, output, 1, 2).wait() == 0
    assert {file: file.stat().st_mtime_ns for file in output.glob("part-*")} == before | {}
    assert join(path, output, 2).stdout == whole(intentd, models, path, "text")


def test_an_evicted_shard_ends_at_once(tmp_path, intentd, models):
    path = tmp_path / "input.txt"
    # Minutes of work on one thread: what ends inside the time that Kubernetes gives has not finished it.
    path.write_bytes(inputs()["input.txt"] * 500)
    process = shard(intentd, models, path, tmp_path / "out", 0, 1)
    wait_until_scoring(process, tmp_path / "out")
    time.sleep(1)
    process.terminate()
    assert process.wait(timeout=30) not in (0, 64, 66)
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize(("name", "content", "arguments", "status", "message"), [
    ("input.txt", b"a\n", ["--shard", "3", "--shards", "3"], 64, "--shard must be 0 to 2"),
    ("input.txt", b"a\n", ["--shard", "0", "--shards", "0"], 64, "--shards must be at least 1"),
    ("input.dat", b"a\n", ["--shard", "0", "--shards", "1"], 64, "say --format"),
    ("input.txt", b"\x1f\x8b\x08\x00", ["--shard", "0", "--shards", "1"], 66, "gzip"),
    ("missing.txt", None, ["--shard", "0", "--shards", "1"], 66, "is not a file"),
])
def test_refuses(tmp_path, name, content, arguments, status, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    done = subprocess.run([sys.executable, SCRIPT, "score", "--input", tmp_path / name, "--output", tmp_path / "out",
                           "--intentd", "/nonexistent", *arguments], capture_output=True, text=True)
    assert (done.returncode, message in done.stderr) == (status, True), done.stderr


def test_join_refuses_parts_of_another_input(tmp_path, intentd, models):
    path = tmp_path / "input.txt"
    path.write_bytes(b"one\ntwo\n")
    assert shard(intentd, models, path, tmp_path / "out", 0, 1).wait() == 0
    path.write_bytes(b"one\ntwo\nthree\n")
    done = join(path, tmp_path / "out", 1)
    assert done.returncode == 66 and b"another input" in done.stderr
