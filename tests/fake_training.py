"""A training process without TensorFlow: it speaks the words of core.training and behaves as the job's seed says."""

import json
import os
import signal
import sys
from pathlib import Path

import numpy as np

ENOUGH, WAIT, CRASH, CRASH_ONCE, FAIL, HANG = range(6)


def say(**event: object) -> None:
    print(json.dumps(event), flush=True)


def main() -> None:
    note = os.environ.get("FAKE_NOTE")
    say(event="ready", device="fake device", note=note, precisions=["float32"], versions={"fake": "1"})
    for line in sys.stdin:
        job = json.loads(line)
        if "job" not in job:
            continue
        name, seed, stopped = job["job"], job["seed"], False
        say(event="started", job=name)
        for number in range(1, job["recipe"]["epochs"] + 1):
            if seed == WAIT and number > 1:
                stopped = json.loads(sys.stdin.readline()) == {"stop": name}
                break
            if seed == HANG and number > 1:
                signal.pause()
            held_out = job["recipe"]["protocol"] == "held_out"
            tested = not held_out or number == job["recipe"]["epochs"]
            say(
                event="epoch",
                job=name,
                epoch=number,
                loss=1.0 / number,
                accuracy=0.5,
                test_loss=1.0 / number if tested else None,
                test_accuracy=1 - 0.5 / number if tested else None,
                seconds=0.25,
                held_out_loss=2.0 / number if held_out else None,
                held_out_accuracy=1 - 0.75 / number if held_out else None,
            )
            once = Path(os.environ["FEATHERWEIGHT_HOME"]) / "crashed"
            if seed == CRASH or (seed == CRASH_ONCE and not once.exists()):
                once.touch()
                os.kill(os.getpid(), signal.SIGKILL)
        if seed == FAIL:
            say(event="failed", job=name, message="Training diverged at epoch 3.")
            continue
        np.savez(job["weights"], allow_pickle=False, **{"0": np.zeros(3)})
        say(event="finished", job=name, stopped=stopped, seconds=1.0, formulation="fake", weights=job["weights"])


if __name__ == "__main__":
    main()
