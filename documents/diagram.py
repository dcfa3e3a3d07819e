"""The entity–relationship diagram as one self-contained SVG: no script, no font, no link.

A picture has its own background, so that it reads on light and dark pages. Every text is cut to
its place by a cautious estimate of its width; the whole text is in the tooltip.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

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
from .layout import Box, Link, Placement, place
from .markdown import clean, count

ROW = 22
HEADER = 36
FOOT = 8  # px below the last row
EDGE = 40  # px around the picture
TITLE = 64
CHAR = 7.4  # px of a monospace character at 12 px, at most
BOLD = 8.6  # px of a bold sans character at 13 px, at most

_MONO = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace"
_SANS = "system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,'DejaVu Sans',sans-serif"

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


def database_svg(design: Design, catalog: Catalog) -> str:
    """The picture as SVG text."""
    picture = compose(design, catalog)
    title = clean(design.title or design.name)
    return _svg(picture, title, catalog.server_version)


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


def _svg(picture: Picture, title: str, version: str) -> str:
    placement = picture.placement
    legend, legend_height, legend_width = _legend(picture, max(placement.width, 640))
    inner = max(placement.width, legend_width)
    width, height = inner + 2 * EDGE, placement.height + TITLE + legend_height + 3 * EDGE
    left = EDGE + (inner - placement.width) // 2
    top = EDGE + TITLE
    hidden = len(picture.badges) > 0
    facts = f"{count(len(picture.drawn), 'table')}, {count(len(picture.references), 'reference')}"
    facts += f"{' drawn' if hidden else ''} · PostgreSQL {version}"
    room = int(inner / 11.5)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img" aria-label="{_attribute(title)}: '
        f'{_attribute(facts)}" style="max-width:100%;height:auto">',
        f"<title>{_text(title)}</title>",
        _style(),
        f'<rect x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="14" fill="#FCFCFD" '
        'stroke="#E4E4EA"/>',
        f'<rect x="{EDGE}" y="{EDGE - 2}" width="5" height="40" rx="2.5" fill="#7C3AED"/>',
        f'<text x="{EDGE + 18}" y="{EDGE + 15}" class="h">{_text(cut(title, room))}</text>',
        f'<text x="{EDGE + 18}" y="{EDGE + 36}" class="s">{_text(cut(facts, room * 2))}</text>',
        f'<g transform="translate({left},{top})">',
        *_edges(picture),
        *(_box(d, x, y, w) for d, x, y, w in zip(
            picture.drawn, placement.x, placement.y, placement.widths, strict=True)),
        *_marks(picture),
        *_stubs(picture),
        "</g>",
        f'<g transform="translate({EDGE},{top + placement.height + EDGE})">',
        *legend,
        "</g>",
        "</svg>",
    ]  # fmt: skip
    return "\n".join(parts) + "\n"


def _text(text: str) -> str:
    return escape(clean(text), quote=False)


def _attribute(text: str) -> str:
    return escape(clean(text), quote=True)


def _style() -> str:
    return (
        "<style>"
        f".h{{font:700 19px {_SANS};fill:#18181B}}.s{{font:400 12.5px {_SANS};fill:#63636E}}"
        f".n{{font:700 13px {_SANS}}}.c{{font:400 12px {_MONO};fill:#27272A}}"
        f".p{{font:700 12px {_MONO};fill:#18181B}}.t{{font:400 12px {_MONO};fill:#7A7A86;text-anchor:end}}"
        f".k{{font:700 9px {_SANS};text-anchor:middle}}.m{{font:italic 400 12px {_SANS};fill:#7A7A86}}"
        f".b{{font:700 10px {_SANS};fill:#fff;text-anchor:middle}}.l{{font:400 12px {_SANS};fill:#3F3F46}}"
        ".e{fill:none;stroke-width:1.6;stroke-linejoin:round}.e:hover{stroke-width:3.2}"
        ".q{fill:none;stroke-width:1.6}.o{fill:#FCFCFD;stroke-width:1.6}"
        "</style>"
    )


def _box(drawn: Drawn, x: int, y: int, width: int) -> str:
    line, tint, dark = drawn.colour
    name = drawn.table.name
    tip = f"{name}: {drawn.table.comment}" if drawn.table.comment else name
    height = drawn.height
    parts = [
        f'<g transform="translate({x},{y})">',
        f'<rect x="1" y="2.5" width="{width}" height="{height}" rx="9" fill="#18181B" opacity="0.06"/>',
        f'<rect width="{width}" height="{height}" rx="9" fill="#FFFFFF"/>',
        f'<path d="M0 {HEADER}V9a9 9 0 0 1 9-9H{width - 9}a9 9 0 0 1 9 9V{HEADER}z" fill="{tint}"/>',
        f'<path d="M0 {HEADER}H{width}" stroke="{line}" stroke-opacity="0.35"/>',
        f'<rect width="{width}" height="{height}" rx="9" fill="none" stroke="{line}" '
        'stroke-width="1.4"/>',
        f'<text x="14" y="23" class="n" fill="{dark}">{_text(cut(name, 30))}'
        f"<title>{_text(tip)}</title></text>",
    ]
    for position, row in enumerate(drawn.rows):
        middle = HEADER + ROW * position + ROW // 2
        if position:
            parts.append(f'<path d="M12 {middle - 11}H{width - 12}" stroke="#F1F1F4"/>')
        parts.append(f"<g><title>{_text(row.tip)}</title>")
        if not row.type:
            parts.append(f'<text x="36" y="{middle + 4}" class="m">{_text(row.name)}</text></g>')
            continue
        if row.mark:
            parts.append(_pill(9, middle - 7, row.mark, (line, tint, dark)))
        style = "p" if row.mark in ("PK", "PF") else "c"
        parts.append(f'<text x="36" y="{middle + 4}" class="{style}">{_text(row.name)}</text>')
        parts.append(
            f'<text x="{width - 12}" y="{middle + 4}" class="t">{_text(row.type)}</text></g>'
        )
    parts.append("</g>")
    return "\n".join(parts)


def _pill(x: int, y: int, mark: str, colour: tuple[str, str, str]) -> str:
    """PK or FK; a key that is a reference too has a dashed border."""
    line, fill, ink = colour if mark != "FK" else ("", "#F1F1F4", "#52525B")
    border = f' stroke="{line}" stroke-dasharray="2 2"' if mark == "PF" else ""
    text = "PK" if mark == "PF" else mark
    return (
        f'<rect x="{x}" y="{y}" width="21" height="14" rx="4" fill="{fill}"{border}/>'
        f'<text x="{x + 10.5}" y="{y + 10.2}" class="k" fill="{ink}">{text}</text>'
    )


def _edges(picture: Picture) -> list[str]:
    parts = []
    for edge, link, route in zip(
        picture.references, picture.links, picture.placement.routes, strict=True
    ):
        colour = picture.drawn[link.target].colour[0]
        tip = (
            f"{edge.child} ({', '.join(edge.columns)}) → {edge.parent} "
            f"({', '.join(edge.parent_columns)}): {edge.name}"
        )
        parts.append(
            f'<path class="e" d="{_rounded(route)}" stroke="{colour}"><title>{_text(tip)}</title></path>'
        )
    return parts


def _rounded(points: list[tuple[int, int]], radius: float = 8) -> str:
    """The corners as a path with round bends."""
    d = [f"M{points[0][0]} {points[0][1]}"]
    for (ax, ay), (bx, by), (cx, cy) in zip(points, points[1:], points[2:], strict=False):
        before, after = abs(bx - ax) + abs(by - ay), abs(cx - bx) + abs(cy - by)
        r = min(radius, before / 2, after / 2)
        if r:
            sx, sy = bx + (ax - bx) / before * r, by + (ay - by) / before * r
            ex, ey = bx + (cx - bx) / after * r, by + (cy - by) / after * r
            d.append(f"L{sx:g} {sy:g}Q{bx} {by} {ex:g} {ey:g}")
    d.append(f"L{points[-1][0]} {points[-1][1]}")
    return "".join(d)


def _marks(picture: Picture) -> list[str]:
    """Crow's feet at the children, bars and circles at the parents, each place once."""
    found: dict[str, None] = {}
    for edge, link, route in zip(
        picture.references, picture.links, picture.placement.routes, strict=True
    ):
        colour = picture.drawn[link.target].colour[0]
        (x, y), (next_x, _) = route[0], route[1]
        found[child_mark(x, y, 1 if next_x > x else -1, edge.single, colour)] = None
        (x, y), (next_x, _) = route[-1], route[-2]
        found[parent_mark(x, y, 1 if next_x > x else -1, edge.optional, colour)] = None
    return list(found)


