"""A network with its weights as Keras's own ``.keras`` file, written by Keras in a process of its own.

``python -m core.export.keras_file`` reads one job from standard input, JSON with ``layers``, ``input_shape``,
``classes`` and the paths ``weights`` (a ``.npz``) and ``target``. Exit code 0 says that the target is written, 2 that
standard output holds a sentence on why not; everything else goes to standard error.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core import ROOT, processes
from core.errors import FeatherweightError, StoreError
from core.export.keras_versions import make_portable
from core.networks.families import of_line
from core.networks.layers import Add
from core.runs import weights

if TYPE_CHECKING:
    from core.networks.layers import Array, Layer
    from core.networks.network import Network

COMMAND = (sys.executable, "-m", "core.export.keras_file")
TIMEOUT = 180  # seconds; importing TensorFlow takes about 5, on a machine that trains on every core far more
ROOM = 64_000_000  # bytes of files that are kept for those who ask again


class KerasFiles:
    """Writes files, one at a time whoever asks, and keeps those asked for last.

    Any viewer can ask, and each file takes a core and memory for TensorFlow.

    Args:
        command: the program to start.
        timeout: seconds that a file may take, and that others' files are waited for.
        room: bytes of files that are kept.
    """

    def __init__(self, command: tuple[str, ...] = COMMAND, timeout: float = TIMEOUT, room: int = ROOM) -> None:
        self._command, self._timeout, self._room = command, timeout, room
        self._making = threading.Lock()
        self._kept: dict[tuple[object, ...], bytes] = {}  # by what determines a file, the one asked for last at the end

    def write(self, layers: str, network: Network, npz: bytes) -> bytes:
        """Return the bytes of a ``.keras`` file, made by a process that ends with it (about 5 s), or made before.

        Args:
            layers: those of ``network`` as text, as ``Family.identity`` writes them.
            network: what the other process builds again; gives image shape and classes.
            npz: the weights as the store keeps them.

        Raises:
            StoreError: if the weights are not this network's, the process failed or took too long, or others' files
                did.
        """
        weights.read(npz, network)  # a mistake is known before seconds are spent on it
        determined = (layers, network.input_shape, network.output_shape, hashlib.sha256(npz).digest())
        if not self._making.acquire(timeout=self._timeout):
            raise StoreError(f"Others' Keras files took longer than {self._timeout} s. Try again later.")
        try:
            made = self._kept.pop(determined, None) or self._make(layers, network, npz)
            self._kept[determined] = made  # the last asked for is the last to go
            while sum(map(len, self._kept.values())) > self._room:
                del self._kept[next(iter(self._kept))]
            return made
        finally:
            self._making.release()

    def _make(self, layers: str, network: Network, npz: bytes) -> bytes:
        with tempfile.TemporaryDirectory(prefix="featherweight-") as folder:
            source, target = Path(folder) / "weights.npz", Path(folder) / "model.keras"
            source.write_bytes(npz)
            job = {
                "layers": layers,
                "input_shape": network.input_shape,
                "classes": network.output_shape[0],
                "weights": str(source),
                "target": str(target),
            }
            try:
                done = subprocess.run(
                    self._command,
                    cwd=ROOT,
                    env=processes.environment(),
                    input=json.dumps(job),
                    capture_output=True,
                    encoding="utf-8",
                    timeout=self._timeout,
                )
            except subprocess.TimeoutExpired:
                raise StoreError(
                    f"The Keras file took longer than {self._timeout} s. Try again when no training runs."
                ) from None
            except OSError as e:
                raise StoreError(f"The program that writes Keras files cannot be started ({e.strerror}).") from None
            if done.returncode == 2 and done.stdout.strip():
                raise StoreError(done.stdout.strip())
            if done.returncode or not target.is_file():
                last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
                raise StoreError(f"The Keras file could not be written (exit code {done.returncode}: {last[:200]}).")
            return target.read_bytes()


KERAS_FILES = KerasFiles()


def keras_model(network: Network) -> Any:
    """Build Keras's model of a network with fresh weights: a ``Sequential``, or where it must be, a graph.

    Imports Keras, so never in the pages' process.
    """
    import keras

    def made(layer: Layer) -> Any:
        kind, arguments = layer.keras()
        return getattr(keras.layers, kind)(**arguments)

    inputs = keras.Input(shape=network.input_shape)
    if network.sequential:
        return keras.Sequential([inputs, *map(made, network.layers)])
    passed, kept = [inputs], {}
    for step in network.steps():
        if isinstance(step.layer, Add):
            passed.append(made(step.layer)([passed[-1], passed[step.index - step.layer.over]]))
            continue
        if step.own:
            kept[step.index] = made(step.layer)
        passed.append(kept[step.owner](passed[-1]))
    return keras.Model(inputs, passed[-1])


def save(network: Network, arrays: list[Array], target: Path) -> None:
    """Write a network with its weights as a ``.keras`` file for every Keras of ``keras_versions.READ_BY``.

    Imports Keras, so never in the pages' process.
    """
    model = keras_model(network)
    model.set_weights(arrays)
    model.save(target)
    make_portable(target, network)


def main() -> int:
    """Do the job on standard input and return the exit code."""
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a library prints goes to the log
    processes.isolate_keras()
    # a training process may hold the GPU, and a file needs none
    os.environ |= {"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "2"}
    try:
        job: dict[str, Any] = json.loads(sys.stdin.read())
        network = of_line(job["layers"]).build(1, tuple(job["input_shape"]), int(job["classes"]), dropout=True)
        arrays = weights.read(Path(job["weights"]).read_bytes(), network)
        save(network, arrays, Path(job["target"]))
    except FeatherweightError as e:
        print(e, file=answer, flush=True)
        return 2
    except OSError as e:
        print(f"The Keras file could not be written ({e.strerror or e}).", file=answer, flush=True)
        return 2
    except (ValueError, KeyError, TypeError, AttributeError) as e:
        print(f"The job is not as it should be ({type(e).__name__}: {e}).", file=answer, flush=True)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
