"""Whether manifests agree with the code and with each other. Each check returns what it found wrong, in words."""

from __future__ import annotations

import ipaddress
import pathlib
from collections.abc import Callable, Iterator

import figures
import score_shard
from contract import Contract
from manifests import (Manifest, amount, container, cores, matches, of_kind, one, pod_labels, pod_spec, settings)

Check = Callable[[list[Manifest], Contract], list[str]]
ALL: list[Check] = []

WORKLOADS = ("Deployment", "InferenceService", "Job")
SERVERS = ("Deployment", "InferenceService")
LONGEST_ANSWER_SECONDS = 10
"""Time that an admitted request may take at the very most: the largest latency bound that operators should set."""
STOP_MARGIN_SECONDS = 5
START_MARGIN = 20
"""A start on a slow or busy node with nothing in its page cache may take this many times the measured one."""
LONGEST_STUCK_START_SECONDS = 120
EXTERNAL_SECRETS = {"intentd-auth": {"tokens", "metrics-token"}, "intentd-tls": {"tls.crt", "tls.key", "ca.crt"}}
"""Secrets that the operator makes (k8s/README.md says how), with their keys."""


def check(function: Check) -> Check:
    ALL.append(function)
    return function


def workloads(manifests: list[Manifest], kinds: tuple[str, ...] = WORKLOADS) -> Iterator[Manifest]:
    return (manifest for manifest in manifests if manifest["kind"] in kinds)


def label(manifest: Manifest) -> str:
    return f"{manifest['kind']} {manifest['metadata']['name']}"


# -- selectors ---------------------------------------------------------------------------------------------------


@check
def selectors_pick_pods(manifests: list[Manifest], contract: Contract) -> list[str]:
    problems = []
    deployments = of_kind(manifests, "Deployment")
    for deployment in deployments:
        if not matches(deployment["spec"]["selector"], pod_labels(deployment)):
            problems.append(f"{label(deployment)}: the selector does not pick its own pods")
        for constraint in pod_spec(deployment).get("topologySpreadConstraints", []):
            if not matches(constraint["labelSelector"], pod_labels(deployment)):
                problems.append(f"{label(deployment)}: a spread constraint does not count its own pods")
    picking = [(m, {"matchLabels": m["spec"]["selector"]}) for m in of_kind(manifests, "Service")]
    picking += [(m, m["spec"]["selector"]) for m in of_kind(manifests, "PodDisruptionBudget")]
    picking += [(m, m["spec"]["podSelector"]) for m in of_kind(manifests, "NetworkPolicy")]
    for manifest, selector in picking:
        for workload in workloads(manifests):
            if not matches(selector, pod_labels(workload)):
                problems.append(f"{label(manifest)}: does not pick the pods of {label(workload)}")
    for one_selector in (d["spec"]["selector"] for d in deployments):
        others = [d for d in deployments if matches(one_selector, pod_labels(d))]
        if len(others) > 1:
            problems.append(f"{[label(d) for d in others]}: one selector picks the pods of several deployments")
    return problems


@check
def monitors_pick_services(manifests: list[Manifest], contract: Contract) -> list[str]:
    problems = []
    for monitor in of_kind(manifests, "ServiceMonitor"):
        services = [s for s in of_kind(manifests, "Service")
                    if matches(monitor["spec"]["selector"], s["metadata"].get("labels", {}))]
        if not services:
            problems.append(f"{label(monitor)}: picks no Service")
        for endpoint in monitor["spec"]["endpoints"]:
            for service in services:
                if endpoint["port"] not in {port["name"] for port in service["spec"]["ports"]}:
                    problems.append(f"{label(monitor)}: {label(service)} has no port {endpoint['port']}")
                job = service["metadata"]["labels"].get(monitor["spec"].get("jobLabel"))
                if job != "intentd":
                    problems.append(f"{label(monitor)}: the job label would be {job!r}; the rules ask for intentd")
            if endpoint["path"] not in contract.routes:
                problems.append(f"{label(monitor)}: the server has no {endpoint['path']}")
    return problems


