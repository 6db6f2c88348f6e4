"""The real app on a free loopback port, with a home of its own, and what its process takes of memory."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Server:
    """A server that runs.

    Attributes:
        url: its address, without a slash at the end.
        pid: of its process; the training process is another.
    """

    url: str
    pid: int

    def resident(self) -> float:
        """Return the resident memory of the process in MB, as ``ps`` tells it."""
        told = subprocess.run(["ps", "-o", "rss=", "-p", str(self.pid)], capture_output=True, check=True)
        return int(told.stdout) * 1024 / 1e6


@contextmanager
def served(home: str, data: str | None = None, log: Path | None = None) -> Iterator[Server]:
    """Serve the app from a free port until the block ends.

    Args:
        home: its ``FEATHERWEIGHT_HOME``.
        data: its ``FEATHERWEIGHT_DATA``; by default that of this process.
        log: where its standard error goes; nowhere by default.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.address=127.0.0.1"]
    with open(log or os.devnull, "wb") as errors:
        process = subprocess.Popen(
            [*command, f"--server.port={port}"],
            cwd=ROOT,
            env=os.environ | {"FEATHERWEIGHT_HOME": home} | ({"FEATHERWEIGHT_DATA": data} if data else {}),
            stdout=subprocess.DEVNULL,
            stderr=errors,
        )
    server = Server(f"http://127.0.0.1:{port}", process.pid)
    try:
        while True:
            try:
                urllib.request.urlopen(f"{server.url}/_stcore/health", timeout=5).close()
                break
            except OSError:
                if process.poll() is not None:
                    sys.exit("The server did not start.")
                time.sleep(0.02)
        yield server
    finally:
        process.terminate()
        process.wait(30)
