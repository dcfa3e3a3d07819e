"""A read-only look at a user's own database: what it is, what is there, what forbids applying."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.rows import dict_row
from sqlalchemy import URL

from ..domain.apply import TargetFacts
from ..domain.design import Design
from ..domain.naming import exclusion_name, index_name, primary_key_name, unique_name
from ..domain.revision import Revision
from ..errors import TargetError
from .compile import extensions
from .compile_security import all_roles
from .connections import connect, database_url
from .diagnose import failure_of
from .fingerprint import VERSION_TABLE, read_fingerprint

OLDEST_MAJOR = 15

_FACTS = """
SELECT current_database() AS database, current_user AS role,
  current_setting('server_version') AS server_version,
  current_setting('server_version_num')::int / 10000 AS major,
  r.rolsuper AS superuser, r.rolsuper OR r.rolcreaterole AS may_create_roles,
  coalesce(has_schema_privilege(to_regnamespace('public')::oid, 'CREATE'), false)
    AS may_create_tables,
  has_database_privilege(current_database(), 'CREATE') AS may_create_extensions,
  pg_database_size(current_database()) AS size_bytes, pg_is_in_recovery() AS in_recovery,
  ARRAY(SELECT relname::text FROM pg_class WHERE relnamespace = to_regnamespace('public')
        AND relkind IN ('r', 'p') ORDER BY relname) AS tables,
  ARRAY(SELECT relname::text FROM pg_class WHERE relnamespace = to_regnamespace('public'))
    AS relations,
  ARRAY(SELECT typname::text FROM pg_type WHERE typnamespace = to_regnamespace('public')
        AND typrelid = 0 AND typelem = 0) AS types
FROM pg_roles r WHERE r.rolname = current_user
"""
_EXTENSIONS = """
SELECT a.name, e.extversion IS NOT NULL AS installed, n.nspname AS schema_name
FROM pg_available_extensions a LEFT JOIN pg_extension e ON e.extname = a.name
LEFT JOIN pg_namespace n ON n.oid = e.extnamespace
"""
_ROLES = """
SELECT r.rolname AS name, EXISTS (
  SELECT FROM pg_namespace n, aclexplode(n.nspacl) x
  WHERE n.nspname = 'public' AND x.grantee = r.oid) AS holds_rights
