"""What a process makes once and every visitor shares.

Not ``st.cache_resource``: any browser may ask Streamlit to clear that for all, and the runner would be lost with
all that is known of visitors.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


class Once(Generic[T]):
    """A function's result, made at the first call; a failure is not kept, so the next call tries again."""

    def __init__(self, make: Callable[[], T]) -> None:
        self.make = make
        self._lock, self._made = Lock(), list[T]()

    def __call__(self) -> T:
        """Return the result; who comes while it is being made waits."""
        with self._lock:
            if not self._made:
                self._made.append(self.make())
            return self._made[0]

    @property
    def made(self) -> T | None:
        """The result, if it has been made."""
        return self._made[0] if self._made else None

    def clear(self) -> None:
        """Forget the result, so that the next call makes it anew."""
        with self._lock:
            self._made.clear()
