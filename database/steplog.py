"""The steps of a drill, timed, with what each ran and found. A step that fails ends the drill."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from ..domain.findings import Failure
from ..domain.measurement import DrillStep
from ..domain.progress import Report
from ..errors import A13Error
from .processes import ProgramRun


class StepFailedError(Exception):
    """A step of a drill failed; the log holds it. Never leaves the room."""

    def __init__(self, failure: Failure) -> None:
        self.failure = failure
        super().__init__(failure.message)


class Step:
    """One step while it runs: fill in what it ran (`ran`) and what it found (`detail`)."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.detail = ""
        self.command: tuple[str, ...] = ()
        self.exit_code: int | None = None

    def ran(self, runs: list[ProgramRun]) -> None:
        """Keep the commands; the exit code is that of the last one."""
        for run in runs:
            self.command = (*self.command, *(("&&",) if self.command else ()), *_shown(run))
            self.exit_code = run.exit_code

    def fail(self, message: str) -> None:
        """End the step, and with it the drill, with a finding."""
        raise StepFailedError(Failure(kind="drill", message=message, statement=self.name))


class StepLog:
    """The steps so far. `report` hears each one when it is over.

    Commands and details name the drill's own directory as DRILL: where it lay says nothing.
    """

    def __init__(self, report: Report, directory: Path) -> None:
        self.steps: list[DrillStep] = []
        self._report = report
        self._directory = str(directory)

    @contextmanager
    def step(self, name: str, **facts: object) -> Iterator[Step]:
        """A step. An error of PostgreSQL or of ours inside is a failed step and StepFailedError."""
        step = Step(name)
        began = time.monotonic()
        try:
            yield step
        except StepFailedError as error:
            short = self._short(error.failure.message)
            error.failure = error.failure.model_copy(update={"message": short})
            self._add(step, began, failure=error.failure)
            raise
        except (psycopg.Error, A13Error) as error:
            failure = Failure(
                kind="drill",
                message=self._short(str(error).strip()[-2000:]),
                sqlstate=getattr(error, "sqlstate", None) or "",
                statement=name,
            )
            self._add(step, began, failure=failure)
            raise StepFailedError(failure) from error
        self._add(step, began, facts=facts)

    def _add(
        self,
        step: Step,
        began: float,
        *,
        failure: Failure | None = None,
        facts: dict[str, object] | None = None,
    ) -> None:
        done = DrillStep(
            name=step.name,
            passed=failure is None,
            seconds=time.monotonic() - began,
            command=tuple(self._short(word) for word in step.command),
            exit_code=step.exit_code,
            detail=self._short(step.detail if failure is None else failure.message),
        )
        self.steps.append(done)
        what = f"{step.name} finished" if failure is None else f"{step.name} failed"
        self._report(what, seconds=round(done.seconds, 3), detail=done.detail, **(facts or {}))

    def _short(self, text: str) -> str:
        return text.replace(self._directory, "DRILL")


def _shown(run: ProgramRun) -> tuple[str, ...]:
    """The command with the program's bare name: where it is installed says nothing."""
    return (Path(run.command[0]).name, *run.command[1:])
