"""Revisions on disk: an Alembic environment whose revisions are literal SQL up and down.

A revision is all-transactional, or one idempotent step that cannot run in a transaction. The files
work with the plain `alembic` command; A13 reads them as syntax trees and never imports them itself.
"""

from __future__ import annotations

import ast
import hashlib
import os
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ..domain.identifiers import snake_case
from ..domain.revision import Revision
from ..errors import ConfigError, DesignError
from ..templates import render
from .statement import Statement

LOCK_TIMEOUT_MS = 5_000
_ID = re.compile(r"[A-Za-z0-9_]{1,32}")
ENVIRONMENT_FILES = ("alembic.ini", "env.py", "script.py.mako")


def initialise(directory: Path, *, title: str = "the database") -> None:
    """Write the Alembic environment; files that are there stay as they are."""
    (directory / "versions").mkdir(parents=True, exist_ok=True)
    for name in ENVIRONMENT_FILES:
        path = directory / name
        if not path.exists():
            _write(path, render(f"migrations/{name}.j2", title=" ".join(title.split())))


def write_revision(
    directory: Path,
    *,
    message: str,
    statements: Sequence[Statement],
    requirements: Sequence[str] = (),
    evidence: Sequence[str] = (),
    lock_timeout_ms: int = LOCK_TIMEOUT_MS,
) -> Revision:
    """Write the next revision after the newest one.

    The downgrade holds the reverses, last statement first. Raises DesignError for no statements,
    or for a step that cannot run in a transaction beside others: it must be a revision alone.
    """
    if not statements:
        raise DesignError("A revision needs at least one statement.")
    transactional = all(statement.transactional for statement in statements)
    if not transactional and len(statements) > 1:
        raise DesignError(
            "A step that cannot run in a transaction must be a revision of its own.",
            hint="Write one revision for each CREATE INDEX CONCURRENTLY.",
        )
    history = read_history(directory)
    newest = history[-1] if history else None
    number = 1 + max((int(r.id) for r in history if r.id.isdigit()), default=0)
    identity = f"{number:04d}"
    filename = f"{identity}_{snake_case(message)[:40].strip('_') or 'revision'}.py"
    elements = [statement.element for statement in statements]
    roles = dict.fromkeys(e.removeprefix("role:") for e in elements if e.startswith("role:"))
    text = render(
        "migrations/revision.py.j2",
        id=identity, down_revision=newest.id if newest else None, message=_header(message),
        requirements=[_header(name) for name in requirements],
        evidence=[_header(name) for name in evidence],
        transactional=transactional, lock_timeout_ms=int(lock_timeout_ms),
        prepare=[sql for s in statements for sql in s.prepare],
        upgrade=[statement.sql for statement in statements],
        downgrade=[s.reverse for s in reversed(statements) if s.reverse], elements=elements,
        roles=[_header(name) for name in roles], literal=_literal,
    )  # fmt: skip
    path = directory / "versions" / filename
    _forget_bytecode(path)
    _write(path, text)
    return _read(path)


def read_history(directory: Path) -> tuple[Revision, ...]:
    """The revisions from the first to the newest.

    Raises ConfigError where they do not form one line, or a file is not a revision.
    """
    versions = directory / "versions"
    files = sorted(versions.glob("*.py")) if versions.is_dir() else []
    found = [_read(path) for path in files]
    by_parent: dict[str | None, Revision] = {}
    for revision in found:
        if revision.down_revision in by_parent:
            raise ConfigError(
                f"Revisions {by_parent[revision.down_revision].id} and {revision.id} both follow "
                f"{revision.down_revision or 'nothing'}.",
                hint="A13 keeps one line of revisions; remove or rebase one of them.",
            )
        by_parent[revision.down_revision] = revision
    ordered: list[Revision] = []
    while (following := by_parent.get(ordered[-1].id if ordered else None)) is not None:
        ordered.append(following)
    if len(ordered) != len(found):
        lost = ", ".join(r.id for r in found if r not in ordered)
        raise ConfigError(f"Revisions {lost} follow nothing that is here.")
    return tuple(ordered)


def remove_revision(directory: Path, revision_id: str) -> None:
    """Remove the newest revision. Raises ConfigError for any other."""
    history = read_history(directory)
    if not history or history[-1].id != revision_id:
        newest = history[-1].id if history else "none"
        raise ConfigError(f"Only the newest revision ({newest}) can be removed.")
    path = directory / "versions" / history[-1].filename
    path.unlink()
    _forget_bytecode(path)


def _read(path: Path) -> Revision:
    raw = path.read_bytes()
    try:
        tree = ast.parse(raw)
        constants = {
            target.id: ast.literal_eval(node.value)
            for node in tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        documentation = ast.get_docstring(tree) or ""
        identity, parent = constants["revision"], constants["down_revision"]
        if not _ID.fullmatch(identity) or not isinstance(parent, str | None):
            raise ValueError("its id or its parent is not a name")
        return Revision(
            id=identity, down_revision=parent,
            message=documentation.split("\n")[0], filename=path.name,
            upgrade=tuple(constants.get("UPGRADE", ())),
            downgrade=tuple(constants.get("DOWNGRADE", ())),
            transactional=bool(constants.get("TRANSACTIONAL", True)),
            sha256=hashlib.sha256(raw).hexdigest(),
            elements=tuple(constants.get("ELEMENTS", ())),
            prepare=tuple(constants.get("PREPARE", ())),
        )  # fmt: skip
    except (SyntaxError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{path.name} is not a revision that can be read: {error}",
            hint="Keep the names revision, down_revision, UPGRADE and DOWNGRADE as constants.",
        ) from error


def _literal(value: str | None) -> str:
    """A Python literal; SQL of several lines stays readable."""
    if value is None:
        return "None"
    if "\n" not in value:
        plain = value.isprintable() and '"' not in value and "\\" not in value
        return f'"{value}"' if plain else repr(value)
    if (
        "\\" in value
        or '"""' in value
        or value.endswith('"')
        or not value.replace("\n", "").isprintable()
    ):
        return "(\n        " + "\n        ".join(map(repr, value.splitlines(True))) + "\n    )"
    return f'"""{value}"""'


def _header(text: str) -> str:
    """Text that cannot leave a docstring."""
    kept = "".join(c for c in " ".join(text.split()) if c.isprintable())
    return kept.replace("\\", "/").replace('"', "'")[:200]


def _write(path: Path, text: str) -> None:
    """Write a whole file or nothing."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _forget_bytecode(path: Path) -> None:
    # A file written again within a second and of the same size would be taken for the old one.
    for cached in (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"):
        cached.unlink(missing_ok=True)
