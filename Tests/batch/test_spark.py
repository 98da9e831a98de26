"""The Spark job on a real file over several partitions, with a real scorer, and one that is killed."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import pytest

from samples import ROOT, messages

COUNT, PARTITIONS = 120, 3
BLANK = 100


def job(folder: pathlib.Path, intentd: str, models: str, source: pathlib.Path, *options: str):
    """Runs the job on two local cores; a task may fail three times."""
    environment = os.environ | {
        "PYSPARK_PYTHON": sys.executable, "PYSPARK_DRIVER_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1",
        "PYSPARK_SUBMIT_ARGS": "--master local[2,4] --conf spark.ui.enabled=false pyspark-shell"}
    return subprocess.run(
        [sys.executable, ROOT / "batch" / "spark" / "score.py", "--input", source, "--output", folder / "answers",
         "--partitions", str(PARTITIONS), "--intentd", intentd, *options, "--", "--model", models, "--threads", "1"],
        capture_output=True, text=True, env=environment, timeout=500)


def parts(folder: pathlib.Path) -> list[list[dict]]:
    assert (folder / "answers" / "_SUCCESS").exists()
    return [[json.loads(line) for line in part.read_text().splitlines()]
            for part in sorted((folder / "answers").glob("part-*"))]


@pytest.fixture
def source(tmp_path) -> pathlib.Path:
    file = tmp_path / "messages.txt"
    texts = messages(COUNT)
    texts[BLANK] = ""
    file.write_text("\n".join(texts) + "\n")
    return file


def key(answer: dict) -> int:
    """The line that an answer is for."""
    return answer["line"] if "error" in answer else answer["id"]


def expected(intentd: str, models: str, source: pathlib.Path) -> dict[int, str | None]:
    """Intents by line number, from one run over the whole file; one line is blank, which is an error."""
    with source.open() as file:
        command = [intentd, "score", "--model", models, "--format", "text"]
        done = subprocess.run(command, stdin=file, capture_output=True)
    assert done.returncode == 3, done.stderr
    return {key(answer): answer.get("intent") for answer in map(json.loads, done.stdout.splitlines())}


def check(folder, wanted: dict[int, str | None]) -> None:
    """Every line answered once, in order in its partition and over the partitions, over two partitions at least."""
    found = parts(folder)
    assert sum(1 for part in found if part) >= 2
    answers = [answer for part in found for answer in part]
    assert [key(answer) for answer in answers] == list(range(1, COUNT + 1))
    assert {key(answer): answer.get("intent") for answer in answers} == wanted
    assert [key(answer) for answer in answers if "error" in answer] == [BLANK + 1]


def test_every_line_once_in_order(tmp_path, intentd, models, source):
    done = job(tmp_path, intentd, models, source)
    assert done.returncode == 0, done.stderr[-3000:]
    check(tmp_path, expected(intentd, models, source))


def test_a_killed_workers_partition_is_done_again(tmp_path, intentd, models, source):
    """The first scorer to get work is killed after it has answered some lines; only whole attempts are seen."""
    killed = tmp_path / "killed"
    victim = tmp_path / "intentd-that-dies-once"
    victim.write_text(f"""#!/bin/sh
if mkdir {killed} 2>/dev/null; then
  {intentd} "$@" | head -n 5
  kill -KILL $$
fi
exec {intentd} "$@"
""")
    victim.chmod(0o755)
    done = job(tmp_path, str(victim), models, source)
    assert killed.is_dir(), "nobody was killed"
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Lost task" in done.stderr and "137" in done.stderr
    check(tmp_path, expected(intentd, models, source))


def test_a_scorer_that_always_fails_fails_the_job(tmp_path, models, source):
    done = job(tmp_path, "/bin/false", models, source)
    assert done.returncode != 0 and not (tmp_path / "answers" / "_SUCCESS").exists()


def test_bad_lines_are_answers(tmp_path, intentd, models):
    """JSON Lines keep their ids; a line that cannot be scored is reported in its place and fails nothing."""
    file = tmp_path / "messages.jsonl"
    rows = [json.dumps({"id": f"m{number}", "text": text}) for number, text in enumerate(messages(40))]
    rows[25] = '{"id": "m25"}'
    file.write_text("\n".join(rows) + "\n")
    done = job(tmp_path, intentd, models, file, "--format", "jsonl")
    assert done.returncode == 0, done.stderr[-3000:]
    answers = [answer for part in parts(tmp_path) for answer in part]
    assert len(answers) == 40 and answers[25]["line"] == 26 and "error" in answers[25]
    assert [answer.get("id") for answer in answers if "error" not in answer] == [
        f"m{number}" for number in range(40) if number != 25]
