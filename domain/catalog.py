"""The live catalog as values: what a real server says it holds, in its own words.

`definition` texts come from the server (pg_get_constraintdef and its kin). Documents are written
from these values, never from the design.
"""

from __future__ import annotations

from typing import Literal

from .base import Value


class CatalogColumn(Value):
    """A column as the server has it; `type` by format_type."""

    name: str
    type: str
    nullable: bool
    default: str | None = None
    identity: bool = False
    generated: str | None = None
    comment: str = ""


class CatalogConstraint(Value):
    """A constraint: kind by pg_constraint.contype, definition by pg_get_constraintdef."""

    name: str
    kind: Literal["primary key", "unique", "foreign key", "check", "exclusion"]
    columns: tuple[str, ...]
    definition: str
    references: str | None = None
    referenced_columns: tuple[str, ...] = ()
    validated: bool = True


class CatalogIndex(Value):
    """An index; `constraint` where it backs one."""

    name: str
    definition: str
    method: str
    columns: tuple[str, ...]
    unique: bool
    valid: bool
    size_bytes: int
    constraint: bool = False


class CatalogPolicy(Value):
    """A row-level security policy."""

    name: str
    command: str
    roles: tuple[str, ...]
    using: str | None
    with_check: str | None


class CatalogTrigger(Value):
    """A trigger that is not internal."""

    name: str
    definition: str
    enabled: bool


class CatalogTable(Value):
    """A table of the catalog. `grants` are (role, privilege) pairs."""

    schema_name: str = "public"
    name: str
    columns: tuple[CatalogColumn, ...]
    constraints: tuple[CatalogConstraint, ...] = ()
    indexes: tuple[CatalogIndex, ...] = ()
    policies: tuple[CatalogPolicy, ...] = ()
    triggers: tuple[CatalogTrigger, ...] = ()
    grants: tuple[tuple[str, str], ...] = ()
    row_security: bool = False
    force_row_security: bool = False
    comment: str = ""
    estimated_rows: int = -1
    size_bytes: int = 0


class Catalog(Value):
    """A database as its server describes it."""

    server_version: str
    database: str
    tables: tuple[CatalogTable, ...]
    extensions: tuple[str, ...] = ()
    enums: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def table(self, name: str) -> CatalogTable:
        """The table of that name. Raises KeyError."""
        for table in self.tables:
            if table.name == name:
                return table
        raise KeyError(name)
