"""What `make release` has made, as someone gets it: checksums, archive, program, bill of materials.
`make release-test` names its folder in RELEASE."""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
import re
import subprocess
import tarfile

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from program import ask
from samples import ROOT
from service import Service

RELEASE = os.environ.get("RELEASE")
pytestmark = pytest.mark.skipif(not RELEASE, reason="RELEASE names no folder: see `make release-test`")


@pytest.fixture(scope="module")
def version() -> str:
    source = (ROOT / "Sources" / "IntentServer" / "IntentdVersion.swift").read_text()
    return re.search(r'current = "([^"]+)"', source)[1]


@pytest.fixture(scope="module")
def name(version) -> str:
    return f"intentd-{version}-linux-{os.uname().machine}"


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory, name) -> pathlib.Path:
    """The archive's folder, unpacked elsewhere than where it was made."""
    folder = tmp_path_factory.mktemp("release")
    with tarfile.open(pathlib.Path(RELEASE) / f"{name}.tar.gz") as archive:
        archive.extractall(folder, filter="data")
    assert [path.name for path in folder.iterdir()] == [name]
    return folder / name


@pytest.fixture(scope="module")
def bill(unpacked) -> dict:
    return json.loads((unpacked / "sbom.cdx.json").read_text())


def test_checksums_are_those_of_the_files(name):
    lines = (pathlib.Path(RELEASE) / "SHA256SUMS").read_text().splitlines()
    stated = dict(reversed(line.split("  ")) for line in lines)
    assert set(stated) == {f"{name}.tar.gz", f"{name}.sbom.cdx.json"}
    for file, digest in stated.items():
        assert hashlib.sha256((pathlib.Path(RELEASE) / file).read_bytes()).hexdigest() == digest, file


def test_the_archive_holds_what_it_should(unpacked):
    files = {str(path.relative_to(unpacked)) for path in unpacked.rglob("*") if path.is_file()}
    adapters = {f"models/{adapter}/{file}" for adapter in ("adapter", "adapter-fast")
                for file in ("adapter_config.json", "adapter_model.safetensors", "labels.json", "intentd.json",
                             "precision.json", "self_test.json")}
    wanted = {"intentd", "LICENSE", "NOTICE", "CHANGELOG.md", "THIRD-PARTY-LICENCES", "sbom.cdx.json",
              "models/base.json", "models/fetch.sh"} | adapters
    assert wanted <= files, wanted - files
    assert not [file for file in files if file.endswith((".csv", ".gguf", ".swift")) or "models/base/" in file]


def test_the_changes_name_this_version(unpacked, version):
    assert f"\n## {version}\n" in (unpacked / "CHANGELOG.md").read_text()


def test_the_program_is_stripped_and_brings_its_swift(unpacked):
    sections = subprocess.run(["readelf", "--sections", "--wide", unpacked / "intentd"], capture_output=True, text=True,
                              check=True).stdout
    assert ".text" in sections and ".symtab" not in sections and ".debug_" not in sections
    needed = subprocess.run(["readelf", "--dynamic", unpacked / "intentd"], capture_output=True, text=True,
                            check=True).stdout
    assert "libopenblas" in needed and "libswift" not in needed
    paths = re.findall(r"R(?:UN)?PATH.*\[(.*)\]", needed)
    assert set(paths) <= {"$ORIGIN"}, "libraries are looked for in a folder of the machine that built it"


def test_the_bill_is_valid_and_whole(bill, unpacked, version):
    text = (unpacked / "sbom.cdx.json").read_text()
    assert JsonStrictValidator(SchemaVersion.V1_5).validate_str(text) is None
    program = bill["metadata"]["component"]
    assert (program["name"], program["version"]) == ("intentd", version)
    assert program["hashes"] == [{"alg": "SHA-256",
                                  "content": hashlib.sha256((unpacked / "intentd").read_bytes()).hexdigest()}]
    licences = (unpacked / "THIRD-PARTY-LICENCES").read_text()
    for part in bill["components"]:
        assert re.match(r"\d", part["version"]), part
        assert part["licenses"], part
        assert f"{part['name']} {part['version']}" in licences
    names = {part["name"] for part in bill["components"]}
    assert {"hummingbird", "swift-nio", "swift-runtime", "libopenblas0-pthread"} <= names


def test_the_version_is_one(unpacked, version, models, tmp_path):
    """In --version, /v2 and /metrics, from the unpacked program with its own adapter and the base model beside it."""
    program = unpacked / "intentd"
    assert subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.strip() == version
    (unpacked / "models" / "base").symlink_to(pathlib.Path(models) / "base")
    server = Service(program, unpacked / "models", tmp_path / "log", "--drain-delay", "0", "--latency-bound-ms", "5000")
    try:
        assert subprocess.run([program, "probe", "--port", str(server.port)]).returncode == 0
        assert json.loads(ask(server.port, "/v2")[1])["version"] == version
        assert f'intentd_build_info{{version="{version}"}} 1' in ask(server.port, "/metrics")[1].decode()
        status, answer = ask(server.port, "/classify", {"text": "I lost my card on the train, what should I do?"})
        assert status == 200 and json.loads(answer)["intent"] == "lost_or_stolen_card"
        assert server.stop() == 0
    finally:
        server.kill()
        (unpacked / "models" / "base").unlink()
