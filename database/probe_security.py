"""Probes of security: what a role may do, and what a tenant sees of the others."""

from __future__ import annotations

from collections.abc import Iterator

from ..domain.design import Design, Relation, Role
from ..domain.identifiers import quote, quote_literal
from ..domain.measurement import Probe
from ..domain.types import canonical_type
from .compile_security import all_roles, application_role
from .probe_rows import Fresh, RowMaker, insert
from .probe_session import Attempt, Session, inconclusive

_DENIED = "42501"
_PRIVILEGES = ("select", "insert", "update", "delete")
_OWN, _FOREIGN = "own", "foreign"


def probe_policy(session: Session, rows: RowMaker, relation: Relation) -> Iterator[Probe]:
    """A tenant sees and changes its own rows, and nobody else's."""
    design = rows.design
    column = tenant_column(design, relation)
    if column is None:
        return
    element = f"policy:{relation.name}"
    role = next(r for r in all_roles(design) if r.name == application_role(design))
    tenants = _tenants(session, design, relation, column)
    if tenants is None:
        yield inconclusive(element, "own rows only", f"{relation.name} has rows of one tenant only")
        return
    policy = _Policy(session, rows, relation, column, role, tenants)
    yield from policy.reading()
    yield from policy.writing()


def tenant_column(design: Design, relation: Relation) -> str | None:
    """The column that row-level security compares: the tenant's key, also in its own relation."""
    if relation.tenant_column is not None:
        return relation.tenant_column
    if design.tenancy is not None and relation.name == design.tenancy.relation:
        return relation.primary_key[0]
    return None


def _tenants(
    session: Session, design: Design, relation: Relation, column: str
) -> tuple[str, str] | None:
    """Two tenants that have rows; the second may have none where only one has."""
    name = quote(column)
    found = session.fetch(
        f"SELECT {name}::text FROM {quote(relation.name)} WHERE {name} IS NOT NULL"
        f" GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 2"
    )
    if len(found) < 2:
        return None
    return str(found[0][0]), str(found[1][0])


