"""The bill of materials of a real build, held against CycloneDX' schema, the loader and the package manager."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

import sbom
from program import unavailable
from samples import ROOT


@pytest.fixture(scope="module")
def bill(tmp_path_factory, intentd):
    scratch = next((folder for folder in pathlib.Path(intentd).resolve().parents
                    if (folder / "workspace-state.json").exists()), None)
    if scratch is None:
        unavailable("INTENTD is not inside a build folder")
    folder = tmp_path_factory.mktemp("sbom")
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "sbom.py", "--binary", intentd, "--scratch", scratch, "--output",
         folder / "sbom.cdx.json", "--licences", folder / "licences"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads((folder / "sbom.cdx.json").read_text()), (folder / "licences").read_text(), scratch


def test_is_cyclonedx(bill):
    error = JsonStrictValidator(SchemaVersion.V1_5).validate_str(json.dumps(bill[0]))
    assert error is None, error


def test_the_schema_notices(bill):
    broken = json.loads(json.dumps(bill[0]))
    broken["components"][0]["type"] = "program"
    assert JsonStrictValidator(SchemaVersion.V1_5).validate_str(json.dumps(broken)) is not None


def test_names_every_resolved_package(bill):
    document, licences, scratch = bill
    state = json.loads((scratch / "workspace-state.json").read_text())
    wanted = {entry["packageRef"]["identity"]: entry["state"]["checkoutState"]["version"]
              for entry in state["object"]["dependencies"]}
    found = {part["name"]: part["version"] for part in document["components"] if part["bom-ref"].startswith("swift:")}
    found.pop("swift-runtime")
    assert found == wanted
    assert all(f"{name} {version}" in licences for name, version in wanted.items())


def test_names_every_shared_library(bill, intentd):
    loaded = {os.path.basename(path) for path in sbom.libraries(pathlib.Path(intentd)) if "/lib/swift/" not in path}
    named = {name for part in bill[0]["components"] for entry in part.get("properties", []) if entry["name"] == "files"
             for name in entry["value"].split()}
    assert loaded == named and "libopenblas.so.0" in loaded


def test_every_part_has_a_licence(bill):
    assert all(part["licenses"] for part in bill[0]["components"])
    assert any(part["type"] == "machine-learning-model" for part in bill[0]["components"])


@pytest.mark.parametrize(("text", "licence"), [
    ("Apache License\nVersion 2.0, January 2004", "Apache-2.0"),
    ("Apache License\nVersion 2.0\n## Runtime Library Exception", "Apache-2.0 WITH Swift-exception"),
    ("Permission is hereby granted, free of charge, to any", "MIT"),
])
def test_licences(text, licence):
    assert sbom.licence_of(text, "x") == licence


def test_an_unknown_licence_is_an_error():
    with pytest.raises(sbom.Unlicensed, match="no licence|none that"):
        sbom.licence_of("All rights reserved.", "x")
