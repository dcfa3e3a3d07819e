"""Mermaid `erDiagram` text: GitHub, GitLab and many editors draw it without a file."""

from __future__ import annotations

import re

from ..domain.catalog import CatalogTable
from .dossier import Dossier
from .entities import (
    Reference,
    domains_of,
    hubs_of,
    references_of,
    short_type,
    tables_of,
    visible,
)
from .markdown import Md, block, clean, codes

# Above this many tables a picture is split by domain.
LARGEST = 12


def mermaid_blocks(dossier: Dossier) -> Md:
    """The diagrams as fenced blocks, one per domain where there are many tables."""
    if dossier.catalog is None or not tables_of(dossier.catalog):
        return Md("")
    tables = tables_of(dossier.catalog)
    references = references_of(tables)
    hubs = hubs_of(tables, references, dossier.design)
    if len(tables) <= LARGEST:
        shown = visible(references, hubs)
        return Md(_note(hubs) + block(er_diagram(tables, shown), "mermaid"))
    parts = []
    for domain in domains_of(tables, references, hubs):
        inside = [table for table in tables if table.name in domain.tables]
        shown = tuple(r for r in visible(references, hubs) if r.child in domain.tables)
        outside = {r.parent for r in shown} - set(domain.tables)
        others = [t for t in tables if t.name in outside]
        words = f"Group **{codes([domain.name])}**"
        if others:
            words += ", with " + codes(t.name for t in others) + " of other groups by key only"
        text = er_diagram(tuple(inside), shown, tuple(others))
        parts.append(f"{words}:\n\n{block(text, 'mermaid')}")
    return Md(_note(hubs) + "\n\n".join(parts))


def _note(hubs: tuple[str, ...]) -> str:
    if not hubs:
        return ""
    return f"References to {codes(hubs)} are left out of the pictures: most tables have one.\n\n"


def er_diagram(
    tables: tuple[CatalogTable, ...],
    references: tuple[Reference, ...],
    keys_only: tuple[CatalogTable, ...] = (),
) -> str:
    """The text of one diagram. `keys_only` tables show their primary key alone."""
    lines = ["erDiagram"]
    for reference in references:
        parent = "|o" if reference.optional else "||"
        child = "o|" if reference.single else "o{"
        lines.append(
            f"    {entity(reference.parent)} {parent}--{child} {entity(reference.child)}"
            f' : "{quoted(", ".join(reference.columns))}"'
        )
    for table in (*tables, *keys_only):
        primary = {c for k in table.constraints if k.kind == "primary key" for c in k.columns}
        foreign = {c for k in table.constraints if k.kind == "foreign key" for c in k.columns}
        uniques = {
            k.columns[0] for k in table.constraints if k.kind == "unique" and len(k.columns) == 1
        }
        lines.append(f"    {entity(table.name)} {{")
        for column in table.columns:
            if table in keys_only and column.name not in primary:
                continue
            marks = [
                mark
                for mark, names in (("PK", primary), ("FK", foreign), ("UK", uniques))
                if column.name in names
            ]
            marks = [mark for mark in marks if mark != "UK" or len(marks) == 1]
            note = "" if not column.nullable else ' "null"'
            text = f"{attribute_type(column.type)} {attribute(column.name)} {', '.join(marks)}"
            lines.append(f"        {text.rstrip()}{note}")
        lines.append("    }")
    return "\n".join(lines)


def entity(name: str) -> str:
    """The name of an entity: bare where Mermaid takes it, else in quotes."""
    plain = re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name)
    # Words of the grammar ("one", "only", "to") and of directions would be read as syntax.
    return name if plain and name.lower() not in _WORDS else f'"{quoted(name)}"'


_WORDS = frozenset(
    """
    one only to many zero or more u optionally direction tb bt lr rl style class classdef title
    acctitle accdescr erdiagram end subgraph
    """.split()
)


def quoted(text: str) -> str:
    """The text for the inside of Mermaid quotes, which know no escape."""
    return re.sub(r"[^\w .,:()/+-]", "_", clean(text))


def attribute(name: str) -> str:
    """A column's name as an attribute word."""
    word = re.sub(r"[^A-Za-z0-9_À-￿-]", "_", clean(name))
    if word in ("PK", "FK", "UK"):
        word += "_"
    return word if re.match(r"[A-Za-z_]", word) else f"_{word}"


def attribute_type(type_name: str) -> str:
    """A column's type as an attribute word: no spaces, no commas."""
    word = re.sub(r"\(.*?\)", "", short_type(type_name)).strip()
    return re.sub(r"[^A-Za-z0-9_\[\]]", "_", word) or "unknown"
