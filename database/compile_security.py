"""Roles, grants and row-level security of a design.

Roles belong to the whole cluster, not to one database: they are created if absent and stay when
a revision is downgraded; what they were granted in this database is revoked. Nobody is granted
TRUNCATE, which row-level security does not see. GENERATED ALWAYS AS IDENTITY needs no grant on its
sequence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..domain.design import Design, Relation, Role, Tenancy
from ..domain.identifiers import quote, quote_literal
from ..domain.naming import application_role_name, policy_name
from ..domain.types import canonical_type
from .compile_relation import invalid
from .statement import Statement, block

_DEFAULT_SETTING = "app.tenant_id"
_SETTING = re.compile(r"[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*")
_PRIVILEGES = ("select", "insert", "update", "delete")


def application_role(design: Design) -> str:
    """The role that the application takes: `shop_app` for the design `shop`."""
    return application_role_name(design)


def all_roles(design: Design) -> tuple[Role, ...]:
    """The application's role, unless the design says itself what it may do, and the design's."""
    name = application_role(design)
    everything = tuple(relation.name for relation in design.relations)
    if any(role.name == name for role in design.roles):
        return design.roles
    application = Role(
        name=name,
        comment=f"What the application of {design.title or design.name} connects as",
        select=everything,
        insert=everything,
        update=everything,
        delete=everything,
    )
    return (application, *design.roles)


def roles(design: Design) -> Iterator[Statement]:
    """CREATE ROLE if absent, and the right to look into the schema."""
    seen: set[str] = set()
    for role in all_roles(design):
        element = f"role:{role.name}"
        if role.name in seen:
            raise invalid(f"Role {role.name!r} appears twice.", element)
        seen.add(role.name)
        if role.name.startswith("pg_") or role.name in ("public", "none", "postgres"):
            raise invalid(
                f"Role {role.name!r} is a name that PostgreSQL keeps for itself.", element
            )
        try:
            name = quote(role.name)
        except ValueError as error:
            raise invalid(f"Role name {role.name[:40]!r}: {error}.", element) from error
        comment = quote_literal(role.comment.replace("\x00", "") or "A role of A13's design")
        yield Statement(
            sql=block(
                f"  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = "
                f"{quote_literal(role.name)}) THEN",
                f"    CREATE ROLE {name} NOLOGIN;",
                f"    COMMENT ON ROLE {name} IS {comment};",
                "  END IF;",
                # Another database of the cluster may be given the same role at this moment.
                "EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;",
            ),
            reverse="",
            element=element,
        )
        yield Statement(
            sql=f"GRANT USAGE ON SCHEMA public TO {name}",
            reverse=f"REVOKE USAGE ON SCHEMA public FROM {name}",
            element=element,
        )


def grants(design: Design) -> Iterator[Statement]:
    """What each role may do with each relation; one statement for a role and a relation."""
    known = {relation.name for relation in design.relations}
    for role in all_roles(design):
        element = f"role:{role.name}"
        for privilege in _PRIVILEGES:
            for name in getattr(role, privilege):
                if name not in known:
                    raise invalid(f"Role {role.name} names {name!r}, not a relation.", element)
        for relation in design.relations:
            held = [p.upper() for p in _PRIVILEGES if relation.name in getattr(role, p)]
            if held:
                yield Statement(
                    sql=f"GRANT {', '.join(held)} ON TABLE {quote(relation.name)} "
                    f"TO {quote(role.name)}",
                    reverse="",
                    element=element,
                )


def row_security(design: Design, relation: Relation) -> Iterator[Statement]:
    """ENABLE, FORCE and the policy of a relation whose rows belong to tenants."""
    tenancy = design.tenancy or Tenancy(relation="", setting=_DEFAULT_SETTING)
    element = f"policy:{relation.name}"
    if not _SETTING.fullmatch(tenancy.setting):
        raise invalid(
            f"{tenancy.setting[:60]!r} is not the name of a setting of one's own.", element,
            hint="Use two words with a dot between, like app.tenant_id.",
        )  # fmt: skip
    column_name = relation.tenant_column
    if column_name is None and relation.name == tenancy.relation:
        if len(relation.primary_key) != 1:
            raise invalid(f"The tenant relation {relation.name} needs a one-column key.", element)
        column_name = relation.primary_key[0]
    if column_name is None:
        return
    column = relation.find(column_name)
    if column is None:
        raise invalid(f"Relation {relation.name} has no column {column_name!r}.", element)
    # An unset setting reads as '' after its first use in a session, hence nullif; no tenant means
    # no rows. The sub-select is evaluated once for a statement, not once for a row.
    current = (
        f"(SELECT nullif(current_setting({quote_literal(tenancy.setting)}, true), '')"
        f"::{canonical_type(column.type)})"
    )
    rule = f"{quote(column.name)} = {current}"
    table = quote(relation.name)
    policy = quote(policy_name(relation))
    yield Statement(
        sql=f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY", reverse="", element=element
    )
    yield Statement(
        sql=f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY", reverse="", element=element
    )
    yield Statement(
        sql=f"CREATE POLICY {policy} ON {table}\n  USING ({rule})\n  WITH CHECK ({rule})",
        reverse="",
        element=element,
    )