def child_mark(x: int, y: int, way: int, single: bool, colour: str) -> str:
    """`o<` for many, `o|` for at most one: the end at the referring table."""
    if single:
        bar = f'<path class="q" d="M{x + 9 * way} {y - 6}v12" stroke="{colour}"/>'
        return bar + f'<circle class="o" cx="{x + 17 * way}" cy="{y}" r="4" stroke="{colour}"/>'
    foot = f"M{x} {y - 7}L{x + 13 * way} {y}L{x} {y + 7}"
    return (
        f'<path class="q" d="{foot}" stroke="{colour}"/>'
        f'<circle class="o" cx="{x + 18 * way}" cy="{y}" r="4" stroke="{colour}"/>'
    )


def parent_mark(x: int, y: int, way: int, optional: bool, colour: str) -> str:
    """`||` for exactly one, `|o` for one or none: the end at the referenced table."""
    bar = f'<path class="q" d="M{x + 8 * way} {y - 6}v12'
    if optional:
        return (
            f'{bar}" stroke="{colour}"/>'
            f'<circle class="o" cx="{x + 16 * way}" cy="{y}" r="4" stroke="{colour}"/>'
        )
    return f'{bar}M{x + 13 * way} {y - 6}v12" stroke="{colour}"/>'


def _stubs(picture: Picture) -> list[str]:
    """The badges of references to a hub, on the left edge of the box."""
    parts = []
    colour = {
        picture.badges[d.table.name]: d.colour[0]
        for d in picture.drawn
        if d.table.name in picture.badges
    }
    hub = {letter: name for name, letter in picture.badges.items()}
    for drawn, x, y in zip(picture.drawn, picture.placement.x, picture.placement.y, strict=True):
        for position, row in enumerate(drawn.rows):
            if row.badge:
                tip = f"references {hub[row.badge]}"
                parts.append(
                    _badge(
                        x, y + HEADER + ROW * position + ROW // 2, row.badge, colour[row.badge], tip
                    )
                )
        if drawn.table.name in picture.badges:
            letter = picture.badges[drawn.table.name]
            parts.append(_badge(x, y + HEADER // 2, letter, colour[letter], "referenced by badge"))
    return parts


def _badge(x: int, y: int, letter: str, colour: str, tip: str) -> str:
    return (
        f'<g><title>{_text(tip)}</title><circle cx="{x}" cy="{y}" r="8.5" fill="{colour}" '
        f'stroke="#FCFCFD" stroke-width="1.5"/><text x="{x}" y="{y + 3.6}" class="b">{_text(letter)}'
        "</text></g>"
    )


def _legend(picture: Picture, width: int) -> tuple[list[str], int, int]:
    """The legend's parts, its height and its width."""
    grey = "#52525B"
    items: list[tuple[str, str]] = []
    if len(picture.domains) > 1:
        for domain in picture.domains:
            drawn = next(d for d in picture.drawn if d.table.name == domain.tables[0])
            line, tint, _ = drawn.colour
            swatch = f'<rect y="-10" width="22" height="13" rx="4" fill="{tint}" stroke="{line}"/>'
            items.append((swatch, f"{cut(domain.name, 28)} ({len(domain.tables)})"))
    stroke = f'<path d="M0 -4h24" stroke="{grey}" stroke-width="1.6"/>'
    optional = any(reference.optional for reference in picture.references)
    if picture.references:
        if any(not reference.single for reference in picture.references):
            items.append((stroke + child_mark(0, -4, 1, False, grey), "any number"))
        if any(reference.single for reference in picture.references):
            items.append((stroke + child_mark(0, -4, 1, True, grey), "at most one"))
        if any(not reference.optional for reference in picture.references):
            items.append((stroke + parent_mark(0, -4, 1, False, grey), "exactly one"))
        if optional:
            items.append((stroke + parent_mark(0, -4, 1, True, grey), "one or none"))
    if any(row.mark == "PF" for drawn in picture.drawn for row in drawn.rows):
        items.append((_pill(0, -11, "PF", ("#52525B", "#F1F1F4", "#52525B")), "key and reference"))
    if any(row.type.endswith("?") for drawn in picture.drawn for row in drawn.rows):
        items.append((f'<text x="8" class="c" fill="{grey}">?</text>', "may be null"))
    for hub, letter in picture.badges.items():
        colour = next(d.colour[0] for d in picture.drawn if d.table.name == hub)
        items.append(
            (_badge(12, -4, letter, colour, hub), f"references {cut(hub, 28)} (no edge drawn)")
        )
    parts, x, y = [f'<path d="M0 -22H{width}" stroke="#E4E4EA"/>'], 0, 8
    for glyph, words in items:
        # 7.2 px is a wide character of the legend's font.
        need = 32 + round(7.2 * sum(1 if ord(c) < 0x250 else 2 for c in words)) + 22
        if x and x + need - 22 > width:
            x, y = 0, y + 24
        parts.append(
            f'<g transform="translate({x},{y})">{glyph}<text x="32" class="l">{_text(words)}</text></g>'
        )
        x += need
    return parts, y + 4, width
