"""What PromQL expressions refer to."""

from __future__ import annotations

import re

from contract import Contract

# Series that others make: Prometheus itself.
FOREIGN = {"up"}
WORDS = {"by", "without", "on", "ignoring", "group_left", "group_right", "offset", "and", "or", "unless", "bool", "inf",
         "nan", "le"}


def stripped(expression: str) -> str:
    """The expression without what cannot hold a series' name: texts, matchers, ranges, grouping labels."""
    text = re.sub(r'"(?:[^"\\]|\\.)*"', '""', expression)
    text = re.sub(r"\{[^}]*\}", " ", text)
    text = re.sub(r"\[[^\]]*\]", " ", text)
    return re.sub(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", " ", text)


def series(expression: str) -> set[str]:
    """Names of the series that an expression reads."""
    text = re.sub(r"\b(offset)\s+\w+", " ", stripped(expression))
    names = re.findall(r"(?<![\w:$.])([A-Za-z_:][\w:]*)\b(?!\s*\()", text)
    return {name for name in names if name not in WORDS}


def matchers(expression: str) -> list[tuple[str, dict[str, str]]]:
    """Each selector's series with its labels and what they are compared with."""
    found = re.findall(r"([A-Za-z_:][\w:]*)\s*\{([^}]*)\}", expression)
    return [(name, dict(re.findall(r'(\w+)\s*(?:=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"', body))) for name, body in found]


def problems(expression: str, recorded: set[str], contract: Contract) -> list[str]:
    """Series that nobody makes, buckets that no histogram has, and rates of what is no counter."""
    known = contract.series()
    wrong = [f"nobody makes {name}" for name in series(expression)
             if name not in known and name not in recorded and name not in FOREIGN]
    for name, labels in matchers(expression):
        if "le" in labels and float(labels["le"]) not in contract.bucket_bounds.get(known.get(name, ""), ()):
            wrong.append(f"{name} has no bucket {labels['le']}")
        if route := labels.get("route"):
            if route not in contract.routes:
                wrong.append(f"there is no route {route}")
    for name in re.findall(r"\b(?:rate|increase)\(\s*([A-Za-z_:][\w:]*)", expression):
        family = known.get(name)
        if family and contract.metrics[family] == "gauge":
            wrong.append(f"{name} is a gauge; a rate of it means nothing")
    return wrong
