"""The workbook of one reading: facts as they are found, drafts of relations as they grow."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from ...domain.design import (
    Check,
    Classification,
    Exclusion,
    ForeignKey,
    FunctionalDependency,
    Index,
    Objectives,
    OnDelete,
    Retention,
    Role,
    Tenancy,
    Unique,
    Unread,
    Volume,
)
from ...domain.requirements import (
    Assumption,
    Citation,
    Decision,
    Question,
    RequirementKind,
)
from ...domain.workload import Sla, WorkloadQuery

SectionRole = Literal[
    "data", "links", "requirements", "rules", "access", "sla", "volume", "retention", "privacy",
    "tenancy", "recovery", "roles", "quality", "overview", "questions", "assumptions", "people",
    "interface", "skip", "other",
]  # fmt: skip

QUOTE_LIMIT = 200


def cite(line: int, text: str) -> Citation:
    """The citation of a line, its quote cut to 200 characters."""
    quote = " ".join(text.split())
    return Citation(
        line=line, quote=quote if len(quote) <= QUOTE_LIMIT else quote[: QUOTE_LIMIT - 1] + "…"
    )


@dataclass(slots=True)
class FieldFact:
    """A field as the PRD states it. None and "" mean: not stated."""

    name: str
    source: Citation
    type: str | None = None
    nullable: bool | None = None
    unique: bool = False
    unique_within: list[str] = field(default_factory=list)
    primary: bool = False
    references: str = ""
    referenced_column: str = ""
    many: bool = False
    values: tuple[str, ...] = ()
    default: str | None = None
    classification: Classification | None = None
    unit: str | None = None
    comment: str = ""
    identity: bool = False
    on_delete: OnDelete | None = None
    # SQL fragments to stand behind the column's name: (">= 0", text)
    bounds: list[tuple[str, str]] = field(default_factory=list)
    # What is said about the field and must be read as a sentence later.
    notes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class RawField:
    """A field not yet read: written text, or the cells of a row by kind of column."""

    entity: str
    line: int
    text: str = ""
    cells: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class EntityFact:
    """A thing that the PRD says is stored."""

    name: str
    source: Citation
    fields: list[FieldFact] = field(default_factory=list)
    description: str = ""
    primary_key: tuple[str, ...] = ()
    uniques: list[tuple[tuple[str, ...], Citation]] = field(default_factory=list)
    checks: list[tuple[str, Citation]] = field(default_factory=list)
    # Keys over several columns that a fence states: columns, target, its columns, on delete.
    keys: list[tuple[tuple[str, ...], str, tuple[str, ...], OnDelete, Citation]] = field(
        default_factory=list
    )
    # True where only a heading or a mention speaks for it.
    weak: bool = False
    # True where its fields are marked as such, so that other sentences are no lists of fields.
    marked: bool = False


@dataclass(slots=True)
class Statement:
    """A sentence, an item or a row that may hold facts. `subject` is an entity's key."""

    line: int
    text: str
    role: SectionRole
    subject: str = ""
    column: str = ""
    requirement: str = ""
    kind: RequirementKind = "other"
    heading: str = ""
    cells: tuple[tuple[str, str], ...] = ()
    elements: list[str] = field(default_factory=list)
    # The clauses that a rule was read from; clauses of one statement share the list.
    understood: list[str] = field(default_factory=list)
    read: bool = False
    about_data: bool = True
    # True for what only leads to other sentences: neither a requirement nor unread.
    context: bool = False
    # It asks for more than what was found for it does, so nothing serves it.
    beyond: bool = False
    # The line its paragraph or item starts on: sentences of one block share their subject.
    block: int = 0

    @property
    def source(self) -> Citation:
        """Its line and quote."""
        return cite(self.line, self.text)

    def serve(self, kind: RequirementKind, *elements: str) -> None:
        """Note that the statement was understood, and what in the design serves it."""
        self.read = True
        if self.kind == "other" or not self.elements:
            self.kind = kind
        self.elements.extend(e for e in elements if e not in self.elements)


@dataclass(slots=True)
class ColumnDraft:
    """A column that may still change."""

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
    sources: list[Citation] = field(default_factory=list)
    stated: bool = True
    type_stated: bool = False