@check
def autoscaler_owns_the_count(manifests: list[Manifest], contract: Contract) -> list[str]:
    problems = []
    for scaler in of_kind(manifests, "HorizontalPodAutoscaler"):
        target = scaler["spec"]["scaleTargetRef"]
        found = [d for d in of_kind(manifests, target["kind"]) if d["metadata"]["name"] == target["name"]]
        if not found:
            problems.append(f"{label(scaler)}: there is no {target['kind']} {target['name']}")
        for deployment in found:
            if "replicas" in deployment["spec"]:
                problems.append(f"{label(deployment)}: names a count, which undoes {label(scaler)} at every apply")
            if "cpu" not in container(deployment)["resources"].get("requests", {}):
                problems.append(f"{label(deployment)}: CPU use cannot be computed without a CPU request")
        for metric in scaler["spec"]["metrics"]:
            if metric["type"] == "Pods" and contract.metrics.get(metric["pods"]["metric"]["name"]) != "gauge":
                problems.append(f"{label(scaler)}: the server has no gauge {metric['pods']['metric']['name']}")
        for budget in of_kind(manifests, "PodDisruptionBudget"):
            spare = budget["spec"].get("maxUnavailable")
            if not isinstance(spare, int) or spare >= scaler["spec"]["minReplicas"]:
                problems.append(f"{label(budget)}: lets every replica go at once, or none")
    return problems


# -- ports and probes ----------------------------------------------------------------------------------------------


def port_number(box: dict, port: int | str) -> int | None:
    """The number of a container's port given by number or name."""
    if isinstance(port, int):
        return port
    return next((entry["containerPort"] for entry in box.get("ports", []) if entry.get("name") == port), None)


@check
def ports_agree(manifests: list[Manifest], contract: Contract) -> list[str]:
    problems = []
    for server in workloads(manifests, SERVERS):
        box, values = container(server), settings(server, manifests)
        listening = values.get("INTENTD_PORT")
        declared = [entry["containerPort"] for entry in box.get("ports", [])]
        if [str(port) for port in declared] != [listening]:
            problems.append(f"{label(server)}: declares ports {declared}; INTENTD_PORT is {listening}")
        wanted = {f"{probe}": box[probe]["httpGet"]["port"] for probe in probes(box)}
        for service in of_kind(manifests, "Service"):
            for entry in service["spec"]["ports"]:
                wanted[label(service)] = entry.get("targetPort", entry["port"])
        for policy in of_kind(manifests, "NetworkPolicy"):
            for rule in policy["spec"].get("ingress", []):
                if not rule.get("ports"):
                    problems.append(f"{label(policy)}: a rule opens every port")
                for entry in rule.get("ports", []):
                    wanted[label(policy)] = entry["port"]
        for who, port in wanted.items():
            if str(port_number(box, port)) != listening:
                problems.append(f"{who}: port {port} is not the one that {label(server)} listens on")
    return problems


def probes(box: dict) -> list[str]:
    return [name for name in ("startupProbe", "livenessProbe", "readinessProbe") if name in box]


@check
def probes_ask_what_answers(manifests: list[Manifest], contract: Contract) -> list[str]:
    problems = []
    for server in workloads(manifests, SERVERS):
        box = container(server)
        for name in ("startupProbe", "livenessProbe", "readinessProbe"):
            if name not in box:
                problems.append(f"{label(server)}: no {name}")
        for name in probes(box):
            path = box[name]["httpGet"]["path"]
            if path not in contract.open_routes:
                problems.append(f"{label(server)}: {name}: {path} is not a route that answers without a token")
            ready = path.rstrip("/").split("/")[-1].startswith("ready")
            if ready == (name == "livenessProbe"):
                problems.append(f"{label(server)}: {name}: {path} answers another question")
    return problems


