"""The rehearsal of a rollback: let a revision fail again, roll back, compare the catalogs."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import psycopg

from ..domain.base import Value
from ..domain.findings import Failure
from ..errors import DesignError
from .diagnose import failure_of
from .fingerprint import Fingerprint, read_fingerprint
from .proof import throwaway
from .revisions import current_revision, read_history, rollback, upgrade
from .server import Server


class Rehearsal(Value):
    """What the rehearsal saw. `failure` is the revision's, None where it did not fail again."""

    restored: bool
    fingerprint_before: str
    fingerprint_after: str
    stood_at: str = ""
    failure: Failure | None = None
    detail: str = ""
    seconds: float = 0.0


def rehearse_rollback(
    server: Server,
    directory: Path,
    *,
    base: str | None,
    load_rows: Callable[[psycopg.Connection], None],
) -> Rehearsal:
    """On a throwaway database at revision `base`, go for the newest, fail, and roll back to `base`.

    Rows are loaded once the first revision is up, as in the proof. `restored` says that the
    catalog's fingerprint after the rollback equals the one before.
    """
    started = time.monotonic()
    first = read_history(directory)[0].id
    with throwaway(server) as name:
        url = server.url(name)
        if base is not None:
            failure = upgrade(url, directory, first)
            if failure is None:
                failure = _load(server, name, load_rows)
            if failure is None and base != first:
                failure = upgrade(url, directory, base)
            if failure is not None:
                return Rehearsal(
                    restored=False,
                    fingerprint_before="",
                    fingerprint_after="",
                    failure=failure,
                    detail=f"revision {base} itself could not be reached: {failure.message}",
                )
        before = _fingerprint(server, name)
        failure = None
        if base is None:
            failure = upgrade(url, directory, first) or _load(server, name, load_rows)
        if failure is None:
            failure = upgrade(url, directory)
        stood_at = current_revision(url) or "nothing"
        undone = rollback(url, directory, to=base, expected=before)
        after = _fingerprint(server, name)
    return Rehearsal(
        restored=undone is None and before.sha256 == after.sha256,
        fingerprint_before=before.sha256,
        fingerprint_after=after.sha256,
        stood_at=stood_at,
        failure=failure,
        detail="" if undone is None else f"{undone.message}\n{undone.detail}".strip(),
        seconds=time.monotonic() - started,
    )


def _fingerprint(server: Server, name: str) -> Fingerprint:
    with server.connect(name) as connection:
        return read_fingerprint(connection)


def _load(
    server: Server, name: str, load_rows: Callable[[psycopg.Connection], None]
) -> Failure | None:
    """Load rows; what the server or the design refuses is a value."""
    with server.connect(name) as connection:
        try:
            with connection.transaction():
                load_rows(connection)
        except (psycopg.Error, DesignError) as error:
            return failure_of(error, kind="load")
    return None
