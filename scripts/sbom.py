#!/usr/bin/env python3
"""Lists what a built intentd is made of, as CycloneDX 1.5 JSON, and gathers the licences that must travel with it.

    scripts/sbom.py --binary .build/release/intentd --scratch .build --output sbom.cdx.json --licences LICENCES.txt

Swift packages come from the package manager's own record of what it resolved, Debian packages from dpkg for every
shared library that the binary loads, the Swift runtime from the compiler, the base model from models/base.json. Ends
with status 1 if anything has no known licence.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import pathlib
import re
import subprocess
import sys
import uuid

ROOT = pathlib.Path(__file__).resolve().parent.parent

# What must be found in a licence text, most specific first.
LICENCE_MARKS = [
    ("Apache-2.0 WITH Swift-exception", ("Apache License", "Runtime Library Exception")),
    ("Apache-2.0", ("Apache License", "Version 2.0")),
    ("MIT", ("Permission is hereby granted, free of charge",)),
    ("BSD-3-Clause", ("Redistribution and use in source and binary forms", "Neither the name")),
    ("BSD-2-Clause", ("Redistribution and use in source and binary forms",)),
]


class Unlicensed(Exception):
    """A part whose licence could not be told."""


def licence_of(text: str, name: str) -> str:
    """The SPDX expression of a licence text."""
    for identifier, marks in LICENCE_MARKS:
        if all(mark in text for mark in marks):
            return identifier
    raise Unlicensed(f"{name}: its licence text is none that this script knows")


def swift_packages(scratch: pathlib.Path) -> list[dict]:
    """Every package that was resolved for the build, with the text of its licence and notices."""
    state = json.loads((scratch / "workspace-state.json").read_text())
    packages = []
    for dependency in state["object"]["dependencies"]:
        reference, checkout = dependency["packageRef"], dependency["state"].get("checkoutState", {})
        folder = scratch / "checkouts" / dependency["subpath"]
        texts = [file.read_text(errors="replace") for file in sorted(folder.iterdir())
                 if re.match(r"(?i)^(licen[cs]e|notice)", file.name) and file.is_file()]
        if not texts:
            raise Unlicensed(f"{reference['identity']}: has no licence file")
        location = reference["location"].removesuffix(".git")
        packages.append({
            "type": "library", "bom-ref": f"swift:{reference['identity']}", "name": reference["identity"],
            "version": checkout.get("version") or checkout["revision"],
            "purl": f"pkg:swift/{location.removeprefix('https://')}@{checkout.get('version')}",
            "licenses": [{"expression": licence_of(texts[0], reference["identity"])}],
            "_text": "\n".join(texts),
        })
    return sorted(packages, key=lambda part: part["name"])


def swift_runtime(binary: pathlib.Path) -> dict:
    """The compiler, whose runtime and Foundation are inside the binary or beside it."""
    version = run("swift", "--version")
    number = re.search(r"Swift version ([\d.]+)", version)[1]
    return {
        "type": "framework", "bom-ref": "swift:runtime", "name": "swift-runtime", "version": number,
        "description": "Standard library, Dispatch and Foundation of the Swift toolchain"
        + (", linked into the binary" if not any("libswiftCore" in line for line in libraries(binary)) else ""),
        "purl": f"pkg:swift/github.com/swiftlang/swift@{number}",
        "licenses": [{"expression": "Apache-2.0 WITH Swift-exception AND Unicode-3.0"}],
        "_text": "Apache License 2.0 with Runtime Library Exception: https://swift.org/LICENSE.txt\n"
        "Foundation holds ICU under the Unicode License v3: https://www.unicode.org/license.txt\n",
    }


def run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def libraries(binary: pathlib.Path) -> list[str]:
    """Paths of the shared libraries that the loader would load."""
    return sorted(set(re.findall(r"(?:=> |^\s*)(/\S+) \(0x", run("ldd", str(binary)), re.MULTILINE)))


def debian_packages(binary: pathlib.Path) -> list[dict]:
    """The Debian packages of the binary's shared libraries."""
    owners: dict[str, list[str]] = {}
    for library in libraries(binary):
        if "/lib/swift/" in library:
            continue  # the toolchain's own; see swift_runtime
        owners.setdefault(owner_of(pathlib.Path(library)), []).append(pathlib.Path(library).name)
    parts = []
    for owner, names in sorted(owners.items()):
        version, source, architecture = run(
            "dpkg-query", "-W", "-f", "${Version}\t${source:Package}\t${Architecture}", owner).split("\t")
        name = owner.partition(":")[0]
        text = pathlib.Path(f"/usr/share/doc/{name}/copyright").read_text(errors="replace")
        parts.append({
            "type": "library", "bom-ref": f"deb:{name}", "name": name, "version": version,
            "purl": f"pkg:deb/debian/{name}@{version}?arch={architecture}",
            "licenses": debian_licences(text, name),
            "properties": [{"name": "source-package", "value": source}, {"name": "files", "value": " ".join(names)}],
            "_text": text,
        })
    return parts