@check
def stop_fits_the_grace_period(manifests: list[Manifest], contract: Contract) -> list[str]:
    problems = []
    for server in workloads(manifests, SERVERS):
        pod, box = pod_spec(server), container(server)
        values = settings(server, manifests)
        drain, own = (float(values.get(name) or 0) for name in ("INTENTD_DRAIN_DELAY", "INTENTD_GRACE_PERIOD"))
        hook = box.get("lifecycle", {}).get("preStop")
        if hook and "exec" in hook:
            problems.append(f"{label(server)}: preStop runs a command; the image has none but intentd")
        asleep = (hook or {}).get("sleep", {}).get("seconds", 0)
        if own < drain + LONGEST_ANSWER_SECONDS:
            problems.append(f"{label(server)}: cuts off answers: ends {own} s after SIGTERM and drains for {drain} s")
        needed = asleep + own + STOP_MARGIN_SECONDS
        if pod["terminationGracePeriodSeconds"] < needed:
            problems.append(f"{label(server)}: killed after {pod['terminationGracePeriodSeconds']} s; "
                            f"a stop may take {needed} s")
        readiness = box["readinessProbe"]
        noticed = readiness["periodSeconds"] * readiness["failureThreshold"] + readiness["timeoutSeconds"]
        if drain <= noticed:
            problems.append(f"{label(server)}: drains for {drain} s; readiness takes {noticed} s to fail")
    return problems


@check
def rollout_keeps_capacity(manifests: list[Manifest], contract: Contract) -> list[str]:
    problems = []
    for deployment in of_kind(manifests, "Deployment"):
        rolling = deployment["spec"].get("strategy", {}).get("rollingUpdate", {})
        if deployment["spec"]["strategy"]["type"] != "RollingUpdate" or str(rolling.get("maxUnavailable")) != "0":
            problems.append(f"{label(deployment)}: a rollout takes a replica away before its successor is ready")
        if str(rolling.get("maxSurge", "0")) in ("0", "0%"):
            problems.append(f"{label(deployment)}: a rollout cannot begin: no surge and nothing unavailable")
    return problems


@check
def tls_is_spoken_by_all_or_none(manifests: list[Manifest], contract: Contract) -> list[str]:
    """Server, probes, Service and scraping agree on TLS, and its files are those of a Secret."""
    problems = []
    for server in workloads(manifests, SERVERS):
        box, values = container(server), settings(server, manifests)
        files = [values.get(name) for name in ("INTENTD_TLS_CERTIFICATE", "INTENTD_TLS_KEY")]
        if any(files) != all(files):
            problems.append(f"{label(server)}: a certificate and its key belong together")
        problems += [f"{label(server)}: no Secret is mounted as {path}"
                     for path in files if path and path not in secret_files(server)]
        speaks = {f"{label(server)}: {name}": box[name]["httpGet"].get("scheme", "HTTP") for name in probes(box)}
        for service in of_kind(manifests, "Service"):
            speaks |= {label(service): port["appProtocol"] for port in service["spec"]["ports"]}
        for monitor in of_kind(manifests, "ServiceMonitor"):
            speaks |= {label(monitor): endpoint.get("scheme", "http") for endpoint in monitor["spec"]["endpoints"]}
            if all(files):
                problems += [f"{label(monitor)}: does not check the certificate of {label(server)}"
                             for endpoint in monitor["spec"]["endpoints"]
                             if not {"ca", "serverName"} <= set(endpoint.get("tlsConfig", {}))
                             or endpoint["tlsConfig"].get("insecureSkipVerify")]
        right = "https" if all(files) else "http"
        problems += [f"{who} speaks {scheme}; {label(server)} speaks {right}"
                     for who, scheme in speaks.items() if scheme.lower() != right]
    return problems


# -- settings ------------------------------------------------------------------------------------------------------


@check
def settings_are_known(manifests: list[Manifest], contract: Contract) -> list[str]:
    return [f"{label(workload)}: the program does not read {name}"
            for workload in workloads(manifests)
            for name in settings(workload, manifests)
            if name.startswith("INTENTD_") and name not in contract.settings]


