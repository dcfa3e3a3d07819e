"""The time a process waits for PostgreSQL and its programs, seen from outside the library.

The three doors through which A13 waits are wrapped while a `Waiting` is open: the loop in which
psycopg waits for a result, the waits of `subprocess` for a program, and `time.sleep` (the pauses
between two looks whether a server is up). Intervals of several threads are united, so that ten
connections that wait together count once.
"""

from __future__ import annotations

import functools
import subprocess
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

import psycopg

DOORS: tuple[tuple[str, Any, str], ...] = (
    ("postgresql", psycopg.Connection, "wait"),
    ("postgresql", psycopg.Connection, "connect"),
    ("programs", subprocess.Popen, "wait"),
    ("programs", subprocess.Popen, "communicate"),
    ("pauses", time, "sleep"),
)

Interval = tuple[float, float]


def united_seconds(intervals: list[Interval]) -> float:
    """The length of the union of intervals."""
    total, end = 0.0, float("-inf")
    for start, stop in sorted(intervals):
        total += max(0.0, stop - max(start, end))
        end = max(end, stop)
    return total


class Waiting:
    """A stopwatch on the doors. `seconds()` is the union of all, `seconds(kind)` of one kind."""

    def __init__(self) -> None:
        self._intervals: list[tuple[str, Interval]] = []
        self._depth = threading.local()
        self._originals: list[tuple[Any, str, Any]] = []

    def __enter__(self) -> Waiting:
        for kind, owner, name in DOORS:
            raw = vars(owner)[name]
            self._originals.append((owner, name, raw))
            if isinstance(raw, classmethod):
                setattr(owner, name, classmethod(self._timed(kind, raw.__func__)))
            else:
                setattr(owner, name, self._timed(kind, raw))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for owner, name, raw in self._originals:
            setattr(owner, name, raw)
        self._originals.clear()

    def seconds(self, kind: str | None = None) -> float:
        return united_seconds([i for which, i in self._intervals if kind in {None, which}])

    def _timed(self, kind: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            if getattr(self._depth, "inside", False):
                return function(*args, **kwargs)
            self._depth.inside = True
            start = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                self._intervals.append((kind, (start, time.perf_counter())))
                self._depth.inside = False

        return timed
