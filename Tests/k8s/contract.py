"""What the program promises its operators, read from its source: settings, metrics, routes, version.

The manifests repeat these names by necessity; nothing else here does. `test_live.py` holds this reading of the source
against a running server.
"""

from __future__ import annotations

import dataclasses
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCES = ROOT / "Sources"


@dataclasses.dataclass(frozen=True)
class Contract:
    """Names that manifests, rules and dashboards may use."""

    settings: frozenset[str]
    """Environment variables that the program reads."""
    metrics: dict[str, str]
    """Metric families by name, with their Prometheus type."""
    bucket_bounds: dict[str, tuple[float, ...]]
    """Upper bounds of each histogram."""
    routes: frozenset[str]
    """Every path pattern of the server."""
    open_routes: frozenset[str]
    """Paths that answer without a token."""
    held_body_bytes: int
    """Bytes of bodies that the server holds at once by default."""
    version: str

    def series(self) -> dict[str, str]:
        """Names of series as Prometheus stores them, each with its family."""
        names = {}
        for family, kind in self.metrics.items():
            if kind == "histogram":
                names |= {family + suffix: family for suffix in ("_bucket", "_sum", "_count")}
            else:
                names[family] = family
        return names


def text_of(*folders: str) -> str:
    """All Swift source below the folders of Sources, as one text."""
    files = [file for folder in folders for file in sorted((SOURCES / folder).rglob("*.swift"))]
    if not files:
        raise AssertionError(f"no source in {folders}")
    return "\n".join(file.read_text() for file in files)


def read() -> Contract:
    """The contract as the working tree has it. Raises AssertionError when the source no longer looks as expected."""
    server = text_of("IntentServer")
    metrics, bounds = read_metrics(server)
    routes, open_routes = read_routes(server)
    version = re.search(r'static let current = "([^"]+)"', server)
    held = re.search(r"var heldBodyBytes = (\d+) << (\d+)", server)
    settings = read_settings(text_of("IntentCLI"))
    for name, found in {"settings": settings, "metrics": metrics, "routes": routes, "open routes": open_routes,
                        "bodies": held, "version": version}.items():
        assert found, f"the source of {name} has moved: mend Tests/k8s/contract.py"
    return Contract(settings, metrics, bounds, routes, open_routes, int(held[1]) << int(held[2]), version[1])


def read_settings(source: str) -> frozenset[str]:
    """Variables named outright, and those that `intentd serve` derives from the names of its options."""
    outright = frozenset(re.findall(r"\bINTENTD_[A-Z0-9_]+\b", source)) - {"INTENTD_SOME_NAME"}
    options = re.search(r"static let names: Set<String> = \[([^\]]*)\]", source)
    assert options, "the options of serve have moved: mend Tests/k8s/contract.py"
    derived = {"INTENTD_" + name.upper().replace("-", "_") for name in re.findall(r'"([a-z0-9-]+)"', options[1])}
    return outright | derived


def read_metrics(source: str) -> tuple[dict[str, str], dict[str, tuple[float, ...]]]:
    """Families declared as `.counter(Name.x, ...)` or `.gauge("name", ...)`, and the bounds of histograms."""
    names = dict(re.findall(r'static let (\w+) = "((?:intentd|process)_\w+)"', source))
    lists = {
        name: tuple(float(number) for number in re.findall(r"[\d.]+", body))
        for name, body in re.findall(r"static let (\w+): \[Double\] = \[([^\]]*)\]", source)
    }
    metrics, bounds = {}, {}
    declaration = re.compile(
        r'\.(counter|gauge|histogram)\(\s*(?:Name\.(\w+)|"(\w+)"),\s*"(?:[^"\\]|\\.)*"\s*'
        r"(?:,\s*HistogramBounds\.(\w+))?")
    for kind, constant, literal, bound in declaration.findall(source):
        family = literal or names[constant]
        metrics[family] = kind
        if kind == "histogram":
            bounds[family] = lists[bound]
    undeclared = set(names.values()) - set(metrics)
    assert not undeclared, f"named but not declared: {undeclared}: mend Tests/k8s/contract.py"
    return metrics, bounds


def read_routes(source: str) -> tuple[frozenset[str], frozenset[str]]:
    """Paths of the enumeration `Route`, and those that its `isOpen` names."""
    by_case = dict(re.findall(r'case \.(\w+): "(/[^"]*)"', source))
    is_open = re.search(r"var isOpen: Bool \{.*?\n    \}", source, re.DOTALL)
    cases = re.findall(r"\.(\w+)", re.search(r"case (.*): true", is_open[0])[1]) if is_open else []
    return frozenset(by_case.values()), frozenset(by_case[case] for case in cases)