@check
def open_address_is_guarded(manifests: list[Manifest], contract: Contract) -> list[str]:
    problems = []
    for server in workloads(manifests, SERVERS):
        values = settings(server, manifests)
        host = values.get("INTENTD_HOST")
        if not host or ipaddress.ip_address(host).is_loopback:
            problems.append(f"{label(server)}: listens on {host or 'the default, loopback'}: nobody can reach it")
            continue
        tokens, anyone = values.get("INTENTD_AUTH_TOKENS_FILE"), values.get("INTENTD_ALLOW_UNAUTHENTICATED")
        if bool(tokens) == (anyone == "true"):
            problems.append(f"{label(server)}: needs a token file or the word that anyone may ask, and not both")
        if tokens and tokens not in secret_files(server):
            problems.append(f"{label(server)}: no Secret is mounted as {tokens}")
    return problems


def secret_files(workload: Manifest) -> set[str]:
    """Paths in the container that hold keys of Secrets."""
    pod, paths = pod_spec(workload), set()
    mounts = {mount["name"]: mount["mountPath"] for mount in container(workload).get("volumeMounts", [])}
    for volume in pod.get("volumes", []):
        for item in volume.get("secret", {}).get("items", []):
            if volume["name"] in mounts:
                paths.add(str(pathlib.PurePosixPath(mounts[volume["name"]]) / item["path"]))
    return paths


@check
def references_exist(manifests: list[Manifest], contract: Contract) -> list[str]:
    problems = []
    for workload in workloads(manifests):
        pod = pod_spec(workload)
        for source in container(workload).get("envFrom", []):
            name = source["configMapRef"]["name"]
            if not any(m["metadata"]["name"] == name for m in of_kind(manifests, "ConfigMap")):
                problems.append(f"{label(workload)}: there is no ConfigMap {name}")
        mounted = {mount["name"] for mount in container(workload).get("volumeMounts", [])}
        defined = {volume["name"] for volume in pod.get("volumes", [])}
        if mounted != defined:
            problems.append(f"{label(workload)}: mounts {sorted(mounted)} of volumes {sorted(defined)}")
        for volume in pod.get("volumes", []):
            if secret := volume.get("secret"):
                known = EXTERNAL_SECRETS.get(secret["secretName"], set())
                for item in secret["items"]:
                    if item["key"] not in known:
                        problems.append(f"{label(workload)}: nobody makes {secret['secretName']}/{item['key']}")
    for monitor in of_kind(manifests, "ServiceMonitor"):
        for endpoint in monitor["spec"]["endpoints"]:
            credentials = endpoint.get("authorization", {}).get("credentials", {})
            if credentials.get("key") not in EXTERNAL_SECRETS.get(credentials.get("name"), set()):
                problems.append(f"{label(monitor)}: nobody makes the token in {credentials}")
            if authority := endpoint.get("tlsConfig", {}).get("ca", {}).get("secret"):
                if authority["key"] not in EXTERNAL_SECRETS.get(authority["name"], set()):
                    problems.append(f"{label(monitor)}: nobody makes the certificate in {authority}")
    return problems


@check
def images_are_this_version(manifests: list[Manifest], contract: Contract) -> list[str]:
    problems = []
    for workload in workloads(manifests):
        name, _, tag = container(workload)["image"].partition(":")
        if tag != contract.version:
            problems.append(f"{label(workload)}: runs {name}:{tag}; this is version {contract.version}")
    return problems


# -- resources -----------------------------------------------------------------------------------------------------