def owner_of(library: pathlib.Path) -> str:
    """The package that a library belongs to, through links and the merge of /lib into /usr/lib."""
    for path in dict.fromkeys([library, library.resolve(), pathlib.Path(str(library).removeprefix("/usr")),
                               pathlib.Path(str(library.resolve()).removeprefix("/usr"))]):
        found = subprocess.run(["dpkg-query", "-S", str(path)], capture_output=True, text=True)
        if found.returncode == 0 and not found.stdout.startswith("diversion"):
            return found.stdout.splitlines()[0].rpartition(": ")[0].split(", ")[0]
    raise Unlicensed(f"{library}: belongs to no Debian package")


def debian_licences(text: str, name: str) -> list[dict]:
    """Short names from a machine-readable copyright file; else the package's own words by reference."""
    names = sorted(set(re.findall(r"^License:[ \t]*(\S[^\n]*)$", text, re.MULTILINE)))
    if not names and "GPL" in text and "exception" in text.lower():
        names = ["GPL with the exceptions in the package's copyright file"]
    if not names:
        names = sorted(set(re.findall(r"common-licenses/([\w.-]+)", text))) or ["see the package's copyright file"]
    return [{"license": {"name": found.strip()}} for found in names]


def model_part() -> dict:
    """The base model, as models/base.json pins it."""
    pins = json.loads((ROOT / "models" / "base.json").read_text())
    return {
        "type": "machine-learning-model", "bom-ref": "model:base", "name": pins["file"]["name"],
        "version": pins["file"]["sha256"][:12],
        "hashes": [{"alg": "SHA-256", "content": pins["file"]["sha256"]}],
        "licenses": [{"license": {"name": "Gemma Terms of Use", "url": pins["terms"]}}],
        "_text": f"Gemma is provided under and subject to the Gemma Terms of Use found at {pins['terms']}\n",
    }


def version_of(source: pathlib.Path) -> str:
    return re.search(r'current = "([^"]+)"', source.read_text())[1]


def document(binary: pathlib.Path, scratch: pathlib.Path, with_model: bool) -> tuple[dict, list[dict]]:
    """The CycloneDX document, and the parts with their licence texts."""
    parts = [*swift_packages(scratch), swift_runtime(binary), *debian_packages(binary)]
    if with_model:
        parts.append(model_part())
    digest = hashlib.sha256(binary.read_bytes()).hexdigest()
    version = version_of(ROOT / "Sources" / "IntentServer" / "IntentdVersion.swift")
    program = {
        "type": "application", "bom-ref": "intentd", "name": "intentd", "version": version,
        "hashes": [{"alg": "SHA-256", "content": digest}], "licenses": [{"license": {"id": "Apache-2.0"}}],
    }
    return {
        "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
        # The same binary gives the same document.
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, digest)}",
        "metadata": {"component": program},
        "components": [{key: value for key, value in part.items() if key != "_text"} for part in parts],
        "dependencies": [{"ref": "intentd", "dependsOn": [part["bom-ref"] for part in parts]}],
    }, parts


def licence_file(parts: list[dict]) -> str:
    """All licence texts, each once."""
    sections: dict[str, list[str]] = {}
    for part in parts:
        sections.setdefault(part["_text"].strip(), []).append(f"{part['name']} {part['version']}")
    rule = "=" * 100
    return "\n".join(f"{rule}\n{chr(10).join(names)}\n{rule}\n\n{text}\n" for text, names in sections.items())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", type=pathlib.Path, required=True, help="the built program")
    parser.add_argument("--scratch", type=pathlib.Path, required=True, help="the package manager's build folder")
    parser.add_argument("--output", type=pathlib.Path, required=True, help="where to write the CycloneDX document")
    parser.add_argument("--licences", type=pathlib.Path, help="where to write all licence texts")
    parser.add_argument("--with-model", action=argparse.BooleanOptionalAction, default=True,
                        help="whether what is described ships the weights")
    options = parser.parse_args()
    try:
        bill, parts = document(options.binary, options.scratch, options.with_model)
    except Unlicensed as error:
        print(f"sbom: {error}", file=sys.stderr)
        return 1
    options.output.write_text(json.dumps(bill, indent=2) + "\n")
    if options.licences:
        options.licences.write_text(licence_file(parts))
    print(f"sbom: {len(parts)} parts of {options.binary} in {options.output}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
