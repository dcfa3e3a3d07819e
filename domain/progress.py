"""Live progress: what a step tells while it works."""

from __future__ import annotations

from typing import Protocol

from .base import Value


class Event(Value):
    """Something that just happened. `facts` are pairs of name and text, without secrets."""

    step: str
    what: str
    facts: tuple[tuple[str, str], ...] = ()

    def fact(self, name: str) -> str:
        """The text of a fact; "" where there is none."""
        return next((text for key, text in self.facts if key == name), "")


class Report(Protocol):
    """Tell what just happened. Called synchronously, in the thread that does the work."""

    def __call__(self, what: str, /, **facts: object) -> None: ...


def silent(what: str, /, **facts: object) -> None:
    """A `Report` that tells nobody."""