@check
def resources_are_guaranteed(manifests: list[Manifest], contract: Contract) -> list[str]:
    problems = []
    for workload in workloads(manifests):
        box = container(workload)
        requests, limits = (box["resources"].get(name, {}) for name in ("requests", "limits"))
        for resource in ("cpu", "memory", "ephemeral-storage"):
            if resource not in limits or requests.get(resource) != limits[resource]:
                problems.append(f"{label(workload)}: {resource}: request and limit must be there and equal")
        if limits.get("cpu") and cores(limits["cpu"]) != int(cores(limits["cpu"])):
            problems.append(f"{label(workload)}: a part of a core cannot be exclusive")
        threads = [entry for entry in box.get("env", []) if entry["name"] == "INTENTD_THREADS"]
        field = threads[0].get("valueFrom", {}).get("resourceFieldRef", {}) if threads else {}
        if (field.get("resource"), field.get("divisor")) != ("limits.cpu", "1"):
            problems.append(f"{label(workload)}: INTENTD_THREADS must be limits.cpu by downward API")
    return problems


@check
def memory_follows_the_measurements(manifests: list[Manifest], contract: Contract) -> list[str]:
    """A server's limit is the capacity guide's for its precision, and holds what was measured with room to spare."""
    problems = []
    for workload in workloads(manifests):
        # Named, because what `auto` takes, and so the memory, depends on the adapter and the processor.
        precision = settings(workload, manifests).get("INTENTD_PRECISION")
        measured = figures.memory().get(precision)
        limit = amount(container(workload)["resources"].get("limits", {}).get("memory", 0))
        if not measured:
            problems.append(f"{label(workload)}: nobody has measured the memory of precision {precision}")
            continue
        if limit != measured.limit:
            problems.append(f"{label(workload)}: {limit} bytes; docs/operations/capacity.md says {measured.limit} "
                            f"for {precision}")
        needed = measured.replacing + contract.held_body_bytes
        if workload["kind"] in SERVERS and needed > 0.9 * limit:
            problems.append(f"{label(workload)}: {needed} bytes may be held, over 90 % of the limit {limit}")
    return problems


@check
def startup_follows_the_measurements(manifests: list[Manifest], contract: Contract) -> list[str]:
    problems = []
    slowest = max(measured.start_seconds for measured in figures.memory().values())
    for server in workloads(manifests, SERVERS):
        probe = container(server).get("startupProbe", {})
        allowed = probe.get("periodSeconds", 10) * probe.get("failureThreshold", 3)
        if not START_MARGIN * slowest <= allowed <= LONGEST_STUCK_START_SECONDS:
            problems.append(f"{label(server)}: a start may take {allowed} s; {slowest} s were measured")
        if probe.get("periodSeconds", 10) > 1:
            problems.append(f"{label(server)}: looks every {probe['periodSeconds']} s for a start of {slowest} s")
    return problems


@check
def autoscaler_follows_the_measurements(manifests: list[Manifest], contract: Contract) -> list[str]:
    cpu, tokens = figures.autoscaling()
    problems = []
    for scaler in of_kind(manifests, "HorizontalPodAutoscaler"):
        targets = {metric["type"]: metric for metric in scaler["spec"]["metrics"]}
        found = targets.get("Resource", {}).get("resource", {}).get("target", {}).get("averageUtilization")
        if found != cpu:
            problems.append(f"{label(scaler)}: adds pods at {found} % CPU; docs/operations/capacity.md says {cpu}")
        found = targets.get("Pods", {}).get("pods", {}).get("target", {}).get("averageValue")
        if str(found) != str(tokens):
            problems.append(f"{label(scaler)}: adds pods at {found} tokens; docs/operations/capacity.md says {tokens}")
    for service in of_kind(manifests, "InferenceService"):
        predictor = service["spec"]["predictor"]
        if (predictor.get("scaleMetric"), predictor.get("scaleTarget")) != ("cpu", cpu):
            problems.append(f"{label(service)}: scales at {predictor.get('scaleTarget')}, not at {cpu} % CPU")
    return problems


