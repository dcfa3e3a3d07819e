"""What an entity–relationship diagram shows: tables with their rows, edges, and their places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..domain.catalog import Catalog, CatalogTable
from ..domain.design import Design
from .entities import (
    Domain,
    Reference,
    domains_of,
    hubs_of,
    references_of,
    short_type,
    tables_of,
    visible,
)
from .layout import place
from .markdown import clean, count
from .positions import Box, Link, Placement

ROW = 22
HEADER = 36
FOOT = 8  # px below the last row
CHAR = 7.4  # px of a monospace character at 12 px, at most
BOLD = 8.6  # px of a bold sans character at 13 px, at most

# (line, tint, text) of each domain; the first is the accent.
_COLOURS = (
    ("#7C3AED", "#F1EBFE", "#4C1D95"),
    ("#0F766E", "#DFF5F1", "#134E4A"),
    ("#C2570C", "#FDEBDC", "#7C2D12"),
    ("#2563EB", "#E3EDFE", "#1E3A8A"),
    ("#BE185D", "#FCE4EF", "#831843"),
    ("#4D7C0F", "#EBF5DA", "#365314"),
    ("#0E7490", "#DCF3F8", "#164E63"),
    ("#57534E", "#EEECEA", "#292524"),
)


@dataclass(frozen=True)
class Row:
    """One line of a box: a column, or the note that more follow."""

    name: str
    type: str = ""
    mark: str = ""
    tip: str = ""
    badge: str = ""


@dataclass
class Drawn:
    """A table ready to be drawn, with its rows and its size in px."""

    table: CatalogTable
    colour: tuple[str, str, str]
    rows: list[Row]
    width: int
    height: int
    port: dict[str, int] = field(default_factory=dict)


@dataclass
class Picture:
    """Everything an SVG shows: tables, edges, their places, and what the legend explains."""

    drawn: list[Drawn]
    references: tuple[Reference, ...]
    links: list[Link]
    placement: Placement
    domains: tuple[Domain, ...]
    badges: dict[str, str]


def compose(design: Design, catalog: Catalog) -> Picture:
    """The picture of a live catalog."""
    tables = tables_of(catalog)
    references = references_of(tables)
    hubs = hubs_of(tables, references, design)
    domains = domains_of(tables, references, hubs)
    badges = _badges(hubs)
    colours = {
        name: _COLOURS[position % len(_COLOURS)]
        for position, domain in enumerate(domains)
        for name in domain.tables
    }
    drawn = [_draw(t, references, badges, colours[t.name], len(tables)) for t in tables]
    number = {d.table.name: position for position, d in enumerate(drawn)}
    edges = visible(references, hubs)
    both = {r.parent for r in edges if r.optional} & {r.parent for r in edges if not r.optional}
    links = []
    for edge in edges:
        child, parent = drawn[number[edge.child]], number[edge.parent]
        # An optional and a mandatory parent end look different, so they get ports of their own.
        shift = 0 if edge.parent not in both else 8 if edge.optional else -8
        links.append(
            Link(
                source=number[edge.child],
                source_y=child.port[_port_column(edge, references, hubs)],
                target=parent,
                target_y=HEADER // 2 + shift,
                net=2 * parent + edge.optional,
            )
        )
    placement = place([Box(d.width, d.height) for d in drawn], links)
    return Picture(drawn, edges, links, placement, domains, badges)


def _badges(hubs: Sequence[str]) -> dict[str, str]:
    """One capital letter for each hub, the next free letter where two begin alike."""
    found: dict[str, str] = {}
    for hub in hubs:
        letters = [c.upper() for c in hub if c.isalpha()] or ["H"]
        free = [c for c in [*letters, *"ABCDEFGHIJKLMNOPQRSTUVWXYZ"] if c not in found.values()]
        found[hub] = free[0] if free else "•"
    return found


def _port_column(edge: Reference, references: tuple[Reference, ...], hubs: tuple[str, ...]) -> str:
    """The column where an edge begins: not the one that carries a hub's badge, if it can be."""
    taken = {c for r in references if r.child == edge.child and r.parent in hubs for c in r.columns}
    return next((c for c in edge.columns if c not in taken), edge.column)


def _draw(
    table: CatalogTable,
    references: tuple[Reference, ...],
    badges: dict[str, str],
    colour: tuple[str, str, str],
    total: int,
) -> Drawn:
    primary = {c for k in table.constraints if k.kind == "primary key" for c in k.columns}
    mine = [r for r in references if r.child == table.name]
    foreign = {c for r in mine for c in r.columns}
    hidden = {c: r.parent for r in mine if r.parent in badges for c in r.columns}
    keys = primary | foreign
    most = 18 if total <= 12 else 12 if total <= 30 else 0
    others = [c.name for c in table.columns if c.name not in keys]
    room = max(0, most - len(keys))
    # A note that one column is left out would take the place of that column.
    shown = keys | set(others if len(others) <= room + 1 else others[:room])
    rows: list[Row] = []
    port: dict[str, int] = {}
    for column in table.columns:
        if column.name not in shown:
            continue
        port[column.name] = HEADER + ROW // 2 + ROW * len(rows)
        marks = [m for m, names in (("PK", primary), ("FK", foreign)) if column.name in names]
        type_name = short_type(column.type) + ("?" if column.nullable else "")
        tip = f"{table.name}.{column.name}: {column.type}{' or null' if column.nullable else ''}"
        goes = [
            f"→ {r.parent} ({', '.join(r.parent_columns)})"
            for r in mine
            if column.name in r.columns
        ]
        tip = " ".join([tip, *goes, column.comment])
        badge = badges[hidden[column.name]] if column.name in hidden else ""
        mark = "PF" if len(marks) == 2 else "".join(marks)
        rows.append(Row(cut(column.name, 26), cut(type_name, 17), mark, clean(tip), badge))
    left = len(table.columns) - len(rows)
    if left:
        rest = [c.name for c in table.columns if c.name not in shown]
        rows.append(Row(f"+ {count(left, 'column')}", tip=clean(", ".join(rest))))
    needed = [38 + CHAR * (len(r.name) + len(r.type) + 3) for r in rows]
    needed.append(36 + BOLD * len(cut(table.name, 30)))
    width = max(190, 2 * round(max(needed) / 2))
    return Drawn(table, colour, rows, width, HEADER + ROW * len(rows) + FOOT, port)


def cut(text: str, length: int) -> str:
    """The text in at most `length` places, with an ellipsis where it was cut. A character beyond
    Latin counts as two places, for those are wider in most fonts."""
    text = clean(text)
    used = 0
    for position, character in enumerate(text):
        used += 1 if ord(character) < 0x250 else 2
        if used > length:
            kept = text[:position]
            while kept and sum(1 if ord(c) < 0x250 else 2 for c in kept) > length - 1:
                kept = kept[:-1]
            return kept + "…"
    return text
