"""The data dictionary: each table of the live catalog, with the words of the design."""

from __future__ import annotations

import re

from ..domain.catalog import CatalogColumn, CatalogIndex, CatalogTable
from ..domain.naming import check_name, exclusion_name, index_name, unique_name
from ..domain.requirements import Citation
from .dossier import Dossier
from .entities import short_type
from .markdown import Linker, Md, code, codes, count, inline, joined, size, table

_COLUMN_HEADERS = ("Column", "Type", "Null", "Default", "Key", "Class", "Comment")
_CONSTRAINT_HEADERS = ("Name", "Kind", "Definition", "Rule", "Tested")
_INDEX_HEADERS = ("Name", "Definition", "For", "Seen in the plan of")
_USING = re.compile(r" USING (.*)$", re.DOTALL)


def table_words(dossier: Dossier, name: str) -> str:
    """What the table is for: the live comment, else the design's words."""
    relation = dossier.design.find(name)
    live = dossier.catalog.table(name).comment if dossier.catalog else ""
    return live or (relation.comment or relation.title if relation else "")


def column_rows(dossier: Dossier, found: CatalogTable) -> list[tuple[str, ...]]:
    """Rows of column, type, null, default, key, classification, comment."""
    relation = dossier.design.find(found.name)
    rows: list[tuple[str, ...]] = []
    for column in found.columns:
        designed = relation.find(column.name) if relation else None
        comment = column.comment or (designed.comment if designed else "")
        if designed and designed.unit and designed.unit not in comment:
            comment = f"{comment} ({designed.unit})".strip()
        rows.append(
            (
                code(column.name),
                code(short_type(column.type)),
                Md("yes" if column.nullable else "no"),
                _default(column),
                _keys(found, column.name),
                Md(designed.classification if designed else "–"),
                inline(comment),
            )
        )
    return rows


def _default(column: CatalogColumn) -> Md:
    if column.identity:
        return Md("identity")
    if column.generated:
        return Md("generated: " + code(column.generated))
    return code(column.default) if column.default else Md("–")


def _keys(found: CatalogTable, column: str) -> Md:
    """PK, FK → table, UQ for a column; composite keys say so."""
    marks = []
    for constraint in found.constraints:
        if column not in constraint.columns:
            continue
        shared = "" if len(constraint.columns) == 1 else " (part)"
        if constraint.kind == "primary key":
            marks.append(f"PK{shared}")
        elif constraint.kind == "foreign key":
            marks.append(f"FK{shared} → " + code(constraint.references or ""))
        elif constraint.kind == "unique":
            marks.append(f"UQ{shared}")
    return Md(", ".join(dict.fromkeys(marks)) or "–")


def constraint_rows(dossier: Dossier, found: CatalogTable, link: Linker) -> list[tuple[str, ...]]:
    """Rows of constraint, kind, definition, the rule in the PRD's words, how it was tested.

    A unique rule for some rows only is an index to PostgreSQL, and a constraint to its readers.
    """
    order = ("primary key", "unique", "foreign key", "check", "exclusion")
    rules = rule_words(dossier, found.name)
    listed = [
        (
            order.index(constraint.kind),
            constraint.name,
            constraint.kind + ("" if constraint.validated else ", **not validated**"),
            constraint.definition,
        )
        for constraint in found.constraints
    ]
    listed += [
        (1, index.name, "unique, some rows" if " WHERE " in index.definition else "unique",
         _definition(index))
        for index in found.indexes
        if is_rule(found, index)
    ]  # fmt: skip
    return [
        (
            code(name),
            Md(kind),
            code(definition),
            rules.get(name, Md("–")),
            _tested(dossier, found, name, link),
        )
        for _, name, kind, definition in sorted(listed)
    ]


def is_rule(found: CatalogTable, index: CatalogIndex) -> bool:
    """True for a unique index that stands alone: no constraint is kept by it."""
    backed = {constraint.name for constraint in found.constraints}
    return index.unique and not index.constraint and index.name not in backed


def rule_words(dossier: Dossier, table_name: str) -> dict[str, Md]:
    """By name of a constraint, what the PRD says about it, with its line."""
    relation = dossier.design.find(table_name)
    if relation is None:
        return {}
    named: list[tuple[str, str, tuple[Citation, ...]]] = [
        *((check_name(relation, check), check.text, check.sources) for check in relation.checks),
        *((unique_name(relation, one), "", one.sources) for one in relation.uniques),
        *((exclusion_name(relation, one), "", one.sources) for one in relation.exclusions),
    ]
    found = {}
    for name, text, sources in named:
        words = text or (sources[0].quote if sources else "")
        line = Md(f"(line {sources[0].line})") if sources else Md("")
        if words:
            found[name] = joined((words, line))
    return found


