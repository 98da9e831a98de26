"""Rules, dashboard and adapter: valid, and about metrics that the server makes."""

from __future__ import annotations

import json
import re
import subprocess

import pytest
import yaml

import expressions
from manifests import K8S, ROOT, one, overlay, tool

MONITORING = K8S / "components" / "monitoring"
RUNBOOK = ROOT / "docs" / "operations" / "runbook.md"


def groups() -> list[dict]:
    return one(overlay("production"), "PrometheusRule")["spec"]["groups"]


def rules() -> list[dict]:
    return [rule for group in groups() for rule in group["rules"]]


def alerts() -> list[dict]:
    return [rule for rule in rules() if "alert" in rule]


def recorded() -> set[str]:
    return {rule["record"] for rule in rules() if "record" in rule}


def promtool(*arguments) -> subprocess.CompletedProcess:
    return subprocess.run([tool("promtool"), *map(str, arguments)], capture_output=True, text=True)


@pytest.fixture
def rule_file(tmp_path):
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": groups()}))
    return file


def test_promtool_accepts_the_rules(rule_file):
    done = promtool("check", "rules", rule_file)
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_notices_a_broken_rule(tmp_path):
    broken = groups()
    broken[0]["rules"][0]["expr"] = "sum by (namespace (rate(x[5m]))"
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": broken}))
    assert promtool("check", "rules", file).returncode != 0


RULE_TESTS = ("rules_test.yaml", "rules_days_test.yaml")


def rule_cases(name: str) -> dict:
    return yaml.safe_load((ROOT / "Tests" / "k8s" / name).read_text())


@pytest.mark.parametrize("name", RULE_TESTS)
def test_alerts_fire_as_meant(name, rule_file, tmp_path):
    """promtool plays series through the rules."""
    file = tmp_path / name
    file.write_text(yaml.safe_dump(rule_cases(name) | {"rule_files": [str(rule_file)]}))
    done = promtool("test", "rules", file)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_shown_to_fire():
    cases = [case for name in RULE_TESTS for case in rule_cases(name)["tests"]]
    shown = {test["alertname"] for case in cases for test in case["alert_rule_test"] if test["exp_alerts"]}
    assert shown == {alert["alert"] for alert in alerts()}


def test_rules_read_real_series(contract):
    for rule in rules():
        assert expressions.problems(rule["expr"], recorded(), contract) == [], rule.get("alert") or rule["record"]


def test_alerts_have_an_action():
    anchors = {re.sub(r"[^\w-]", "", line.lstrip("# ").strip().lower().replace(" ", "-"))
               for line in RUNBOOK.read_text().splitlines() if line.startswith("#")}
    for alert in alerts():
        file, _, anchor = alert["annotations"]["runbook"].partition("#")
        assert ROOT / file == RUNBOOK and anchor in anchors, alert["alert"]
        assert alert["labels"]["severity"] in {"page", "ticket"}
        assert {"summary", "description"} <= set(alert["annotations"])


# -- dashboard -----------------------------------------------------------------------------------------------------


def dashboard() -> dict:
    return json.loads((MONITORING / "dashboard.json").read_text())


def queries() -> list[str]:
    board = dashboard()
    found = [target["expr"] for panel in board["panels"] for target in panel.get("targets", [])]
    return found + [annotation["expr"] for annotation in board["annotations"]["list"]]


def plain(expression: str) -> str:
    """The expression with Grafana's variables filled in."""
    return expression.replace("$__rate_interval", "1m").replace("$namespace", ".*")


def test_dashboard_reads_real_series(contract):
    assert len(queries()) > 20
    for query in queries():
        assert expressions.problems(plain(query), recorded(), contract) == [], query
    [variable] = [item for item in dashboard()["templating"]["list"] if item["name"] == "namespace"]
    assert re.fullmatch(r"label_values\((\w+), namespace\)", variable["definition"])[1] in contract.series()


def test_dashboard_queries_parse(tmp_path):
    file = tmp_path / "queries.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": [
        {"record": f"query:{index}", "expr": plain(query)} for index, query in enumerate(queries())]}]}))
    done = promtool("check", "rules", file)
    assert done.returncode == 0, done.stdout + done.stderr


def test_dashboard_panels_do_not_overlap():
    panels = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells = [(x, y) for panel in panels for box in [panel["gridPos"]]
             for x in range(box["x"], box["x"] + box["w"]) for y in range(box["y"], box["y"] + box["h"])]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24


def test_every_family_is_shown_or_alerted_on(contract):
    """A metric that nobody looks at is a metric to remove, or a panel that is missing."""
    used = set().union(*(expressions.series(plain(text)) for text in queries() + [rule["expr"] for rule in rules()]))
    families = {contract.series()[name] for name in used if name in contract.series()}
    unseen = {name for name in contract.metrics if name.startswith("intentd_")} - families
    assert unseen <= UNSEEN, unseen - UNSEEN


UNSEEN = {
    # For looking at one replica by hand.
    "intentd_http_requests_in_flight", "intentd_batch_cost_ratio", "intentd_model_weight_bytes",
    "intentd_compute_threads",
}


# -- the checks of expressions -------------------------------------------------------------------------------------


@pytest.mark.parametrize("expression", [
    "rate(intentd_requests_total[5m])",
    "intentd_http_request_duration_seconds",
    'rate(intentd_http_request_duration_seconds_bucket{le="0.06"}[5m])',
    'rate(intentd_http_requests_total{route="/classifyy"}[5m])',
    "rate(intentd_queue_tokens[5m])",
    "sum by (pod) (intentd_queue_tokens) / other_metric",
])
def test_notices(expression, contract):
    assert expressions.problems(expression, recorded(), contract)


@pytest.mark.parametrize(("expression", "expected"), [
    ('sum by (code) (rate(a_total{x="b"}[5m])) / ignoring (code) group_left sum(c)', {"a_total", "c"}),
    ("a > 2 * (b offset 1w) + 0.02", {"a", "b"}),
    ("absent(up{job=\"x\"} == 1)", {"up"}),
    ("a:b:rate5m > 14.4 * 0.001 and c", {"a:b:rate5m", "c"}),
])
def test_series(expression, expected):
    assert expressions.series(expression) == expected


def test_adapter_publishes_the_autoscalers_metric(contract):
    """The Prometheus adapter's rule makes the metric that the autoscaler asks for, out of one that exists."""
    values = yaml.safe_load((K8S / "components" / "autoscaling" / "prometheus-adapter.yaml").read_text())
    [rule] = values["rules"]["custom"]
    scaler = one(overlay("production"), "HorizontalPodAutoscaler")
    [wanted] = [m["pods"]["metric"]["name"] for m in scaler["spec"]["metrics"] if m["type"] == "Pods"]
    [source] = {name for name, _ in expressions.matchers(rule["seriesQuery"])}
    assert rule["name"]["as"] == wanted and re.fullmatch(rule["name"]["matches"], source)
    assert source in contract.series()
