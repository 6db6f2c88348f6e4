"""The training process: jobs in from standard input, events out on standard output, a message a line.

Everything else it has to say goes to standard error. Standard input's end ends it at once.
"""

from __future__ import annotations

import os
import platform
import queue
import sys
import threading
import traceback
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import TextIO

from core.processes import isolate_keras

if __name__ == "__main__":
    isolate_keras()
    sys.modules["keras"] = None  # type: ignore[assignment]  # TensorFlow imports it, 80 MB that train nothing
    # The pages stay quick while every core trains, and while TensorFlow is imported here and they are drawn for the
    # first time; hence before the import, by the sign of an NVIDIA driver.
    if hasattr(os, "nice") and not os.path.exists("/dev/nvidiactl"):
        os.nice(10)

from core.training.train import train  # first: it brings TensorFlow  # isort: skip

import numpy as np
import tensorflow as tf

from core.data import npz
from core.data.images import Images
from core.errors import DatasetError, FeatherweightError, TrainingError
from core.networks.families import of_line
from core.runs import weights
from core.runs.messages import EpochEnded, Failed, Finished, Job, Message, Ready, Started, Stop, decode, encode, job_of
from core.runs.run import Epoch
from core.training import resident
from core.training.device import device

Contents = tuple[Path, int, int]  # a file with the time of its last change and its size


class Conversation:
    """Jobs from standard input, events to ``answers``, where nothing else may write."""

    def __init__(self, answers: TextIO) -> None:
        self.answers = answers
        self.jobs: queue.SimpleQueue[tuple[Job, threading.Event]] = queue.SimpleQueue()
        self.stops: dict[str, threading.Event] = {}  # by the name of the last job of it: set to stop it
        self.writing = threading.Lock()
        self.read: tuple[Contents, Images] | None = None  # the last file of images

    def say(self, message: Message) -> None:
        """Write a message as a line."""
        with self.writing:
            self.answers.write(encode(message))
            self.answers.flush()

    def listen(self, lines: TextIO) -> None:
        """Take jobs and stops until the input ends; then end the process at once, whatever is being trained."""
        for line in lines:
            try:
                self._take(decode(line))
            except FeatherweightError as e:
                self.say(Failed(job_of(line), str(e)))
        with self.writing:  # not in the middle of a line
            os._exit(0)

    def _take(self, message: Message) -> None:
        match message:
            case Job():
                self.stops[message.job] = threading.Event()
                self.jobs.put((message, self.stops[message.job]))
            case Stop():
                if message.job in self.stops:
                    self.stops[message.job].set()
            case other:
                raise TrainingError(f"A trainer takes jobs and stops. Received: {type(other).__name__}.")

    def work(self) -> None:
        """Train one job after the other; a failure ends the job, not the process."""
        while True:
            job, stop = self.jobs.get()
            try:
                self.train(job, stop)
            except (tf.errors.ResourceExhaustedError, MemoryError):
                self.say(Failed(job.job, "Memory ran out; try a smaller batch size or width.", memory=True))
            except FeatherweightError as e:
                self.say(Failed(job.job, str(e)))
            except Exception as e:
                traceback.print_exc()
                self.say(Failed(job.job, f"Training failed unexpectedly ({type(e).__name__}); see the log."))
            if self.stops.get(job.job) is stop:  # another of that name may have come
                del self.stops[job.job]

    def train(self, job: Job, stop: threading.Event) -> None:
        """Train one job and tell its events."""
        if stop.is_set():
            self.say(Finished(job.job, stopped=True, formulation=None, weights=None))
            return
        self.say(Started(job.job))
        data = self._data(Path(job.data))
        network = of_line(job.layers).build(1, data.x_train.shape[1:], data.classes, dropout=True)
        for event in train(network, job.recipe, data, job.seed, stop.is_set):
            if isinstance(event, Epoch):
                self.say(EpochEnded(job.job, event))
            else:
                packed = weights.pack(event.weights)
                self.say(Finished(job.job, event.stopped, event.formulation, packed))

    def _data(self, path: Path) -> Images:
        """Return the images of a file, read anew if it is another than the last or has changed."""
        try:
            stat = path.stat()
        except OSError as e:
            raise DatasetError(f"The file {path} cannot be read ({e.strerror}).") from None
        contents = (path, stat.st_mtime_ns, stat.st_size)
        if self.read is None or self.read[0] != contents:
            self.read = None  # memory that is enough for one set may not be for two
            resident.forget()
            self.read = contents, _read(path)
        return self.read[1]


def _read(path: Path) -> Images:
    data = npz.read(path)
    # one after the other, so that the first is given back before the second is copied
    data = replace(data, x_train=resident.aligned(data.x_train))
    return replace(data, x_test=resident.aligned(data.x_test))


def main() -> None:
    """Speak on standard input and output until the input ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a library prints goes to the log
    trainer = device()
    if hasattr(os, "nice") and not trainer.gpu and os.nice(0) == 0:  # there is a driver, and no card it can use
        os.nice(10)
    conversation = Conversation(answers)
    versions = {
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "keras": version("keras"),
        "numpy": np.__version__,
    }
    conversation.say(Ready(trainer.name, trainer.note, trainer.precisions, versions))
    lines = os.fdopen(0, encoding="utf-8", errors="replace", closefd=False)
    threading.Thread(target=conversation.listen, args=(lines,), daemon=True).start()
    conversation.work()


if __name__ == "__main__":
    main()
