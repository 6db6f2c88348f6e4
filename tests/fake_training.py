"""A training process without TensorFlow: it speaks the messages of core.training and behaves as the job's seed says."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import numpy as np

from core.recipe import Protocol
from core.runs import weights
from core.runs.messages import (
    EpochEnded,
    Failed,
    Finished,
    Job,
    Message,
    Ready,
    Started,
    Stop,
    decode,
    encode,
)
from core.runs.run import Epoch

ENOUGH, WAIT, CRASH, CRASH_ONCE, FAIL, HANG = range(6)


def say(message: Message) -> None:
    print(encode(message), end="", flush=True)


def main() -> None:
    say(Ready("fake device", os.environ.get("FAKE_NOTE"), ("float32",), {"fake": "1"}))
    for line in sys.stdin:
        job = decode(line)
        if not isinstance(job, Job):
            continue
        epochs, stopped = job.recipe.epochs, False
        say(Started(job.job))
        for number in range(1, epochs + 1):
            if job.seed == WAIT and number > 1:
                stopped = decode(sys.stdin.readline()) == Stop(job.job)
                break
            if job.seed == HANG and number > 1:
                signal.pause()
            held_out = job.recipe.protocol is Protocol.HELD_OUT
            tested = not held_out or number == epochs
            epoch = Epoch(
                epoch=number,
                loss=1.0 / number,
                accuracy=0.5,
                test_loss=1.0 / number if tested else None,
                test_accuracy=1 - 0.5 / number if tested else None,
                seconds=0.25,
                held_out_loss=2.0 / number if held_out else None,
                held_out_accuracy=1 - 0.75 / number if held_out else None,
            )
            say(EpochEnded(job.job, epoch))
            once = Path(os.environ["FEATHERWEIGHT_HOME"]) / "crashed"
            if job.seed == CRASH or (job.seed == CRASH_ONCE and not once.exists()):
                once.touch()
                os.kill(os.getpid(), signal.SIGKILL)
        if job.seed == FAIL:
            say(Failed(job.job, "Training diverged at epoch 3."))
            continue
        packed = weights.pack([np.zeros(int(os.environ.get("FAKE_WEIGHTS", "3")))])
        say(Finished(job.job, stopped, "fake", packed))


if __name__ == "__main__":
    main()