@check
def security_is_restricted(manifests: list[Manifest], contract: Contract) -> list[str]:
    """The Pod Security Standards' restricted profile, and a root file system that cannot be written."""
    problems = []
    for workload in workloads(manifests):
        pod, box = pod_spec(workload), container(workload)
        outer, inner = pod.get("securityContext", {}), box.get("securityContext", {})
        wanted = {
            "runAsNonRoot": (outer.get("runAsNonRoot"), True),
            "allowPrivilegeEscalation": (inner.get("allowPrivilegeEscalation"), False),
            "readOnlyRootFilesystem": (inner.get("readOnlyRootFilesystem"), True),
            "capabilities.drop": (inner.get("capabilities", {}).get("drop"), ["ALL"]),
            "capabilities.add": (inner.get("capabilities", {}).get("add"), None),
            "seccompProfile": (outer.get("seccompProfile", {}).get("type"), "RuntimeDefault"),
            "privileged": (inner.get("privileged"), None),
            "automountServiceAccountToken": (pod.get("automountServiceAccountToken"), False),
        }
        wanted |= {name: (pod.get(name), None) for name in ("hostNetwork", "hostPID", "hostIPC")}
        problems += [f"{label(workload)}: {name} is {value}" for name, (value, right) in wanted.items()
                     if value != right]
        if not outer.get("runAsUser", 0):
            problems.append(f"{label(workload)}: runs as root")
        allowed = {"configMap", "secret", "emptyDir", "persistentVolumeClaim", "projected", "downwardAPI", "image"}
        for volume in pod.get("volumes", []):
            if not set(volume) - {"name"} <= allowed:
                problems.append(f"{label(workload)}: volume {volume['name']} is of a kind that is not allowed")
    for namespace in of_kind(manifests, "Namespace"):
        if namespace["metadata"]["labels"].get("pod-security.kubernetes.io/enforce") != "restricted":
            problems.append(f"{label(namespace)}: does not enforce the restricted profile")
    return problems


@check
def nothing_leaves(manifests: list[Manifest], contract: Contract) -> list[str]:
    problems = []
    for policy in of_kind(manifests, "NetworkPolicy"):
        if set(policy["spec"]["policyTypes"]) != {"Ingress", "Egress"} or policy["spec"].get("egress"):
            problems.append(f"{label(policy)}: lets the pods open connections")
        for rule in policy["spec"].get("ingress", []):
            if not rule.get("from"):
                problems.append(f"{label(policy)}: lets anyone in")
    return problems


@check
def memory_alert_knows_the_limit(manifests: list[Manifest], contract: Contract) -> list[str]:
    problems = []
    for rule_set in of_kind(manifests, "PrometheusRule"):
        limit = amount(container(one(manifests, "Deployment"))["resources"]["limits"]["memory"])
        alerts = [rule for group in rule_set["spec"]["groups"] for rule in group["rules"]
                  if rule.get("alert") == "IntentdMemoryHigh"]
        if not any(alert["expr"].endswith(f"> 0.9 * {limit}") for alert in alerts):
            problems.append(f"{label(rule_set)}: IntentdMemoryHigh must compare with 0.9 * {limit}, the pod's limit")
    return problems


@check
def shards_agree(manifests: list[Manifest], contract: Contract) -> list[str]:
    """A Job's completions are its shards, and it gives up at once exactly on what score_shard.py calls hopeless."""
    problems = []
    for job in of_kind(manifests, "Job"):
        spec, box = job["spec"], container(job)
        arguments = box["args"]
        shards = arguments[arguments.index("--shards") + 1] if "--shards" in arguments else None
        if spec.get("completionMode") != "Indexed" or str(spec.get("completions")) != shards:
            problems.append(f"{label(job)}: {spec.get('completions')} completions are not {shards} shards")
        if pod_spec(job).get("restartPolicy") != "Never":
            problems.append(f"{label(job)}: a pod failure policy needs restartPolicy Never")
        for rule in spec.get("podFailurePolicy", {}).get("rules", []):
            codes = rule.get("onExitCodes", {})
            if codes and set(codes["values"]) != {score_shard.USAGE, score_shard.DATA}:
                problems.append(f"{label(job)}: exit codes {codes['values']} are not score_shard.py's")
            if codes.get("containerName", box["name"]) != box["name"]:
                problems.append(f"{label(job)}: there is no container {codes['containerName']}")
    return problems
