"""Containers of a built image, run by podman as a manifest's pod runs them."""

from __future__ import annotations

import resource
import shutil
import subprocess

from manifests import Manifest, amount, container, cores, pod_spec


def podman(*arguments: str, check: bool = True, text: str | None = None) -> subprocess.CompletedProcess:
    """A podman command, with `text` as its standard input."""
    program = shutil.which("podman")
    assert program, "podman is not installed"
    runtime = ["--runtime", "runc"] if shutil.which("runc") else []
    done = subprocess.run([program, *runtime, *arguments], capture_output=True, text=True, input=text)
    assert not check or done.returncode == 0, f"podman {' '.join(arguments)}: {done.stderr}"
    return done


def ulimits() -> list[str]:
    """Podman asks for its own limits; a sandbox that may not raise them is given smaller ones."""
    files = min(4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    return ["--ulimit", f"nofile={files}:{files}", "--ulimit", "nproc=4096:4096"]


def run(*arguments: str, network: str = "none", check: bool = False,
        text: str | None = None) -> subprocess.CompletedProcess:
    """A container that is waited for and removed, its root file system read-only; flags, image, arguments."""
    return podman("run", "--rm", "--interactive", "--read-only", "--network", network, *ulimits(), *arguments,
                  check=check, text=text)


def pod_flags(workload: Manifest) -> list[str]:
    """What the pod of a manifest is allowed: its user, privileges, root file system, memory without swap, cores."""
    context, limit = pod_spec(workload)["securityContext"], container(workload)["resources"]["limits"]
    return ["--user", f"{context['runAsUser']}:{context['runAsGroup']}", "--read-only", "--read-only-tmpfs=false",
            "--cap-drop", "ALL", "--security-opt", "no-new-privileges",
            "--memory", str(amount(limit["memory"])), "--memory-swap", str(amount(limit["memory"])),
            "--cpus", str(cores(limit["cpu"])), *ulimits()]
