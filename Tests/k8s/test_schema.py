"""Manifests against the API's own schemas, strictly: an unknown field or kind is an error."""

from __future__ import annotations

import ast
import functools
import importlib.util
import pathlib

import kubernetes_validate
import pytest
from cloudcoil.models.prometheus_operator import v1 as prometheus_operator

from manifests import K8S, OVERLAYS, ROOT, kserve, load, overlay, rendered

# The versions that k8s/README.md names as supported; the components name their own oldest version.
OLDEST, NEWEST = "1.29", "1.37"
ADAPTER_IMAGE_OLDEST = "1.35"

OPERATOR_KINDS = {"ServiceMonitor": prometheus_operator.ServiceMonitor,
                  "PrometheusRule": prometheus_operator.PrometheusRule}


def validate(manifest: dict, version: str) -> None:
    """Raises when the manifest is not valid: core kinds by Kubernetes' schema, others by their makers' models."""
    group = manifest["apiVersion"].partition("/")[0]
    if group == "monitoring.coreos.com":
        validate_operator(manifest)
    elif group == "serving.kserve.io":
        validate_kserve(manifest, version)
    else:
        kubernetes_validate.validate(manifest, version, strict=True)


def validate_operator(manifest: dict) -> None:
    """By the Prometheus operator's schema, as cloudcoil generates it; it drops unknown fields, so look for those."""
    model = OPERATOR_KINDS[manifest["kind"]].model_validate(manifest)
    kept = model.model_dump(by_alias=True, mode="json", exclude_unset=True)
    lost = missing_paths(manifest, kept)
    if lost:
        raise ValueError(f"{manifest['kind']}: unknown fields {lost}")


def missing_paths(given, kept, path: str = "") -> list[str]:
    """Paths of the fields in `given` that `kept` has not."""
    if isinstance(given, dict) and isinstance(kept, dict):
        return [found for key, value in given.items()
                for found in ([f"{path}.{key}"] if key not in kept else
                              missing_paths(value, kept[key], f"{path}.{key}"))]
    if isinstance(given, list) and isinstance(kept, list):
        return [found for index, (value, other) in enumerate(zip(given, kept))
                for found in missing_paths(value, other, f"{path}[{index}]")]
    return []


@functools.cache
def kserve_fields(kind: str) -> dict[str, str]:
    """Types by field name of a KServe kind, read from the KServe SDK without running it."""
    package = pathlib.Path(importlib.util.find_spec("kserve").origin).parent
    for file in (package / "models").glob("v1beta1_*.py"):
        tree = ast.parse(file.read_text())
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and node.name == kind:
                tables = {target.id: ast.literal_eval(item.value) for item in node.body
                          if isinstance(item, ast.Assign) for target in item.targets}
                return {json: tables["openapi_types"][name] for name, json in tables["attribute_map"].items()}
    raise LookupError(kind)


