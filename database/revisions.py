"""Running revisions: upgrade, downgrade, rollback. What PostgreSQL refuses is a value.

Each revision commits alone. After a failure the database is as it was before the failing revision:
a transaction left nothing, and an INVALID index of a step that cannot run in one is dropped.
"""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from psycopg import sql
from sqlalchemy import URL

from ..domain.design import Design
from ..domain.findings import Failure
from ..domain.identifiers import quote
from ..domain.revision import Revision
from .connections import connect, connect_arguments, database_url
from .diagnose import database_error, failure_of
from .fingerprint import Fingerprint, differences, read_fingerprint
from .history import (
    ENVIRONMENT_FILES,
    initialise,
    read_history,
    remove_revision,
    write_revision,
)
from .statement import Statement

__all__ = [
    "ENVIRONMENT_FILES",
    "Revision", "Statement", "current_revision", "downgrade", "initialise", "offline_script",
    "read_history", "remove_revision", "rollback", "upgrade", "write_revision",
]  # fmt: skip

# Alembic keeps the running environment in module globals.
_ALEMBIC = threading.Lock()
_CLEANING_TRIES = 3
_CLEANING_LOCK_TIMEOUT_MS = 1_000


def upgrade(
    url: URL | str, directory: Path, target: str = "head", *, design: Design | None = None
) -> Failure | None:
    """Run the revisions up to `target` ("head", an id); None when all went through."""
    return _run(command.upgrade, url, directory, target, up=True, design=design)


def downgrade(
    url: URL | str, directory: Path, target: str = "base", *, design: Design | None = None
) -> Failure | None:
    """Undo the revisions above `target` ("base", an id); None when all went through."""
    return _run(command.downgrade, url, directory, target, up=False, design=design)


def rollback(
    url: URL | str, directory: Path, *, to: str | None, expected: Fingerprint | None = None
) -> Failure | None:
    """Bring the database back to revision `to` (None: before the first) after a failure.

    With `expected`, the catalog's fingerprint from before, the result is compared and every
    difference is named in the failure's detail.
    """
    if to != current_revision(url):
        failure = downgrade(url, directory, to or "base")
        if failure is not None:
            return failure.model_copy(update={"kind": "rollback"})
    left = _drop_invalid_indexes(url, read_history(directory))
    if left:
        return Failure(
            kind="rollback", message="an INVALID index could not be dropped", detail=", ".join(left)
        )
    if expected is None:
        return None
    with connect(url) as connection:
        found = differences(expected, read_fingerprint(connection))
    if not found:
        return None
    return Failure(
        kind="rollback",
        message=f"the catalog differs from before in {len(found)} places",
        detail="\n".join(found),
    )


def current_revision(url: URL | str) -> str | None:
    """The revision the database stands at; None before the first."""
    with connect(url) as connection:
        table = connection.execute("SELECT to_regclass('public.alembic_version')").fetchone()
        if table is None or table[0] is None:
            return None
        row = connection.execute("SELECT version_num FROM public.alembic_version").fetchone()
        return str(row[0]) if row else None


def offline_script(directory: Path, target: str = "head") -> str:
    """The SQL script of the upgrade, as `alembic upgrade TARGET --sql` prints it."""
    output = io.StringIO()
    with _quiet():
        command.upgrade(_config(directory, output=output), target, sql=True)
    return output.getvalue()


def _run(
    action: Callable[..., None],
    url: URL | str,
    directory: Path,
    target: str,
    *,
    up: bool,
    design: Design | None,
) -> Failure | None:
    history = read_history(directory)
    parsed = database_url(url)
    try:
        with _quiet():
            action(_config(directory, url=parsed), target)
    except Exception as error:  # also a revision file is code that anybody may have edited
        return _diagnosed(error, parsed, history, up=up, design=design)
    return None


def _diagnosed(
    error: Exception,
    url: URL,
    history: tuple[Revision, ...],
    *,
    up: bool,
    design: Design | None,
) -> Failure:
    """The failure with its revision, statement and element, after the cleaning."""
    kind = "migration" if up else "downgrade"
    if isinstance(error, CommandError):
        return failure_of(error, kind="history")
    try:
        revision = _failing(history, current_revision(url), up=up)
        left = _drop_invalid_indexes(url, [revision] if revision else [])
    except psycopg.OperationalError:
        # Nobody answers any more: nothing more can be learned.
        return failure_of(error, kind="connection" if database_error(error) else kind)
    failure = failure_of(error, kind=kind, design=design, revision=revision.id if revision else "")
    update: dict[str, str] = {}
    if revision is not None:
        statement, element = _place(revision, failure.statement, up=up)
        update = {"statement": statement, "element": failure.element or element}
    if left:
        note = f"INVALID index left behind, dropped by the next try: {', '.join(left)}"
        update["detail"] = "\n".join(part for part in (failure.detail, note) if part)
    return failure.model_copy(update=update)


def _failing(history: tuple[Revision, ...], current: str | None, *, up: bool) -> Revision | None:
    """The revision that was at work: the next one above the current, or the current going down."""
    wanted = [r for r in history if (r.down_revision if up else r.id) == current]
    return wanted[0] if wanted else None


def _place(revision: Revision, statement: str, *, up: bool) -> tuple[str, str]:
    """The statement as it stands in the file, and its element."""
    flat = " ".join(statement.split())
    known = revision.upgrade if up else revision.downgrade
    for position, text in enumerate(known):
        if " ".join(text.split()) == flat:
            element = revision.elements[position : position + 1] if up else ()
            return text, element[0] if element else ""
    if up and any(" ".join(text.split()) == flat for text in revision.prepare):
        return statement, revision.elements[0] if revision.elements else ""
    return statement, ""


def _drop_invalid_indexes(url: URL | str, revisions: Sequence[Revision]) -> list[str]:
    """Drop the INVALID indexes that these revisions build; the names of those that stayed."""
    texts = [text for r in revisions if not r.transactional for text in r.upgrade]
    if not texts:
        return []
    left: list[str] = []
    with connect(url) as connection:
        connection.execute(
            sql.SQL("SET lock_timeout = {}").format(sql.Literal(_CLEANING_LOCK_TIMEOUT_MS))
        )
        invalid = connection.execute(
            "SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
            " WHERE NOT i.indisvalid AND c.relnamespace = 'public'::regnamespace"
        ).fetchall()
        for (name,) in invalid:
            if any(f"CONCURRENTLY IF NOT EXISTS {quote(name)} " in text for text in texts) and (
                not _dropped(connection, name)
            ):
                left.append(name)
    return left


def _dropped(connection: psycopg.Connection, name: str) -> bool:
    for _ in range(_CLEANING_TRIES):
        try:
            connection.execute(sql.SQL("DROP INDEX public.{}").format(sql.Identifier(name)))
        except psycopg.errors.LockNotAvailable:
            continue
        return True
    return False


def _config(
    directory: Path, *, url: URL | None = None, output: io.StringIO | None = None
) -> Config:
    # No file name: the ini's logging is for the plain command only.
    config = Config(stdout=io.StringIO(), output_buffer=output)
    config.set_main_option("script_location", str(directory.absolute()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    if url is not None:
        config.attributes["url"] = url
        config.attributes["connect_args"] = connect_arguments(url)
    return config


@contextmanager
def _quiet() -> Iterator[None]:
    """Alembic alone, without bytecode: a revision written twice in a second must be read anew."""
    with _ALEMBIC:
        before = sys.dont_write_bytecode
        sys.dont_write_bytecode = True
        try:
            yield
        finally:
            sys.dont_write_bytecode = before
