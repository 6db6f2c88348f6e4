"""The runner key: compared in constant time, and guessed at slowly."""

from __future__ import annotations

import hmac
import math
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from core.errors import AccessError

FREE = 5  # wrong keys of a session before it has to wait
WAIT, LONGEST = 60.0, 900.0  # seconds; doubled by each wrong key after a wait
# A new session costs an attacker nothing, so all of them together are bounded too. Whoever reaches this bound makes
# everyone wait a minute; it stands high enough that people never do.
CEILING, WINDOW = 60, 60.0


@dataclass(frozen=True, slots=True)
class _Wrong:
    """The wrong keys of one session: how many, and until when none is looked at."""

    count: int
    until: float


class RunnerKey:
    """The key that makes a viewer a runner, with what all sessions have tried.

    Args:
        key: the right one.
        clock: seconds, for tests.
    """

    def __init__(self, key: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._digest = _digest(key)
        self._clock = clock
        self._lock = threading.Lock()
        self._wrong: dict[str, _Wrong] = {}
        self._recent: deque[float] = deque(maxlen=CEILING)

    def prove(self, session: str, given: str) -> None:
        """Return if ``given`` is the key. While a session has to wait, the right key is refused as well.

        Raises:
            AccessError: if it is not, or if there were too many wrong ones.
        """
        given = given.strip()
        if not given:
            raise AccessError("Type the runner key first.")
        with self._lock:
            now = self._clock()
            before = self._wrong.get(session, _Wrong(0, now))
            until = before.until
            if len(self._recent) == CEILING:
                until = max(until, self._recent[0] + WINDOW)
            if until > now:
                raise AccessError(f"Too many wrong keys. Wait {math.ceil(until - now)} s, then try again.")
            if hmac.compare_digest(_digest(given), self._digest):
                self._wrong.pop(session, None)
                return
            count = before.count + 1
            wait = min(WAIT * 2 ** (count - FREE), LONGEST) if count >= FREE else 0.0
            self._recent.append(now)
            self._wrong = {x: y for x, y in self._wrong.items() if now - y.until < LONGEST}
            self._wrong[session] = _Wrong(count, now + wait)
        if wait:
            raise AccessError(f"That is not the runner key. Wait {math.ceil(wait)} s before the next attempt.")
        left = FREE - count
        raise AccessError(
            f"That is not the runner key. {left} more attempt{'s' if left > 1 else ''} before you have to wait."
        )


def _digest(text: str) -> bytes:
    """Return bytes of one length for keys of any: the comparison does not tell how long the right one is."""
    return sha256(text.encode("utf-8", "surrogatepass")).digest()
