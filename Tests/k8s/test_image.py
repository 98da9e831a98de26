"""The built image, run as the production manifest runs it. `scripts/image.sh test` names it in INTENTD_IMAGE."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import re
import shutil
import subprocess
import tarfile
import threading
import time

import pytest

from containers import pod_flags, podman, run, ulimits
from manifests import OVERLAYS, amount, container, cores, kserve, one, overlay, pod_spec, settings
from program import ask
from rolling import free_port

IMAGE = os.environ.get("INTENTD_IMAGE")
WITH_MODEL = not (IMAGE or "").endswith("-no-model")
pytestmark = pytest.mark.skipif(not IMAGE, reason="INTENTD_IMAGE names no image: see scripts/image.sh")

TOKEN = "a-token-for-tests-only-0123456789"
MESSAGE = {"text": "I lost my card on the train, what should I do?"}


def mounted() -> list[str]:
    """The model folder, for an image that holds none."""
    return [] if WITH_MODEL else ["--volume", f"{os.environ['MODELS']}:/models:ro"]


def production() -> tuple[dict, dict]:
    """The production pod and its environment."""
    manifests = overlay("production")
    deployment = one(manifests, "Deployment")
    return deployment, settings(deployment, manifests)


class Server:
    """A container of the image, and its port."""

    def __init__(self, folder: pathlib.Path):
        deployment, environment = production()
        box = container(deployment)
        self.grace = pod_spec(deployment)["terminationGracePeriodSeconds"]
        self.port = free_port()
        tokens = folder / "tokens"
        tokens.write_text(TOKEN + "\n")
        tokens.chmod(0o444)
        folder.chmod(0o755)
        threads = int(cores(box["resources"]["limits"]["cpu"]))
        environment |= {"INTENTD_PORT": str(self.port), "INTENTD_THREADS": str(threads)}
        # The container shares this machine's network, so the port is a free one; all else is the manifest's.
        flags = [*pod_flags(deployment), *mounted(), "--network", "host",
                 "--volume", f"{tokens}:{environment['INTENTD_AUTH_TOKENS_FILE']}:ro"]
        for name, value in environment.items():
            flags += ["--env", f"{name}={value}"]
        self.started = time.monotonic()
        self.name = podman("run", "--detach", *flags, IMAGE, *box["args"]).stdout.strip()
        self.process = int(self.inspect("{{.State.Pid}}"))

    def inspect(self, form: str) -> str:
        return podman("inspect", "--format", form, self.name).stdout.strip()

    def logs(self) -> str:
        done = podman("logs", self.name)
        return done.stdout + done.stderr

    def ask(self, path: str, body: dict | None = None, token: str | None = TOKEN) -> tuple[int, bytes]:
        return ask(self.port, path, body, token)

    def wait_until_ready(self) -> float:
        probe = container(production()[0])["startupProbe"]
        allowed = probe["periodSeconds"] * probe["failureThreshold"]
        while time.monotonic() - self.started < allowed:
            if self.ask(probe["httpGet"]["path"], token=None)[0] == 200:
                return time.monotonic() - self.started
            assert self.inspect("{{.State.Running}}") == "true", self.logs()
            time.sleep(0.05)
        raise AssertionError(f"not ready after {allowed} s: {self.logs()}")

    def status(self, field: str) -> str:
        lines = pathlib.Path(f"/proc/{self.process}/status").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith(field + ":"))

    def remove(self) -> None:
        podman("rm", "--force", "--time", "1", self.name, check=False)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("auth"))
    try:
        print(f"ready after {server.wait_until_ready():.1f} s")
        yield server
    finally:
        server.remove()


def probe_paths() -> list[str]:
    boxes = [container(one(overlay(name), "Deployment")) for name in OVERLAYS]
    boxes.append(container(one(kserve(), "InferenceService")))
    return sorted({box[probe]["httpGet"]["path"] for box in boxes
                   for probe in ("startupProbe", "livenessProbe", "readinessProbe")})


@pytest.mark.parametrize("path", probe_paths())
def test_probes_answer_without_a_token(server, path):
    assert server.ask(path, token=None)[0] == 200


def test_health_by_the_binary_itself(server):
    done = podman("exec", server.name, "/usr/bin/intentd", "probe", check=False)
    assert done.returncode == 0, done.stderr
    done = podman("exec", "--env", f"INTENTD_PORT={free_port()}", server.name, "/usr/bin/intentd", "probe", check=False)
    assert done.returncode == 1, "a probe of a port where nobody listens must fail"


def test_classifies_with_a_token_only(server):
    assert server.ask("/classify", MESSAGE, token=None)[0] == 401
    assert server.ask("/classify", MESSAGE, token="another-token-0123456789")[0] == 401
    status, body = server.ask("/classify", MESSAGE)
    assert status == 200, body
    labels = json.loads(server.ask("/labels")[1])["labels"]
    assert json.loads(body)["intent"] in labels


def test_runs_as_the_manifests_user_without_privileges(server):
    context = pod_spec(production()[0])["securityContext"]
    assert server.status("Uid").split() == [str(context["runAsUser"])] * 4
    assert server.status("Gid").split() == [str(context["runAsGroup"])] * 4
    assert int(server.status("CapEff"), 16) == int(server.status("CapBnd"), 16) == 0
    assert server.status("NoNewPrivs") == "1"


def test_root_cannot_be_written(server):
    mounts = pathlib.Path(f"/proc/{server.process}/mounts").read_text().splitlines()
    [root] = [line.split() for line in mounts if line.split()[1] == "/"]
    assert "ro" in root[3].split(",")


def test_there_is_no_shell(server):
    for program in ("/bin/sh", "/bin/bash", "/bin/busybox", "/usr/bin/env"):
        assert podman("exec", server.name, program, "-c", "true", check=False).returncode != 0


def test_stays_inside_the_memory_limit_under_load(server):
    """The container is killed at the limit; the peak must leave the room that the memory alert expects."""
    limit = amount(container(production()[0])["resources"]["limits"]["memory"])
    assert int(server.inspect("{{.HostConfig.Memory}}")) == limit
    long = {"texts": ["my card payment was declined twice " * 20] * 32, "timeout_ms": 5000}
    answers: list[int] = []

    def load(until: float) -> None:
        while time.monotonic() < until:
            answers.append(server.ask("/classify", long)[0])
            answers.append(server.ask("/classify", MESSAGE)[0])

    threads = [threading.Thread(target=load, args=(time.monotonic() + 10,)) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    peak = int(server.status("VmHWM").split()[0]) * 1024
    counts = {status: answers.count(status) for status in sorted(set(answers))}
    print(f"peak {peak / 2**20:.0f} MiB of {limit / 2**20:.0f}; answers {counts}")
    assert set(answers) <= {200, 429, 504} and answers.count(200) > 0
    assert peak < 0.9 * limit


def test_stops_inside_the_grace_period_and_loses_nothing(server):
    """SIGTERM under load: not ready at once, alive and answering while it drains, then status 0."""
    answers: list[tuple[float, int]] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            answers.append((time.monotonic(), server.ask("/classify", MESSAGE)[0]))

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    time.sleep(1)
    begun = time.monotonic()
    stopping = threading.Thread(target=podman, args=("stop", "--time", str(server.grace), server.name))
    stopping.start()
    drain = float(production()[1]["INTENTD_DRAIN_DELAY"])
    time.sleep(min(2, drain / 2))
    ready, alive = server.ask("/readyz", token=None)[0], server.ask("/livez", token=None)[0]
    stopping.join()
    took = time.monotonic() - begun
    stop.set()
    for thread in threads:
        thread.join()
    assert (ready, alive) == (503, 200)
    assert server.inspect("{{.State.ExitCode}}") == "0", server.logs()
    assert drain <= took < server.grace
    early = [status for at, status in answers if at < begun + drain - 0.5]
    print(f"stopped after {took:.1f} s of {server.grace}; {len(early)} requests until the drain's end")
    # 504: admitted, and then the machine had no time for it; an answer all the same.
    assert len(early) > 10 and set(early) <= {200, 429, 504}, {status: early.count(status) for status in set(early)}


@pytest.mark.parametrize("adapter", ["fast", "/models/adapter-fast"])
def test_the_other_adapter_is_there(adapter):
    """By its name, as users say it, and by its path in the image."""
    done = run(*mounted(), IMAGE, "score", "--adapter", adapter, "--format", "text",
               text="I lost my card on the train\n")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["intent"] == "lost_or_stolen_card"


def test_without_a_model_says_what_is_missing():
    if WITH_MODEL:
        pytest.skip("this image holds a model")
    done = run(IMAGE, "score")
    assert done.returncode == 1 and "/models" in done.stderr


def test_refuses_to_be_open_to_all():
    done = run("--env", f"INTENTD_PORT={free_port()}", IMAGE, network="host")
    assert done.returncode != 0 and "--auth-tokens-file" in done.stderr


# -- what is inside ------------------------------------------------------------------------------------------------


DOC = "/usr/share/doc/intentd"


@dataclasses.dataclass(frozen=True)
class Contents:
    """Every file of the image by its path, and the bytes of those under DOC."""

    files: dict[str, tarfile.TarInfo]
    documents: dict[str, bytes]


@pytest.fixture(scope="module")
def contents() -> Contents:
    name = podman("create", *ulimits(), IMAGE).stdout.strip()
    files, documents = {}, {}
    exporting = subprocess.Popen([shutil.which("podman"), "export", name], stdout=subprocess.PIPE)
    try:
        with tarfile.open(fileobj=exporting.stdout, mode="r|") as archive:
            for member in archive:
                path = "/" + member.name.removeprefix("./")
                files[path] = member
                if member.isfile() and path.startswith(DOC + "/"):
                    documents[path.removeprefix(DOC + "/")] = archive.extractfile(member).read()
        assert exporting.wait() == 0
    finally:
        exporting.kill()
        exporting.wait()
        podman("rm", name)
    return Contents(files, documents)


def test_holds_licences_and_terms(contents):
    wanted = {"LICENSE", "NOTICE", "THIRD-PARTY-LICENCES", "sbom.cdx.json"}
    if WITH_MODEL:
        wanted |= {"model/GEMMA_TERMS.html", "model/NOTICE.md"}
    assert not {name for name in wanted if not contents.documents.get(name)}
    parts = {part["name"] for part in json.loads(contents.documents["sbom.cdx.json"])["components"]}
    assert {"hummingbird", "swift-nio", "swift-runtime", "libopenblas0-pthread"} <= parts
    assert ("gemma-3-270m-q4_k_m.gguf" in parts) == WITH_MODEL
    for name in parts & {"hummingbird", "swift-nio", "libopenblas0-pthread"}:
        assert name.encode() in contents.documents["THIRD-PARTY-LICENCES"]


def test_holds_the_model_or_no_weights_at_all(contents):
    weights = {path for path in contents.files if path.endswith((".safetensors", ".gguf", ".model"))}
    assert weights == ({"/models/base/model.safetensors", "/models/base/tokenizer.model",
                        "/models/adapter/adapter_model.safetensors",
                        "/models/adapter-fast/adapter_model.safetensors"} if WITH_MODEL else set())
    # What `auto` goes by, and what a start and a replacement are tested with.
    beside = {f"/models/{adapter}/{file}" for adapter in ("adapter", "adapter-fast")
              for file in ("precision.json", "self_test.json")}
    assert beside <= set(contents.files) or not WITH_MODEL


def test_holds_nothing_that_is_not_needed(contents):
    programs = [path for path, member in contents.files.items() if member.isfile() and member.mode & 0o111
                and ".so" not in path and path.startswith(("/bin", "/usr/bin"))]
    assert programs == ["/usr/bin/intentd"]
    assert not [path for path in contents.files if "libswift" in path], "the Swift runtime is linked in"
    assert not [path for path, member in contents.files.items() if member.mode & 0o6000 and member.isfile()]
    assert not [path for path in contents.files if path.endswith((".gguf", ".part00", ".csv"))]


def test_labels_and_size(contract):
    [image] = json.loads(podman("image", "inspect", IMAGE).stdout)
    labels = image["Config"]["Labels"]
    assert labels["org.opencontainers.image.version"] == contract.version
    for name in ("title", "description", "documentation"):
        assert labels[f"org.opencontainers.image.{name}"]
    # The commit that it was built from; scripts/image.sh marks a changed working tree.
    assert re.fullmatch("[0-9a-f]{40}(-dirty)?", labels["org.opencontainers.image.revision"])
    # Weights come under terms of their own, and only an image without them is free of these.
    assert ("Gemma" in labels["org.opencontainers.image.licenses"]) == WITH_MODEL
    assert image["Config"]["User"] == "65532:65532"
    assert image["Config"]["Entrypoint"] == ["/usr/bin/intentd"]
    print(f"{image['Size'] / 2**20:.0f} MiB")