FROM pg_roles r WHERE r.rolname = ANY(%s)
"""


def inspect_target(
    url: URL | str,
    *,
    design: Design | None = None,
    history: tuple[Revision, ...] = (),
    own_version: str = "",
) -> TargetFacts:
    """Look at the user's database; nothing is written, the session is read-only.

    With `design` and the `history` of its revisions, what forbids applying is named. `own_version`
    is the version of the server on which the revisions were proved. Raises TargetError if nobody
    answers.
    """
    parsed = database_url(url)
    try:
        with connect(parsed) as connection:
            connection.execute("SET default_transaction_read_only = on")
            return _inspect(connection, parsed, design, history, own_version)
    except psycopg.Error as error:
        failure = failure_of(error, kind="target")
        raise TargetError(
            f"The database at {describe(parsed)} cannot be read: {failure.message}",
            hint="Check that it is running, and the name, role and password in the URL.",
            sqlstate=failure.sqlstate,
        ) from None


def describe(url: URL) -> str:
    """`host:port/database as role`, without the password."""
    query_host = url.query.get("host", "")
    host = url.host or (query_host if isinstance(query_host, str) else ",".join(query_host))
    where = "a Unix socket" if not host or host.startswith("/") else f"{host}:{url.port or 5432}"
    return f"{where}/{url.database or ''} as {url.username or 'the current user'}"


def _inspect(
    connection: psycopg.Connection,
    url: URL,
    design: Design | None,
    history: tuple[Revision, ...],
    own_version: str,
) -> TargetFacts:
    with connection.cursor(row_factory=dict_row) as cursor:
        facts = cursor.execute(_FACTS).fetchall()[0]
        known = {row["name"]: row for row in cursor.execute(_EXTENSIONS).fetchall()}
        names = [role.name for role in all_roles(design)] if design else []
        roles = {row["name"]: row for row in cursor.execute(_ROLES, (names,)).fetchall()}
    revision = _revision(connection, VERSION_TABLE in facts["tables"])
    fingerprint = read_fingerprint(connection, version_table=True)
    fresh = revision is None
    collisions = _collisions(design, facts) if design and fresh else []
    problems = [f"{name} is already there" for name in collisions]
    problems += _problems(facts, revision, history)
    if revision is not None and design and not _begun(design, facts):
        problems.append(
            f"the database stands at revision {revision} and has no relation of the design: "
            f"its {VERSION_TABLE} counts other revisions"
        )
    not_proved, notes = _versions(facts, own_version), []
    for name in extensions(design) if design else ():
        found = known.get(name)
        if found is None:
            problems.append(f"extension {name} is needed and not available on this server")
        elif found["installed"] and found["schema_name"] != "public":
            problems.append(
                f"extension {name} is installed in schema {found['schema_name']}, not in public"
            )
        elif not found["installed"] and not (facts["may_create_extensions"] or facts["superuser"]):
            problems.append(f"role {facts['role']} may not create the extension {name}")
    missing = [name for name in names if name not in roles]
    if missing and not facts["may_create_roles"]:
        problems.append(f"role {facts['role']} may not create the roles {', '.join(missing)}")
    for name, row in roles.items():
        if fresh and row["holds_rights"]:
            problems.append(f"role {name} already holds rights in schema public")
        notes.append(f"role {name} is already there and is used as it is")
    return TargetFacts(
        description=describe(url), database=facts["database"], role=facts["role"],
        server_version=facts["server_version"].split(" ")[0], major=facts["major"],
        superuser=facts["superuser"], may_create_tables=facts["may_create_tables"],
        may_create_roles=facts["may_create_roles"],
        may_create_extensions=facts["may_create_extensions"],
        tables=tuple(name for name in facts["tables"] if name != VERSION_TABLE),
        size_bytes=facts["size_bytes"], revision=revision, fingerprint=fingerprint.sha256,
        extensions=tuple(sorted(n for n, row in known.items() if row["installed"])),
        collisions=tuple(collisions), problems=tuple(problems), not_proved=tuple(not_proved),
        notes=tuple(notes),
    )  # fmt: skip


def _revision(connection: psycopg.Connection, there: bool) -> str | None:
    if not there:
        return None
    rows = connection.execute(f"SELECT version_num FROM public.{VERSION_TABLE}").fetchall()
    return ", ".join(str(row[0]) for row in rows) or None


def _problems(
    facts: dict[str, Any], revision: str | None, history: tuple[Revision, ...]
) -> list[str]:
    problems = []
    if facts["major"] < OLDEST_MAJOR:
        problems.append(f"PostgreSQL {facts['server_version']} is older than {OLDEST_MAJOR}")
    if facts["in_recovery"]:
        problems.append("the server is a standby; apply to its primary")
    if not facts["may_create_tables"]:
        problems.append(f"role {facts['role']} may not create tables in schema public")
    if revision is not None and history and revision not in [r.id for r in history]:
        problems.append(
            f"the database stands at revision {revision}, which is not one of these revisions"
        )
    return problems


def _begun(design: Design, facts: dict[str, Any]) -> bool:
    return any(relation.name in facts["tables"] for relation in design.relations)


def _collisions(design: Design, facts: dict[str, Any]) -> list[str]:
    there = set(facts["relations"])
    wanted = {relation.name: f"relation {relation.name}" for relation in design.relations}
    for relation in design.relations:
        own = [primary_key_name(relation)]
        own += [unique_name(relation, unique) for unique in relation.uniques]
        own += [exclusion_name(relation, exclusion) for exclusion in relation.exclusions]
        own += [index_name(relation, index) for index in relation.indexes]
        wanted |= {name: f"index {name}" for name in own}
        # Each relation brings a row type of its name.
        if relation.name in facts["types"]:
            wanted[relation.name] = f"type {relation.name}"
            there.add(relation.name)
    return sorted(text for name, text in wanted.items() if name in there)


def _versions(facts: dict[str, Any], own_version: str) -> list[str]:
    version = facts["server_version"].split(" ")[0]
    if not own_version or version.split(".")[0] == own_version.split(".")[0]:
        return []
    return [f"The target is PostgreSQL {version}; the proof ran on {own_version}."]