def _tested(dossier: Dossier, found: CatalogTable, name: str, link: Linker) -> Md:
    element = f"constraint:{found.name}.{name}"
    probes = [probe for probe in dossier.probes if probe.element == element]
    if not probes:
        return Md("not probed")
    good = sum(probe.passed for probe in probes)
    words = f"{good} of {count(len(probes), 'probe')} as designed"
    return joined((words, link.evidence(dossier.evidence_for(f"probe:{element}"))))


def index_rows(dossier: Dossier, found: CatalogTable, link: Linker) -> list[tuple[str, ...]]:
    """Rows of index, definition, the queries it is for, the plans it was seen in.

    The catalog is that of a database with few rows, so its sizes say nothing here.
    """
    return [
        (
            code(index.name),
            _index_words(index),
            _serves(dossier, found, index),
            _seen_in_plans(dossier, index.name, link),
        )
        for index in found.indexes
    ]


def _definition(index: CatalogIndex) -> str:
    match = _USING.search(index.definition)
    return ("UNIQUE " if index.unique else "") + (match[1] if match else index.definition)


def _index_words(index: CatalogIndex) -> Md:
    words = code(_definition(index))
    return Md(f"{words} **invalid**") if not index.valid else words


def _serves(dossier: Dossier, found: CatalogTable, index: CatalogIndex) -> Md:
    """Why the index exists: the queries its design names, the trial that kept it, its key."""
    relation = dossier.design.find(found.name)
    designed = next(
        (
            i
            for i in (relation.indexes if relation else ())
            if relation and index_name(relation, i) == index.name
        ),
        None,
    )
    trials = [
        trial
        for trial in dossier.trials
        if trial.kept and relation and index_name(relation, trial.index) == index.name
    ]
    queries = list(
        dict.fromkeys([*(designed.serves if designed else ()), *(trial.query for trial in trials)])
    )
    words = [codes(queries)] if queries else []
    if index.constraint:
        words.append(Md("its constraint"))
    elif is_rule(found, index):
        words.append(Md("its rule, above"))
    elif not queries and designed and designed.origin == "foreign_key":
        words.append(Md("the foreign key"))
    elif not queries and designed and designed.reason:
        words.append(inline(designed.reason))
    return joined(words, ", ", "–")


def _seen_in_plans(dossier: Dossier, name: str, link: Linker) -> Md:
    needle = f'"Index Name": "{name}"'
    loose = f'"Index Name":"{name}"'
    queries = [
        m.query for m in dossier.measurements if needle in m.plan_json or loose in m.plan_json
    ]
    if not queries:
        return Md("–" if dossier.measurements else "not measured")
    ids = dossier.evidence_for(*(f"query:{query}" for query in queries))
    return joined((codes(queries), link.evidence(ids)))


def table_section(dossier: Dossier, found: CatalogTable, link: Linker) -> Md:
    """The section of one table."""
    facts = []
    loaded = next((entry for entry in dossier.loaded if entry.relation == found.name), None)
    if loaded:
        measured = link.evidence(dossier.evidence_for("performance"))
        amount = f"Measured with {count(loaded.rows, 'row')} ({size(loaded.size_bytes)})"
        facts.append(joined((amount, measured)) + ".")
    if found.row_security:
        forced = " and forced on the owner" if found.force_row_security else ""
        facts.append(f"Row-level security is on{forced}.")
    parts: list[str] = [f"### {code(found.name)}"]
    words = table_words(dossier, found.name)
    if words:
        parts.append(inline(words))
    if facts:
        parts.append(" ".join(facts))
    parts.append(table(_COLUMN_HEADERS, column_rows(dossier, found)))
    parts.append("**Constraints**")
    parts.append(table(_CONSTRAINT_HEADERS, constraint_rows(dossier, found, link)))
    if found.indexes:
        parts.append("**Indexes**")
        parts.append(table(_INDEX_HEADERS, index_rows(dossier, found, link)))
    if found.triggers:
        parts.append("**Triggers**")
        rows = [
            (code(t.name), code(t.definition), Md("yes" if t.enabled else "**no**"))
            for t in found.triggers
        ]
        parts.append(table(("Name", "Definition", "Enabled"), rows))
    return Md("\n\n".join(parts))
