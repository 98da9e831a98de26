"""The batch image, run as the pods of batch/indexed-job run it: `scripts/image.sh test --batch` names it in
INTENTD_IMAGE."""

from __future__ import annotations

import json
import os
import pathlib
import re
import time

import pytest

import score_shard
from containers import pod_flags, podman, run
from manifests import Manifest, ROOT, container, cores, load, one, rendered, settings
from samples import messages

IMAGE = os.environ.get("INTENTD_IMAGE")
pytestmark = pytest.mark.skipif(not IMAGE, reason="INTENTD_IMAGE names no image: see scripts/image.sh")

COUNT, WRONG = 60, 17


@pytest.fixture(scope="module")
def job() -> Manifest:
    return one(load(rendered(ROOT / "batch" / "indexed-job")), "Job")


@pytest.fixture
def folders(tmp_path) -> tuple[pathlib.Path, pathlib.Path]:
    """Input with one record that cannot be scored, and an output folder that the pod's group may write, as fsGroup
    makes it."""
    tmp_path.chmod(0o755)
    given, answers = tmp_path / "input", tmp_path / "output"
    given.mkdir(mode=0o755)
    answers.mkdir()
    answers.chmod(0o777)
    rows = [json.dumps({"id": f"m{number}", "text": text}) for number, text in enumerate(messages(COUNT))]
    rows[WRONG] = '{"id":"nothing to score"}'
    (given / "messages.jsonl").write_text("\n".join(rows) + "\n")
    return given, answers


def pod(job: Manifest, folders: tuple[pathlib.Path, pathlib.Path], index: int) -> list[str]:
    """Flags, image and arguments of the pod with this index."""
    box = container(job)
    mounts = {mount["name"]: mount["mountPath"] for mount in box["volumeMounts"]}
    environment = settings(job, [job]) | {
        "INTENTD_THREADS": str(int(cores(box["resources"]["limits"]["cpu"]))), "JOB_COMPLETION_INDEX": str(index)}
    flags = [*pod_flags(job), "--volume", f"{folders[0]}:{mounts['input']}:ro",
             "--volume", f"{folders[1]}:{mounts['output']}"]
    for name, value in environment.items():
        flags += ["--env", f"{name}={value}"]
    return [*flags, IMAGE, *box["args"]]


def test_every_index_of_the_job_and_their_join(job, folders):
    """Each completion answers its shard; joined they are what one `intentd score` says of the whole file."""
    begun = time.monotonic()
    for index in range(job["spec"]["completions"]):
        done = run(*pod(job, folders, index))
        assert done.returncode == 0, done.stderr
    print(f"{job['spec']['completions']} shards in {time.monotonic() - begun:.0f} s")
    whole = (folders[0] / "messages.jsonl").read_text()
    said = run("--entrypoint", "/usr/bin/intentd", "--env", "INTENTD_PRECISION=int8", IMAGE, "score", "--format",
               "jsonl", text=whole)
    assert said.returncode == score_shard.BAD_RECORDS, said.stderr
    joined = run("--volume", f"{folders[0]}:/in:ro", "--volume", f"{folders[1]}:/out:ro", IMAGE, "join", "--input",
                 "/in/messages.jsonl", "--output", "/out", "--shards", str(job["spec"]["completions"]), check=True)
    assert joined.stdout == said.stdout
    answers = [json.loads(line) for line in joined.stdout.splitlines()]
    assert len(answers) == COUNT and answers[WRONG]["line"] == WRONG + 1 and "error" in answers[WRONG]
    owners = {path.stat().st_uid for path in folders[1].iterdir()}
    assert owners == {65532}


def test_a_completed_index_is_left_alone(job, folders):
    assert run(*pod(job, folders, 3)).returncode == 0
    before = {path.name: path.stat().st_mtime_ns for path in folders[1].iterdir()}
    done = run(*pod(job, folders, 3))
    assert done.returncode == 0 and "complete already" in done.stderr
    assert {path.name: path.stat().st_mtime_ns for path in folders[1].iterdir()} == before


def test_wrong_input_fails_the_job_at_once(job, folders):
    """By the exit status that the Job's failure policy names."""
    (folders[0] / "messages.jsonl").unlink()
    [codes] = [rule["onExitCodes"]["values"] for rule in job["spec"]["podFailurePolicy"]["rules"]
               if "onExitCodes" in rule]
    done = run(*pod(job, folders, 0))
    assert done.returncode == score_shard.DATA and done.returncode in codes, done.stderr
    assert not list(folders[1].iterdir())


def test_labels(contract):
    [image] = json.loads(podman("image", "inspect", IMAGE).stdout)
    labels = image["Config"]["Labels"]
    assert labels["org.opencontainers.image.version"] == contract.version
    assert re.fullmatch("[0-9a-f]{40}(-dirty)?", labels["org.opencontainers.image.revision"])
    assert image["Config"]["User"] == "65532:65532"
    print(f"{image['Size'] / 2**20:.0f} MiB")
