"""Manifests as kubectl renders them, and questions about them."""

from __future__ import annotations

import functools
import pathlib
import shutil
import subprocess
import sys

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
K8S = ROOT / "k8s"
OVERLAYS = ("minimal", "production", "production-tls", "canary")

Manifest = dict


def tool(name: str) -> str:
    """The path of a command, from this Python's own folder first."""
    own = pathlib.Path(sys.executable).parent / name
    found = str(own) if own.exists() else shutil.which(name)
    assert found, f"{name} is not installed; `make operations-tools` installs what these tests need"
    return found


@functools.cache
def rendered(folder: pathlib.Path) -> str:
    """What `kubectl kustomize` makes of a folder."""
    done = subprocess.run([tool("kubectl"), "kustomize", str(folder)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def overlay(name: str) -> list[Manifest]:
    """A fresh copy of an overlay's manifests; callers may change it."""
    return load(rendered(K8S / "overlays" / name))


def load(text: str) -> list[Manifest]:
    return [document for document in yaml.safe_load_all(text) if document]


def kserve() -> list[Manifest]:
    """A fresh copy of the manifests of the KServe alternative."""
    return load(rendered(K8S / "kserve"))


def of_kind(manifests: list[Manifest], kind: str) -> list[Manifest]:
    return [manifest for manifest in manifests if manifest["kind"] == kind]


def one(manifests: list[Manifest], kind: str, name: str | None = None) -> Manifest:
    found = [m for m in of_kind(manifests, kind) if name is None or m["metadata"]["name"] == name]
    assert len(found) == 1, f"{len(found)} manifests of kind {kind}"
    return found[0]


def pod_spec(workload: Manifest) -> dict:
    """The pod of a Deployment, a Job or an InferenceService."""
    if workload["kind"] == "InferenceService":
        return workload["spec"]["predictor"]
    return workload["spec"]["template"]["spec"]


def pod_labels(workload: Manifest) -> dict:
    """The labels of a workload's pods."""
    if workload["kind"] == "InferenceService":
        return workload["spec"]["predictor"].get("labels", {})
    return workload["spec"]["template"]["metadata"]["labels"]


def container(workload: Manifest) -> dict:
    containers = pod_spec(workload)["containers"]
    assert len(containers) == 1
    return containers[0]


def matches(selector: dict, labels: dict) -> bool:
    """True if a label selector picks these labels."""
    wanted = selector.get("matchLabels", {}).items()
    for rule in selector.get("matchExpressions", []):
        value, operator = labels.get(rule["key"]), rule["operator"]
        fits = {"In": lambda: value in rule["values"], "NotIn": lambda: value not in rule["values"],
                "Exists": lambda: value is not None, "DoesNotExist": lambda: value is None}[operator]()
        if not fits:
            return False
    return all(labels.get(key) == value for key, value in wanted)


def settings(workload: Manifest, manifests: list[Manifest]) -> dict[str, str | None]:
    """The container's environment; None for a value that the cluster fills in."""
    box, values = container(workload), {}
    for source in box.get("envFrom", []):
        values |= one(manifests, "ConfigMap", source["configMapRef"]["name"])["data"]
    for entry in box.get("env", []):
        values[entry["name"]] = entry.get("value")
    return values


def seconds(text: str | int | float) -> float:
    return float(text)


def cores(text: str | int) -> float:
    text = str(text)
    return float(text[:-1]) / 1000 if text.endswith("m") else float(text)


def amount(text: str | int) -> int:
    """Bytes of a Kubernetes quantity."""
    text = str(text)
    for suffix, power in {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40}.items():
        if text.endswith(suffix):
            return int(float(text[:-2]) * (1 << power))
    return int(text)
