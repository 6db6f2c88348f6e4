"""The environment of our own processes: what starts them, what they may use, what Keras may learn of the machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from core import ROOT

PROC, GROUPS = Path("/proc"), Path("/sys/fs/cgroup")


def cores(proc: Path = PROC, groups: Path = GROUPS) -> int:
    """Return how many cores this process may keep busy: those it is let run on, and whole ones of a container's share.

    Args:
        proc: where Linux tells of processes.
        groups: where control groups are, of version 1 or 2.
    """
    least = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for folder, unified in control_groups("cpu", proc, groups):
        if unified:
            quota, _, period = contents(folder / "cpu.max").strip().partition(" ")
        else:
            quota, period = (contents(folder / f"cpu.cfs_{x}_us").strip() for x in ("quota", "period"))
        if quota.isdigit() and period.isdigit() and int(period):
            least = min(least, int(quota) // int(period))
    return max(least, 1)


def control_groups(controller: str, proc: Path = PROC, groups: Path = GROUPS) -> Iterator[tuple[Path, bool]]:
    """Yield the folder of each control group that this process is in, outer ones too, and whether it is of version 2.

    Args:
        controller: ``cpu`` or ``memory``: what the groups divide.
        proc: where Linux tells of processes.
        groups: where control groups are.
    """
    for line in contents(proc / "self" / "cgroup").splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        unified = number == "0" and not controllers
        if not unified and controller not in controllers.split(","):
            continue
        root = groups if unified else groups / controller
        inner = root / path.strip("/")
        # in a container the path may be the host's, which cannot be seen here; its group is the root then
        yield from ((x, unified) for x in (inner, *inner.parents) if x == root or root in x.parents)


def contents(path: Path) -> str:
    """Return a file's text, or none where there is no such file."""
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""


def environment() -> dict[str, str]:
    """Return this process's environment with the project's folder in ``PYTHONPATH``, before what is there.

    Where ``PYTHONSAFEPATH`` is set, ``python -m core…`` would not look into the folder it is started in.
    """
    there = [x for x in os.environ.get("PYTHONPATH", "").split(os.pathsep) if x and x != str(ROOT)]
    return os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *there])}


def isolate_keras() -> None:
    """Let Keras run in this process as it comes, on TensorFlow, whatever it is set to on this machine.

    To be called before Keras or TensorFlow, which imports it, is imported. A ``keras.json`` of the user's may name
    another backend, order of axes, type of number or epsilon, and it is read even where the backend is given; so Keras
    gets a home that cannot be made, where it finds and leaves none.
    """
    for name in [x for x in os.environ if x.startswith("KERAS_")]:
        del os.environ[name]
    os.environ |= {
        "KERAS_BACKEND": "tensorflow",
        "KERAS_HOME": os.path.join(os.devnull, "keras"),
        "TF_USE_LEGACY_KERAS": "0",
    }
