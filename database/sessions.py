"""A measured query as the application runs it: in its role, for one tenant, with typed parameters.

Row-level security is part of what an application feels, so queries are not measured as superuser:
the session takes the application's role and names the tenant. `now()` and its kin are replaced by
the moment at which the generated rows end; else "the last 30 days" would be empty.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

import psycopg
from sqlglot import exp, parse_one

from ..domain.design import Design
from ..domain.expressions import Query, parse_query
from ..domain.grammar import DesignDialect, Generator
from ..domain.identifiers import quote
from ..domain.workload import WorkloadQuery
from .compile import application_role
from .draws import newest_moment
from .sampling import Draw, parameter_types

_NOW = frozenset("now transaction_timestamp statement_timestamp clock_timestamp".split())
_PRIVILEGES = {"select": "SELECT", "insert": "INSERT", "update": "UPDATE", "delete": "DELETE"}


@dataclass(frozen=True)
class Prepared:
    """A query ready to run. `moment` is what stands for now(), "" where the query asks for none."""

    query: WorkloadQuery
    parsed: Query
    sql: str
    types: Mapping[str, str]
    moment: str

    @property
    def writes(self) -> bool:
        """The query changes rows and is rolled back."""
        return self.parsed.kind != "select"

    def pgbench(self, draw: Draw) -> str:
        """The statement with the drawn values in it, for a pgbench script."""

        def literal(match: re.Match[str]) -> str:
            name = match[1]
            return f"{_pgbench_literal(draw.values[name])}::{self.types[name]}"

        names = "|".join(sorted(map(re.escape, self.parsed.parameters), key=len, reverse=True))
        if not names:
            return self.parsed.pgbench
        return re.sub(rf"(?<!:):({names})\b", literal, self.parsed.pgbench)


def prepare(design: Design, query: WorkloadQuery, *, seed: int) -> Prepared:
    """Parse and check a query. Raises ExpressionError or DesignError."""
    relations = {r.name: {c.name: c.type for c in r.columns} for r in design.relations}
    parsed = parse_query(query.sql, relations, what=f"query:{query.name}")
    moment = f"{newest_moment(seed):%Y-%m-%d %H:%M:%S}+00"
    pinned = _pin_now(parsed, moment)
    if pinned is not None:
        parsed = parse_query(pinned, relations, what=f"query:{query.name}")
    types = parameter_types(design, query)

    def typed(match: re.Match[str]) -> str:
        return f"%({match[1]})s::{types.get(match[1], 'text')}"

    sql = re.sub(r"(?<!%)%\((\w+)\)s", typed, parsed.sql)
    return Prepared(query, parsed, sql, types, moment if pinned is not None else "")


def session_role(connection: psycopg.Connection, design: Design, parsed: Query) -> str:
    """The role to measure in: the application's, else one of the design's that may run the query.

    "" where none may: then the superuser runs it, and row-level security is not part of the time.
    """
    names = [application_role(design), *(role.name for role in design.roles)]
    privilege = _PRIVILEGES[parsed.kind]
    for name in names:
        row = connection.execute(
            "SELECT bool_and(has_table_privilege(r.oid, to_regclass(t), %s)) "
            "FROM pg_roles AS r, unnest(%s::text[]) AS t WHERE r.rolname = %s AND NOT r.rolsuper",
            (privilege, [quote(relation) for relation in parsed.relations], name),
        ).fetchone()
        if row and row[0]:
            return name
    return ""


class Session:
    """A connection that runs prepared queries in a role. A context manager."""

    def __init__(
        self, connection: psycopg.Connection, design: Design, *, statement_seconds: float
    ) -> None:
        self.connection = connection
        self.setting = design.tenancy.setting if design.tenancy else ""
        self._role = ""
        self._tenant = ""
        connection.execute("SET timezone = 'UTC'")
        connection.execute(
            "SELECT set_config('statement_timeout', %s, false)",
            (str(max(1, round(statement_seconds * 1000))),),
        )

    def become(self, role: str) -> None:
        """Take a role, "" for the superuser."""
        if role != self._role:
            self.connection.execute("RESET ROLE")
            if role:
                self.connection.execute(f"SET ROLE {quote(role)}".encode())
            self._role = role

    def enter(self, draw: Draw) -> None:
        """Work for the tenant of a draw."""
        if self.setting and draw.tenant != self._tenant:
            self.connection.execute("SELECT set_config(%s, %s, false)", (self.setting, draw.tenant))
            self._tenant = draw.tenant

    def run(self, prepared: Prepared, draw: Draw) -> int:
        """Run a query and fetch all its rows; how many there were."""
        cursor = self.connection.execute(prepared.sql.encode(), draw.values or None, prepare=True)
        return len(cursor.fetchall()) if cursor.description is not None else cursor.rowcount

    def explain(self, prepared: Prepared, draw: Draw, *, analyze: bool = True) -> str:
        """EXPLAIN (VERBOSE, FORMAT JSON), with ANALYZE and BUFFERS unless told otherwise."""
        options = "ANALYZE, BUFFERS, VERBOSE, FORMAT JSON" if analyze else "VERBOSE, FORMAT JSON"
        with psycopg.ClientCursor(self.connection) as cursor:
            cursor.execute(f"EXPLAIN ({options}) {prepared.sql}".encode(), draw.values or None)
            row = cursor.fetchone()
        return json.dumps(row[0]) if row else ""


def _pin_now(parsed: Query, moment: str) -> str | None:
    """The query's text with the time of day replaced, None where it does not ask for it."""
    tree = parsed.tree()
    found = False

    def pin(node: exp.Expr) -> exp.Expr:
        nonlocal found
        kind = ""
        asks = isinstance(node, exp.Anonymous) and node.name.lower() in _NOW
        if asks or isinstance(node, exp.CurrentTimestamp):
            kind = "timestamp with time zone"
        elif isinstance(node, exp.Localtimestamp):
            kind = "timestamp without time zone"
        elif isinstance(node, exp.CurrentDate):
            kind = "date"
        if not kind:
            return node
        found = True
        text = moment if "with time" in kind else moment[:10] if kind == "date" else moment[:-3]
        return parse_one(f"CAST('{text}' AS {kind})", dialect=DesignDialect)

    pinned = tree.transform(pin)
    if not found:
        return None
    return str(Generator(dialect=DesignDialect(), comments=False).generate(pinned))


def _pgbench_literal(text: str) -> str:
    body = text.replace("\\", "\\\\").replace("'", "''").replace(":", "\\x3a")
    body = body.replace("\n", "\\n").replace("\r", "\\r").replace(";", "\\x3b")
    return f"E'{body}'"
