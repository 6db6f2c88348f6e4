"""SIGHUP: a terminal that is closed, or an ssh that drops, ends the dashboard as SIGTERM does."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType

from streamlit import runtime


def end_on_hangup() -> None:
    """Have SIGHUP do what SIGTERM does, unless it is ignored, as under nohup, or has a handler already.

    Scripts run in threads, which may set no handler; the server's event loop does it, in the main one.
    """
    if runtime.exists() and signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
        runtime.get_instance()._get_async_objs().eventloop.call_soon_threadsafe(_handle)


def _handle() -> None:
    end = signal.getsignal(signal.SIGTERM)
    if threading.current_thread() is not threading.main_thread() or not callable(end):
        return
    terminals = [x for x in (1, 2) if os.isatty(x)]

    def hang_up(number: int, frame: FrameType | None) -> None:
        for stream in terminals:  # gone: the server would fail at its first word to them, and not end
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
        end(number, frame)

    signal.signal(signal.SIGHUP, hang_up)
