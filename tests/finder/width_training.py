"""A training process whose networks read as well as they are wide: what each reads is told by the environment.

``READS`` is JSON: ``reads`` has the accuracies after each epoch by width, of which the last is repeated; ``waits``,
``fails`` and ``dies`` list ``[width, seed]`` that wait for a stop after their first epoch, fail, or kill their process.
``slow`` is seconds that an epoch takes. The width is that of the first dense layer.
"""

from __future__ import annotations

import json
import os
import queue
import re
import signal
import sys
import threading
import time

import numpy as np

from core.recipe import Protocol
from core.runs import weights
from core.runs.messages import EpochEnded, Failed, Finished, Job, Ready, Started, Stop, decode
from core.runs.run import Epoch
from tests.fake_training import say

TOLD = json.loads(os.environ.get("READS", "{}"))
jobs: queue.Queue[Job | None] = queue.Queue()
stops: set[str] = set()


def listen() -> None:
    for line in sys.stdin:
        message = decode(line)
        if isinstance(message, Job):
            jobs.put(message)
        elif isinstance(message, Stop):
            stops.add(message.job)
    jobs.put(None)


def epoch(job: Job, number: int, read: float) -> Epoch:
    held_out = job.recipe.protocol is Protocol.HELD_OUT
    tested = read if not held_out or number == job.recipe.epochs else None
    loss = None if tested is None else 1.0
    held = (1.0, read) if held_out else (None, None)
    return Epoch(number, 1.0, read, loss, tested, 0.01, *held)


def train(job: Job) -> None:
    (width,) = re.findall(r"dense\((\d+)", job.layers)[:1]
    accuracies, mine = TOLD["reads"][width], [int(width), job.seed]
    say(Started(job.job))
    for number in range(1, job.recipe.epochs + 1):
        read = accuracies[min(number, len(accuracies)) - 1]
        say(EpochEnded(job.job, epoch(job, number, read)))
        if mine in TOLD.get("dies", ()):
            os.kill(os.getpid(), signal.SIGKILL)
        if mine in TOLD.get("fails", ()):
            return say(Failed(job.job, "Training diverged at epoch 1."))
        until = time.monotonic() + (30 if mine in TOLD.get("waits", ()) else TOLD.get("slow", 0))
        while time.monotonic() < until and job.job not in stops:
            time.sleep(0.005)
        if number < job.recipe.epochs and job.job in stops:
            return say(Finished(job.job, True, "fake", None))
    say(Finished(job.job, False, "fake", weights.pack([np.zeros(3)])))


def main() -> None:
    threading.Thread(target=listen, daemon=True).start()
    say(Ready("fake device", None, ("float32",), {"fake": "1"}))
    while job := jobs.get():
        train(job)


if __name__ == "__main__":
    main()
