"""Every overlay passes every check, and every check fails on a manifest broken in the way that it looks for."""

from __future__ import annotations

import copy
import dataclasses

import pytest

import checks
import figures
from manifests import OVERLAYS, ROOT, container, kserve, load, one, overlay, pod_labels, pod_spec, rendered


def batch():
    return load(rendered(ROOT / "batch" / "indexed-job"))


SETS = {name: (lambda name=name: overlay(name)) for name in OVERLAYS} | {"kserve": kserve, "batch": batch}


@pytest.mark.parametrize("check", checks.ALL, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", SETS)
def test_agrees(name, check, contract):
    assert check(SETS[name](), contract) == []


def deployment(manifests):
    return one(manifests, "Deployment")


def box(manifests):
    return container(deployment(manifests))


def setting(name, value):
    def change(manifests):
        data = next(m for m in manifests if m["kind"] == "ConfigMap" and "INTENTD_PORT" in m["data"])["data"]
        if value is None:
            del data[name]
        else:
            data[name] = value
    return change


def at(kind, *path, value):
    """Sets what lies at a path inside the one manifest of a kind."""
    def change(manifests):
        place = one(manifests, kind)
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value
    return change


POD = ("spec", "template", "spec")
BOX = (*POD, "containers", 0)

# A check's name, and ways to break a production manifest that this check must notice.
BROKEN = [
    ("selectors_pick_pods", at("Service", "spec", "selector", value={"app": "other"})),
    ("selectors_pick_pods", at("PodDisruptionBudget", "spec", "selector", "matchLabels", value={"app": "other"})),
    ("selectors_pick_pods", at("NetworkPolicy", "spec", "podSelector", "matchLabels", value={"app": "other"})),
    ("selectors_pick_pods", at("Deployment", "spec", "selector", "matchLabels", value={"app": "other"})),
    ("selectors_pick_pods", at(
        "Deployment", *POD, "topologySpreadConstraints", 0, "labelSelector", "matchLabels", value={"app": "other"})),
    ("selectors_pick_pods", lambda m: m.append(renamed(deployment(m), "second"))),
    ("monitors_pick_services", at("ServiceMonitor", "spec", "selector", "matchLabels", value={"app": "other"})),
    ("monitors_pick_services", at("ServiceMonitor", "spec", "endpoints", 0, "port", value="metrics")),
    ("monitors_pick_services", at("ServiceMonitor", "spec", "endpoints", 0, "path", value="/metric")),
    ("monitors_pick_services", at("ServiceMonitor", "spec", "jobLabel", value="app")),
    ("autoscaler_owns_the_count", at("Deployment", "spec", "replicas", value=3)),
    ("autoscaler_owns_the_count", at("HorizontalPodAutoscaler", "spec", "scaleTargetRef", "name", value="other")),
    ("autoscaler_owns_the_count", at(
        "HorizontalPodAutoscaler", "spec", "metrics", 1, "pods", "metric", "name", value="intentd_queue_length")),
    ("autoscaler_owns_the_count", at("PodDisruptionBudget", "spec", "maxUnavailable", value=3)),
    ("autoscaler_owns_the_count", at("Deployment", *BOX, "resources", "requests", value={})),
    ("ports_agree", at("Service", "spec", "ports", 0, "targetPort", value=8081)),
    ("ports_agree", at("Service", "spec", "ports", 0, "targetPort", value="web")),
    ("ports_agree", setting("INTENTD_PORT", "9000")),
    ("ports_agree", at("Deployment", *BOX, "livenessProbe", "httpGet", "port", value=9000)),
    ("ports_agree", at("NetworkPolicy", "spec", "ingress", 0, "ports", 0, "port", value=9000)),
    ("ports_agree", at("NetworkPolicy", "spec", "ingress", 0, "ports", value=[])),
    ("probes_ask_what_answers", at("Deployment", *BOX, "readinessProbe", "httpGet", "path", value="/ready")),
    ("probes_ask_what_answers", at("Deployment", *BOX, "readinessProbe", "httpGet", "path", value="/metrics")),
    ("probes_ask_what_answers", at("Deployment", *BOX, "livenessProbe", "httpGet", "path", value="/readyz")),
    ("probes_ask_what_answers", lambda m: box(m).pop("startupProbe")),
    ("stop_fits_the_grace_period", at("Deployment", *POD, "terminationGracePeriodSeconds", value=20)),
    ("stop_fits_the_grace_period", setting("INTENTD_DRAIN_DELAY", "2")),
    ("stop_fits_the_grace_period", setting("INTENTD_DRAIN_DELAY", "30")),
    ("stop_fits_the_grace_period", setting("INTENTD_GRACE_PERIOD", "44")),
    ("stop_fits_the_grace_period", at("Deployment", *BOX, "lifecycle", value={
        "preStop": {"exec": {"command": ["sleep", "5"]}}})),
    ("stop_fits_the_grace_period", at("Deployment", *BOX, "lifecycle", value={"preStop": {"sleep": {"seconds": 30}}})),
    ("rollout_keeps_capacity", at("Deployment", "spec", "strategy", "rollingUpdate", "maxUnavailable", value=1)),
    ("rollout_keeps_capacity", at("Deployment", "spec", "strategy", "rollingUpdate", "maxSurge", value=0)),
    ("rollout_keeps_capacity", at("Deployment", "spec", "strategy", value={"type": "Recreate"})),
    ("settings_are_known", setting("INTENTD_LATENCY_BOUND", "50")),
    ("tls_is_spoken_by_all_or_none", setting("INTENTD_TLS_CERTIFICATE", "/etc/intentd/tls/tls.crt")),
    ("tls_is_spoken_by_all_or_none", at("Service", "spec", "ports", 0, "appProtocol", value="https")),
    ("open_address_is_guarded", setting("INTENTD_HOST", "127.0.0.1")),
    ("open_address_is_guarded", setting("INTENTD_AUTH_TOKENS_FILE", None)),
    ("open_address_is_guarded", setting("INTENTD_AUTH_TOKENS_FILE", "/etc/intentd/tokens")),
    ("open_address_is_guarded", setting("INTENTD_ALLOW_UNAUTHENTICATED", "true")),
    ("references_exist", at("Deployment", *BOX, "envFrom", 0, "configMapRef", "name", value="intentd")),
    ("references_exist", lambda m: box(m)["volumeMounts"].clear()),
    ("references_exist", at("Deployment", *POD, "volumes", 0, "secret", "secretName", value="tokens")),
    ("references_exist", at(
        "ServiceMonitor", "spec", "endpoints", 0, "authorization", "credentials", "key", value="scrape")),
    ("images_are_this_version", at("Deployment", *BOX, "image", value="intentd:latest")),
    ("resources_are_guaranteed", at("Deployment", *BOX, "resources", "limits", "memory", value="2Gi")),
    ("resources_are_guaranteed", lambda m: box(m)["resources"].pop("limits")),
    ("resources_are_guaranteed", at("Deployment", *BOX, "resources", value={
        name: {"cpu": "1500m", "memory": "1Gi", "ephemeral-storage": "64Mi"} for name in ("requests", "limits")})),
    ("resources_are_guaranteed", lambda m: box(m)["env"].clear()),
    ("memory_follows_the_measurements", at("Deployment", *BOX, "resources", "limits", "memory", value="1Gi")),
    ("memory_follows_the_measurements", lambda m: box(m)["resources"].pop("limits")),
    ("memory_follows_the_measurements", setting("INTENTD_PRECISION", "f32")),
    ("memory_follows_the_measurements", setting("INTENTD_PRECISION", "reference")),
    ("memory_follows_the_measurements", setting("INTENTD_PRECISION", "auto")),
    ("memory_follows_the_measurements", setting("INTENTD_PRECISION", None)),
    ("startup_follows_the_measurements", at("Deployment", *BOX, "startupProbe", "failureThreshold", value=5)),
    ("startup_follows_the_measurements", at("Deployment", *BOX, "startupProbe", "failureThreshold", value=600)),
    ("startup_follows_the_measurements", at("Deployment", *BOX, "startupProbe", "periodSeconds", value=10)),
    ("autoscaler_follows_the_measurements", at(
        "HorizontalPodAutoscaler", "spec", "metrics", 0, "resource", "target", "averageUtilization", value=80)),
    ("autoscaler_follows_the_measurements", at(
        "HorizontalPodAutoscaler", "spec", "metrics", 1, "pods", "target", "averageValue", value="640")),
    ("security_is_restricted", at("Deployment", *POD, "securityContext", "runAsNonRoot", value=False)),
    ("security_is_restricted", at("Deployment", *POD, "securityContext", "runAsUser", value=0)),
    ("security_is_restricted", at("Deployment", *POD, "securityContext", "seccompProfile", value={})),
    ("security_is_restricted", at("Deployment", *POD, "hostNetwork", value=True)),
    ("security_is_restricted", at("Deployment", *POD, "automountServiceAccountToken", value=True)),
    ("security_is_restricted", at("Deployment", *BOX, "securityContext", "readOnlyRootFilesystem", value=False)),
    ("security_is_restricted", at("Deployment", *BOX, "securityContext", "allowPrivilegeEscalation", value=True)),
    ("security_is_restricted", at("Deployment", *BOX, "securityContext", "capabilities", value={
        "drop": ["ALL"], "add": ["SYS_ADMIN"]})),
    ("security_is_restricted", at("Deployment", *POD, "volumes", 0, value={"name": "auth", "hostPath": {"path": "/"}})),
    ("security_is_restricted", at("Namespace", "metadata", "labels", value={})),
    ("nothing_leaves", at("NetworkPolicy", "spec", "egress", value=[{}])),
    ("nothing_leaves", at("NetworkPolicy", "spec", "policyTypes", value=["Ingress"])),
    ("nothing_leaves", at("NetworkPolicy", "spec", "ingress", value=[{"ports": [{"port": "http"}]}])),
    ("memory_alert_knows_the_limit", at("Deployment", *BOX, "resources", "limits", "memory", value="2Gi")),
]


# The same with production-tls.
TLS_BROKEN = [
    ("tls_is_spoken_by_all_or_none", setting("INTENTD_TLS_KEY", None)),
    ("tls_is_spoken_by_all_or_none", setting("INTENTD_TLS_CERTIFICATE", "/etc/intentd/tls.crt")),
    ("tls_is_spoken_by_all_or_none", at("Deployment", *BOX, "readinessProbe", "httpGet", "scheme", value="HTTP")),
    ("tls_is_spoken_by_all_or_none", lambda m: box(m)["livenessProbe"]["httpGet"].pop("scheme")),
    ("tls_is_spoken_by_all_or_none", at("Service", "spec", "ports", 0, "appProtocol", value="http")),
    ("tls_is_spoken_by_all_or_none", at("ServiceMonitor", "spec", "endpoints", 0, "scheme", value="http")),
    ("tls_is_spoken_by_all_or_none", at("ServiceMonitor", "spec", "endpoints", 0, "tlsConfig", value={})),
    ("tls_is_spoken_by_all_or_none", at(
        "ServiceMonitor", "spec", "endpoints", 0, "tlsConfig", "insecureSkipVerify", value=True)),
    ("references_exist", at(
        "ServiceMonitor", "spec", "endpoints", 0, "tlsConfig", "ca", "secret", "key", value="ca.pem")),
    ("references_exist", at("Deployment", *POD, "volumes", 1, "secret", "secretName", value="tls")),
]


JOB_BROKEN = [
    ("shards_agree", at("Job", "spec", "completions", value=8)),
    ("shards_agree", at("Job", "spec", "completionMode", value="NonIndexed")),
    ("shards_agree", at("Job", *POD, "restartPolicy", value="OnFailure")),
    ("shards_agree", at("Job", "spec", "podFailurePolicy", "rules", 1, "onExitCodes", "values", value=[3])),
    ("shards_agree", at("Job", "spec", "podFailurePolicy", "rules", 1, "onExitCodes", "containerName", value="x")),
    ("selectors_pick_pods", at("NetworkPolicy", "spec", "podSelector", "matchLabels", value={"app": "other"})),
    ("settings_are_known", at("Job", *BOX, "env", 0, "name", value="INTENTD_CORES")),
]


def renamed(manifest, name):
    twin = copy.deepcopy(manifest)
    twin["metadata"]["name"] = name
    return twin


@pytest.mark.parametrize(("name", "change"), BROKEN, ids=[f"{name}-{i}" for i, (name, _) in enumerate(BROKEN)])
def test_notices(name, change, contract):
    manifests = overlay("production")
    change(manifests)
    assert getattr(checks, name)(manifests, contract), f"{name} did not notice"


@pytest.mark.parametrize(("name", "change"), TLS_BROKEN, ids=[f"{n}-{i}" for i, (n, _) in enumerate(TLS_BROKEN)])
def test_notices_with_tls(name, change, contract):
    manifests = overlay("production-tls")
    change(manifests)
    assert getattr(checks, name)(manifests, contract), f"{name} did not notice"


@pytest.mark.parametrize(("name", "change"), JOB_BROKEN, ids=[f"{n}-{i}" for i, (n, _) in enumerate(JOB_BROKEN)])
def test_notices_in_the_job(name, change, contract):
    manifests = batch()
    change(manifests)
    assert getattr(checks, name)(manifests, contract), f"{name} did not notice"


def test_notices_that_kserve_scales_otherwise(contract):
    service = one(kserve(), "InferenceService")
    service["spec"]["predictor"]["scaleTarget"] = 80
    assert checks.autoscaler_follows_the_measurements([service], contract)


def test_notices_that_nothing_guards_kserves_pods(contract):
    manifests = kserve()
    one(manifests, "InferenceService")["spec"]["predictor"].pop("labels")
    assert len(checks.selectors_pick_pods(manifests, contract)) == 2, "the network policy and the disruption budget"


def test_notices_a_limit_that_does_not_hold_what_was_measured(contract, monkeypatch):
    measured = dict(figures.memory())
    measured["int8"] = dataclasses.replace(measured["int8"], replacing=450 << 20)
    monkeypatch.setattr(figures, "memory", lambda: measured)
    assert checks.memory_follows_the_measurements(overlay("production"), contract)


def test_documents_state_the_same_figures():
    """The README's peaks and starts are the capacity guide's."""
    stated = figures.readme()
    assert set(stated) == set(figures.PRECISIONS)
    for name, (peak, start) in stated.items():
        assert (peak << 20, start) == (figures.memory()[name].serving, figures.memory()[name].start_seconds), name


def test_every_check_is_shown_to_fail():
    assert {name for name, _ in BROKEN + TLS_BROKEN + JOB_BROKEN} == {check.__name__ for check in checks.ALL}


def test_kserve_runs_what_the_deployment_runs(contract):
    """The alternative's pod is the production pod: same settings, resources and hardening."""
    production = overlay("production")
    service = one(kserve(), "InferenceService")
    ours, theirs = deployment(production), service
    assert checks.settings(theirs, kserve()) == checks.settings(ours, production)
    for key in ("resources", "securityContext", "args", "image"):
        assert container(theirs)[key] == container(ours)[key], key
    for key in ("securityContext", "terminationGracePeriodSeconds"):
        assert pod_spec(theirs)[key] == pod_spec(ours)[key], key
    scaler = one(production, "HorizontalPodAutoscaler")["spec"]
    predictor = service["spec"]["predictor"]
    assert (predictor["minReplicas"], predictor["maxReplicas"]) == (scaler["minReplicas"], scaler["maxReplicas"])


def test_canary_differs_in_track_only():
    """The canary's pod is the stable pod, so that a difference in figures comes from what is being tried."""
    stable, canary = (copy.deepcopy(deployment(overlay(name))) for name in ("production", "canary"))
    pod_spec(stable).pop("topologySpreadConstraints")
    for manifest in (stable, canary):
        container(manifest).pop("envFrom")
    assert pod_spec(canary) == pod_spec(stable)
    assert checks.settings(deployment(overlay("canary")), overlay("canary")) == checks.settings(
        deployment(overlay("production")), overlay("production"))
    assert pod_labels(canary)["intentd/track"] == "canary"
    # One Service, budget and policy over both; neither deployment takes the other's pods.
    assert checks.selectors_pick_pods(overlay("production") + overlay("canary"), None) == []