@dataclass(slots=True)
class Draft:
    """A relation that may still change. `key` is the entity's singular snake_case name."""

    key: str
    name: str
    title: str
    comment: str = ""
    columns: dict[str, ColumnDraft] = field(default_factory=dict)
    primary_key: tuple[str, ...] = ()
    uniques: list[Unique] = field(default_factory=list)
    foreign_keys: list[ForeignKey] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    exclusions: list[Exclusion] = field(default_factory=list)
    indexes: list[Index] = field(default_factory=list)
    dependencies: list[FunctionalDependency] = field(default_factory=list)
    tenant_column: str | None = None
    volume: Volume | None = None
    retention: Retention | None = None
    sources: list[Citation] = field(default_factory=list)

    def key_to(self, relation: str) -> ForeignKey | None:
        """The first foreign key to the relation of that name."""
        return next((k for k in self.foreign_keys if k.references == relation), None)

    def add_unique(self, unique: Unique) -> Unique:
        """Add a candidate key unless it is there; the one that holds."""
        for known in self.uniques:
            if set(known.columns) == set(unique.columns) and known.where == unique.where:
                return known
        if set(unique.columns) == set(self.primary_key) and unique.where is None:
            return unique
        self.uniques.append(unique)
        return unique

    def add_check(self, check: Check) -> Check:
        """Add a check unless the same expression is there; the one that holds."""
        for known in self.checks:
            if known.expression == check.expression:
                return known
        self.checks.append(check)
        return check


@dataclass(slots=True)
class GeneralSla:
    """An objective for every query of a kind, where the PRD names no operation."""

    sla: Sla
    statement: Statement
    reads: bool = True
    writes: bool = True
    # Only the operations of these people, "" for everybody's.
    actor: str = ""


@dataclass(slots=True)
class Book:
    """Everything that a reading has found. Readers write into it, `finish` makes the design."""

    title: str = ""
    purpose: str = ""
    entities: dict[str, EntityFact] = field(default_factory=dict)
    statements: list[Statement] = field(default_factory=list)
    drafts: dict[str, Draft] = field(default_factory=dict)
    roles: list[Role] = field(default_factory=list)
    tenancy: Tenancy | None = None
    workload: list[WorkloadQuery] = field(default_factory=list)
    general_slas: list[GeneralSla] = field(default_factory=list)
    objectives: Objectives = field(default_factory=Objectives)
    unread: list[Unread] = field(default_factory=list)
    uuid_keys: Citation | None = None
    # Requirements and access patterns that name data, for what names none.
    wishes: list[Statement] = field(default_factory=list)
    # Who acts, in lower case: "reception".
    people: list[str] = field(default_factory=list)
    # Terms and what stands in brackets behind them.
    definitions: dict[str, str] = field(default_factory=dict)
    _said: set[str] = field(default_factory=set)
    _assumptions: list[tuple[str, str, tuple[str, ...]]] = field(default_factory=list)
    _questions: list[tuple[str, str, Citation | None, tuple[str, ...], bool]] = field(
        default_factory=list
    )
    _decisions: list[tuple[str, str, tuple[str, ...], Citation | None]] = field(
        default_factory=list
    )

    def assume(self, text: str, reason: str, *elements: str) -> None:
        """Take something for granted, and say so once."""
        if text not in self._said:
            self._said.add(text)
            self._assumptions.append((text, reason, elements))

    def ask(
        self,
        text: str,
        *elements: str,
        default: str = "",
        source: Citation | None = None,
        blocking: bool = False,
    ) -> None:
        """Ask a person something, once."""
        if text not in self._said:
            self._said.add(text)
            self._questions.append((text, default, source, elements, blocking))

    def decide(
        self, title: str, reason: str, *elements: str, source: Citation | None = None
    ) -> None:
        """Record a choice with its reason."""
        if title not in self._said:
            self._said.add(title)
            self._decisions.append((title, reason, elements, source))

    @property
    def assumptions(self) -> tuple[Assumption, ...]:
        """The assumptions with ids A-001, A-002, …"""
        return tuple(
            Assumption(id=f"A-{n:03}", text=text, reason=reason, elements=elements)
            for n, (text, reason, elements) in enumerate(self._assumptions, 1)
        )

    @property
    def questions(self) -> tuple[Question, ...]:
        """The questions with ids Q-001, Q-002, …"""
        return tuple(
            Question(id=f"Q-{n:03}", text=t, default=d, source=s, elements=e, blocking=b)
            for n, (t, d, s, e, b) in enumerate(self._questions, 1)
        )

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """The decisions with ids D-001, D-002, …"""
        return tuple(
            Decision(id=f"D-{n:03}", title=t, reason=r, elements=e, source=s)
            for n, (t, r, e, s) in enumerate(self._decisions, 1)
        )