class _Policy:
    """The probes of one relation's policy, as the application's role with one tenant's setting."""

    def __init__(
        self,
        session: Session,
        rows: RowMaker,
        relation: Relation,
        column: str,
        role: Role,
        tenants: tuple[str, str],
    ) -> None:
        self.session = session
        self.rows = rows
        self.relation = relation
        self.column = relation.column(column)
        self.role = role
        self.own, self.foreign = tenants
        self.table = quote(relation.name)
        self.name = quote(column)
        tenancy = rows.design.tenancy
        self.setting = tenancy.setting if tenancy else "app.tenant_id"

    def _as(self, tenant: str) -> tuple[str, ...]:
        """Become the application's role, for a tenant ("" for none)."""
        return (
            f"SELECT set_config({quote_literal(self.setting)}, {quote_literal(tenant)}, true)",
            f"SET LOCAL ROLE {quote(self.role.name)}",
        )

    def _may(self, privilege: str) -> bool:
        return self.relation.name in getattr(self.role, privilege)

    def _of(self, tenant: str) -> str:
        return f"{self.name} = {quote_literal(tenant)}::{canonical_type(self.column.type)}"

    def _probe(self, statement: str, expected: str, observed: str, passed: bool) -> Probe:
        return Probe(
            element=f"policy:{self.relation.name}",
            statement=statement,
            expected=expected,
            observed=observed,
            passed=passed,
        )

    def _counts(self, statement: str, tenant: str, wanted: int, who: str) -> Probe:
        """A SELECT count(*) that must see exactly so many rows."""
        attempt = self.session.attempt((*self._as(tenant), statement))
        observed = f"{attempt.value} rows" if attempt.passed else attempt.said
        passed = attempt.passed and attempt.value == str(wanted)
        return self._probe(statement, f"{who}: {wanted} rows", observed, passed)

    def _touches_none(self, statement: str, who: str) -> Probe:
        """An UPDATE or DELETE that must find no row."""
        attempt = self.session.attempt((*self._as(self.own), statement))
        observed = f"{attempt.rows} rows" if attempt.passed else attempt.said
        return self._probe(
            statement, f"{who}: 0 rows", observed, attempt.passed and not attempt.rows
        )

    def _violates(self, statement: str, setup: tuple[str, ...] = ()) -> Probe:
        """A statement that the policy must refuse."""
        attempt = self.session.attempt((*setup, *self._as(self.own), statement))
        passed = attempt.sqlstate == _DENIED and "row-level security" in attempt.message
        return self._probe(
            statement, f"refused: {_DENIED} by row-level security", attempt.said, passed
        )

    def reading(self) -> Iterator[Probe]:
        """Own rows, all of them; no row of another tenant; nothing without a tenant."""
        if not self._may("select"):
            return
        ((own,),) = self.session.fetch(
            f"SELECT count(*) FROM {self.table} WHERE {self._of(self.own)}"
        )
        count = f"SELECT count(*) FROM {self.table}"
        yield self._counts(count, self.own, own, "the tenant sees its own")
        yield self._counts(
            f"{count} WHERE {self._of(self.foreign)}", self.own, 0, "the tenant sees of another"
        )
        yield self._counts(count, "", 0, "without a tenant")

    def writing(self) -> Iterator[Probe]:
        """A row of one's own passes; rows of another tenant are out of reach in every way."""
        if self._may("insert"):
            yield from self._inserts()
        plain = next(
            (c for c in self.relation.columns if c.generated is None and not c.identity), None
        )
        if self._may("update") and self._may("select"):
            if plain is not None:
                column = quote(plain.name)
                yield self._touches_none(
                    f"UPDATE {self.table} SET {column} = {column} WHERE {self._of(self.foreign)}",
                    "rows of another tenant updated",
                )
            if not self.column.identity:
                yield self._violates(
                    f"UPDATE {self.table} SET {self.name} = {quote_literal(self.foreign)}"
                    f" WHERE {self._of(self.own)}"
                )
        if self._may("delete") and self._may("select"):
            yield self._touches_none(
                f"DELETE FROM {self.table} WHERE {self._of(self.foreign)}",
                "rows of another tenant deleted",
            )
        truncate = f"TRUNCATE {self.table}"
        attempt = self.session.attempt((*self._as(self.own), truncate))
        yield self._probe(
            truncate,
            f"refused: {_DENIED} permission denied",
            attempt.said,
            attempt.sqlstate == _DENIED,
        )

    def _inserts(self) -> Iterator[Probe]:
        base = self.rows.existing(self.relation, self._of(self.own), limit=1)[0]
        # A new row of the same tenant; of the tenants' own relation, a new tenant.
        keep = (self.column.name,) if self.relation.tenant_column else ()
        fresh = self.rows.fresh(self.relation, base=base, keep=keep)
        if isinstance(fresh, str):
            yield inconclusive(f"policy:{self.relation.name}", "own row accepted", fresh)
            return
        if self.relation.tenant_column:
            attempt = self.session.attempt((*fresh.setup, *self._as(self.own), fresh.insert))
            yield self._probe(fresh.insert, "accepted", attempt.said, attempt.passed)
        yield self._violates(*self._foreign_insert(fresh))

    def _foreign_insert(self, fresh: Fresh) -> tuple[str, tuple[str, ...]]:
        """The same row for another tenant; of the tenants' own relation, a new tenant."""
        row = dict(fresh.row)
        if self.relation.tenant_column:
            row[self.column.name] = self.foreign
        return insert(self.relation, row), fresh.setup


def probe_grants(session: Session, design: Design) -> Iterator[Probe]:
    """Each role can do what it was granted on each relation, and nothing else.

    The statements touch no row: PostgreSQL checks the privilege before it looks for rows.
    """
    for role in all_roles(design):
        become = f"SET LOCAL ROLE {quote(role.name)}"
        for relation in design.relations:
            for privilege in _PRIVILEGES:
                granted = relation.name in getattr(role, privilege)
                statement = _touching_nothing(relation, privilege)
                attempt = session.attempt((become, statement))
                yield Probe(
                    element=f"role:{role.name}",
                    statement=statement,
                    expected="accepted" if granted else f"refused: {_DENIED} permission denied",
                    observed=attempt.said,
                    passed=attempt.passed if granted else _denied(attempt),
                )


def _denied(attempt: Attempt) -> bool:
    return attempt.sqlstate == _DENIED and "permission denied" in attempt.message


def _touching_nothing(relation: Relation, privilege: str) -> str:
    table = quote(relation.name)
    column = next((c for c in relation.columns if c.generated is None), relation.columns[0])
    name = quote(column.name)
    if privilege == "select":
        return f"SELECT FROM {table} WHERE false"
    if privilege == "insert":
        override = " OVERRIDING SYSTEM VALUE" if column.identity else ""
        empty = f"SELECT NULL::{canonical_type(column.type)} WHERE false"
        return f"INSERT INTO {table} ({name}){override} {empty}"
    if privilege == "update":
        return f"UPDATE {table} SET {name} = DEFAULT WHERE false"
    return f"DELETE FROM {table} WHERE false"