def validate_kserve(manifest: dict, version: str) -> None:
    """KServe's fields by its SDK; the pod that the predictor holds, as a Pod."""
    if manifest["kind"] != "InferenceService":
        raise LookupError(manifest["kind"])
    if unknown := set(manifest) - set(kserve_fields("V1beta1InferenceService")):
        raise ValueError(f"unknown fields {unknown}")
    if unknown := set(manifest["spec"]) - set(kserve_fields("V1beta1InferenceServiceSpec")):
        raise ValueError(f"unknown fields {unknown}")
    predictor, known = manifest["spec"]["predictor"], kserve_fields("V1beta1PredictorSpec")
    if unknown := set(predictor) - set(known):
        raise ValueError(f"unknown fields {unknown}")
    extension = set(kserve_fields("V1beta1ComponentExtensionSpec"))
    for name in extension & set(predictor):
        wanted = {"int": int, "str": str}.get(known[name])
        if wanted and type(predictor[name]) is not wanted:
            raise ValueError(f"{name} must be {known[name]}")
    pod = {key: value for key, value in predictor.items() if key not in extension}
    kubernetes_validate.validate(
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pod"}, "spec": pod}, version, strict=True)


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("name", [*OVERLAYS])
def test_overlay(name, version):
    manifests = overlay(name)
    assert manifests
    for manifest in manifests:
        validate(manifest, version)


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_kserve(version):
    for manifest in kserve():
        validate(manifest, version)


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_batch_job(version):
    for manifest in load(rendered(ROOT / "batch" / "indexed-job")):
        validate(manifest, version)


def with_component(tmp_path: pathlib.Path, component: str) -> list[dict]:
    """The minimal overlay with one component more."""
    (tmp_path / "kustomization.yaml").write_text(
        "resources: [../minimal]\n" f"components: [../../components/{component}]\n")
    # Kustomize wants the overlay inside the tree that it refers to.
    folder = K8S / "overlays" / f".test-{component}"
    folder.mkdir(exist_ok=True)
    try:
        (folder / "kustomization.yaml").write_text((tmp_path / "kustomization.yaml").read_text())
        rendered.cache_clear()
        return load(rendered(folder))
    finally:
        (folder / "kustomization.yaml").unlink(missing_ok=True)
        folder.rmdir()


@pytest.mark.parametrize(("component", "versions"), [
    ("adapter-volume", (OLDEST, NEWEST)), ("adapter-image", (ADAPTER_IMAGE_OLDEST, NEWEST))])
def test_adapter_component(tmp_path, component, versions):
    manifests = with_component(tmp_path, component)
    for version in versions:
        for manifest in manifests:
            validate(manifest, version)
    [deployment] = [m for m in manifests if m["kind"] == "Deployment"]
    [settings] = [m["data"] for m in manifests if m["kind"] == "ConfigMap"]
    mounts = [m["mountPath"] for m in deployment["spec"]["template"]["spec"]["containers"][0]["volumeMounts"]]
    assert any(settings["INTENTD_ADAPTER"].startswith(mount) for mount in mounts)


def broken(name: str, change) -> dict:
    manifest = next(m for m in overlay("production") + kserve() if m["kind"] == name)
    change(manifest)
    return manifest


@pytest.mark.parametrize(("kind", "change"), [
    ("Deployment", lambda m: m.update(kind="Deploymnet")),
    ("Deployment", lambda m: m["spec"].update(replica=2)),
    ("Deployment", lambda m: m["spec"].pop("selector")),
    ("Deployment", lambda m: m["spec"]["template"]["spec"]["containers"][0].update(ports=[{"containerPort": "http"}])),
    ("HorizontalPodAutoscaler", lambda m: m.update(apiVersion="autoscaling/v2beta2")),
    ("ServiceMonitor", lambda m: m["spec"]["endpoints"][0].update(pathh="/metrics")),
    ("ServiceMonitor", lambda m: m["spec"].pop("selector")),
    ("ServiceMonitor", lambda m: m.update(kind="ServiceMonitr")),
    ("PrometheusRule", lambda m: m["spec"]["groups"][0]["rules"][0].update(exprs="1")),
    ("InferenceService", lambda m: m["spec"].update(predictors={})),
    ("InferenceService", lambda m: m["spec"]["predictor"].update(minReplica=1)),
    ("InferenceService", lambda m: m["spec"]["predictor"].update(minReplicas="1")),
    ("InferenceService", lambda m: m["spec"]["predictor"]["containers"][0].update(arg=[])),
    ("InferenceService", lambda m: m.update(kind="InferenceServise")),
])
@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_notices(kind, change, version):
    with pytest.raises(Exception):
        validate(broken(kind, change), version)


def test_old_versions_lack_image_volumes(tmp_path):
    """Shows that the version given to the validator matters."""
    manifests = with_component(tmp_path, "adapter-image")
    with pytest.raises(Exception):
        for manifest in manifests:
            validate(manifest, OLDEST)
