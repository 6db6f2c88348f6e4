"""The environment of our own processes: what starts them, and what Keras may learn of the machine."""

from __future__ import annotations

import os

from core import ROOT


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
