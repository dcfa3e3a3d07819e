"""The design: a database as data, before any SQL exists.

A planner writes a `Design`; deterministic code compiles it. Text that holds an expression or a
query (`Column.default`, `Column.generated`, `Check.expression`, `Index.where`, `WorkloadQuery.sql`)
is only ever used after `domain.expressions` has parsed, checked and rendered it again.

The schema of these values is also what a model is asked for, so it stays inside what strict JSON
schema allows: no open dictionaries, no tagged unions, no fixed-length tuples.
"""

from __future__ import annotations

from typing import Literal

from .base import Value
from .requirements import Assumption, Citation, Decision, Question, Requirement
from .workload import WorkloadQuery

Classification = Literal["public", "internal", "personal", "sensitive", "secret"]
OnDelete = Literal["NO ACTION", "RESTRICT", "CASCADE", "SET NULL"]
IndexMethod = Literal["btree", "hash", "gin", "gist", "brin"]
RetentionAction = Literal["keep", "drop", "anonymise", "archive"]


class Column(Value):
    """An attribute of a relation.

    `type` is a PostgreSQL type as `domain.types.canonical_type` writes it. `values` is the closed
    set of allowed values (compiled to a CHECK). `generated` is the expression of a stored
    generated column. `identity` means GENERATED ALWAYS AS IDENTITY.
    """

    name: str
    type: str
    nullable: bool = False
    default: str | None = None
    identity: bool = False
    generated: str | None = None
    values: tuple[str, ...] = ()
    classification: Classification = "internal"
    unit: str | None = None
    comment: str = ""
    sources: tuple[Citation, ...] = ()


class Unique(Value):
    """A candidate key beside the primary key. With `where` it is a partial unique index."""

    columns: tuple[str, ...]
    where: str | None = None
    nulls_not_distinct: bool = False
    name: str | None = None
    sources: tuple[Citation, ...] = ()


class ForeignKey(Value):
    """A reference to another relation's key. Empty `referenced_columns` means its primary key.

    A deferrable key is INITIALLY DEFERRED; cyclic references need one.
    """

    columns: tuple[str, ...]
    references: str
    referenced_columns: tuple[str, ...] = ()
    on_delete: OnDelete = "NO ACTION"
    deferrable: bool = False
    name: str | None = None
    sources: tuple[Citation, ...] = ()


class Check(Value):
    """A rule over the columns of one row."""

    expression: str
    name: str | None = None
    text: str = ""
    sources: tuple[Citation, ...] = ()


class Exclusion(Value):
    """No two rows with equal `equal_columns` may have overlapping ranges.

    The range is `[start_column, end_column)`; compiled to EXCLUDE USING gist (needs btree_gist).
    """

    equal_columns: tuple[str, ...]
    start_column: str
    end_column: str
    where: str | None = None
    name: str | None = None
    sources: tuple[Citation, ...] = ()


class IndexKey(Value):
    """One key of an index: a column or an expression over the relation's columns."""

    column: str | None = None
    expression: str | None = None
    descending: bool = False
    operator_class: str | None = None


class Index(Value):
    """A secondary index. `serves` names the workload queries it exists for.

    `origin` says who asked: the design, the rule that every foreign key has an index, or the
    measured tuning (those become a revision of their own, built CONCURRENTLY).
    """

    keys: tuple[IndexKey, ...]
    method: IndexMethod = "btree"
    include: tuple[str, ...] = ()
    where: str | None = None
    name: str | None = None
    serves: tuple[str, ...] = ()
    origin: Literal["design", "foreign_key", "tuning"] = "design"
    reason: str = ""


class FunctionalDependency(Value):
    """`determinant` determines `dependent` within the relation."""

    determinant: tuple[str, ...]
    dependent: tuple[str, ...]
    sources: tuple[Citation, ...] = ()


class Volume(Value):
    """How many rows a relation holds at the point in time the SLAs speak of."""

    rows: int
    assumed: bool = True
    text: str = ""
    source: Citation | None = None


class Retention(Value):
    """How long rows are kept and what happens then.

    `period` is an ISO 8601 duration (P7Y, P90D); empty with action keep means for ever.
    `clock_column` starts the period. `hold` is a predicate: rows on legal hold stay.
    """

    period: str
    action: RetentionAction
    clock_column: str | None = None
    basis: str = ""
    hold: str | None = None
    assumed: bool = True
    source: Citation | None = None


class Relation(Value):
    """A table. `tenant_column` marks rows that belong to one tenant (row-level security)."""

    name: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...]
    uniques: tuple[Unique, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    checks: tuple[Check, ...] = ()
    exclusions: tuple[Exclusion, ...] = ()
    indexes: tuple[Index, ...] = ()
    dependencies: tuple[FunctionalDependency, ...] = ()
    tenant_column: str | None = None
    volume: Volume | None = None
    retention: Retention | None = None
    title: str = ""
    comment: str = ""
    sources: tuple[Citation, ...] = ()

    def column(self, name: str) -> Column:
        """The column of that name. Raises KeyError."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names in order."""
        return tuple(column.name for column in self.columns)

    def find(self, name: str) -> Column | None:
        """The column of that name, or None."""
        return next((column for column in self.columns if column.name == name), None)


class Tenancy(Value):
    """Who the tenants are: `relation` holds them, `setting` carries the current one."""

    relation: str
    setting: str = "app.tenant_id"
    source: Citation | None = None


class Role(Value):
    """A database role (NOLOGIN) and what it may do, by relation."""

    name: str
    comment: str = ""
    select: tuple[str, ...] = ()
    insert: tuple[str, ...] = ()
    update: tuple[str, ...] = ()
    delete: tuple[str, ...] = ()
    sources: tuple[Citation, ...] = ()


class Objectives(Value):
    """Recovery objectives in seconds: None where the PRD states none."""

    rpo_seconds: int | None = None
    rto_seconds: int | None = None
    rpo_source: Citation | None = None
    rto_source: Citation | None = None


class Unread(Value):
    """A line of the PRD that the planner did not understand."""

    line: int
    text: str
    reason: str = ""


class Waiver(Value):
    """A finding that is accepted, with the reason. `key` is `Finding.key`."""

    key: str
    reason: str


class Design(Value):
    """A whole database as a planner proposes it.

    `planner` is the stamp of who proposed ("rules 0.1.0, no model" or a model's name).
    """

    name: str
    title: str = ""
    purpose: str = ""
    planner: str = ""
    relations: tuple[Relation, ...] = ()
    roles: tuple[Role, ...] = ()
    tenancy: Tenancy | None = None
    workload: tuple[WorkloadQuery, ...] = ()
    objectives: Objectives = Objectives()
    requirements: tuple[Requirement, ...] = ()
    assumptions: tuple[Assumption, ...] = ()
    questions: tuple[Question, ...] = ()
    decisions: tuple[Decision, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    unread: tuple[Unread, ...] = ()

    def relation(self, name: str) -> Relation:
        """The relation of that name. Raises KeyError."""
        for relation in self.relations:
            if relation.name == name:
                return relation
        raise KeyError(name)

    def find(self, name: str) -> Relation | None:
        """The relation of that name, or None."""
        return next((relation for relation in self.relations if relation.name == name), None)

    def replace(self, relation: Relation) -> Design:
        """The same design with one relation replaced (by name)."""
        relations = tuple(relation if r.name == relation.name else r for r in self.relations)
        return self.model_copy(update={"relations": relations})
