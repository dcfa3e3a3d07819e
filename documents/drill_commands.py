"""The commands that a drill ran, as a runbook can show them."""

from __future__ import annotations

import os.path
import posixpath
import re
import shlex
from collections.abc import Iterable

from ..domain.measurement import DrillStep
from .markdown import Md, block, clean
from .markdown import seconds as duration


class Commands:
    """The commands of a drill as they can be shown: programs without their folder, and the
    drill's own working folder as `$DRILL`."""

    def __init__(self, steps: tuple[DrillStep, ...]) -> None:
        self._runs = [(step, words) for step in steps for words in commands_of(step)]
        paths = {path for _, words in self._runs for word in words for path in _absolute(word)}
        common = os.path.commonpath(sorted(paths)) if paths else ""
        # With one path alone, its folder is what stays the same from drill to drill.
        self._base = posixpath.dirname(common) if len(paths) == 1 else common
        if self._base == "/":
            self._base = ""

    def line(self, step: DrillStep) -> str:
        """The step's commands on one line, quoted for a shell; "" for a step without one."""
        return " && ".join(self._text(words) for owner, words in self._runs if owner is step)

    def _text(self, words: tuple[str, ...]) -> str:
        text = shlex.join(words)
        return text.replace(self._base, "$DRILL") if self._base else text

    def ran(self, *programs: str) -> Md:
        """The commands of these programs as the drill ran them, with result and time."""
        lines = []
        for step, words in self._runs:
            if words[0] in programs:
                result = "" if step.exit_code is None else f"exit code {step.exit_code}, "
                took = f"the step took {duration(step.seconds)}"
                lines.append(f"# {clean(step.name)}: {result}{took}\n{self._text(words)}")
        if not lines:
            return Md("Not run in this drill.")
        return Md("As it ran in the drill:\n\n" + block("\n\n".join(lines), "sh"))

    def note(self) -> Md:
        """What `$DRILL` stands for, where it is used."""
        if not self._base:
            return Md("")
        return Md("`$DRILL` stands for the private working folder of the drill.")


def commands_of(step: DrillStep) -> list[tuple[str, ...]]:
    """The commands of a step, which are joined by `&&`, with the bare names of the programs."""
    found: list[list[str]] = [[]]
    for word in step.command:
        if word == "&&":
            found.append([])
        else:
            found[-1].append(word)
    return [(posixpath.basename(words[0]), *words[1:]) for words in found if words]


def _absolute(word: str) -> Iterable[str]:
    """The absolute paths in an argument (`/a/b`, `--pgdata=/a/b`, `--x=cp /a/b %p`)."""
    for part in re.split(r"[\s=\"']+", word):
        if part.startswith("/") and len(part) > 1:
            yield part
