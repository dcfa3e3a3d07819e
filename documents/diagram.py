"""The entity–relationship diagram as one self-contained SVG: no script, no font, no link.

A picture has its own background, so that it reads on light and dark pages. Every text is cut to
its place by a cautious estimate of its width; the whole text is in the tooltip.
"""

from __future__ import annotations

from ..domain.catalog import Catalog
from ..domain.design import Design
from .glyphs import attribute_of, badge, child_mark, legend_of, parent_mark, pill, text_of
from .markdown import clean, count
from .picture import HEADER, ROW, Drawn, Picture, compose, cut

EDGE = 40  # px around the picture
TITLE = 64

_MONO = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace"
_SANS = "system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,'DejaVu Sans',sans-serif"


def database_svg(design: Design, catalog: Catalog) -> str:
    """The picture as SVG text."""
    picture = compose(design, catalog)
    title = clean(design.title or design.name)
    return _svg(picture, title, catalog.server_version)


def _svg(picture: Picture, title: str, version: str) -> str:
    placement = picture.placement
    legend, legend_height, legend_width = legend_of(picture, max(placement.width, 640))
    inner = max(placement.width, legend_width)
    width, height = inner + 2 * EDGE, placement.height + TITLE + legend_height + 3 * EDGE
    left = EDGE + (inner - placement.width) // 2
    top = EDGE + TITLE
    hidden = len(picture.badges) > 0
    facts = f"{count(len(picture.drawn), 'table')}, {count(len(picture.references), 'reference')}"
    facts += f"{' drawn' if hidden else ''} · PostgreSQL {version}"
    # 13 px and 8 px are wide characters of the two lines.
    title_line, facts_line = cut(title, (inner - 18) // 13), cut(facts, (inner - 18) // 8)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="a13-er" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img" aria-label="{attribute_of(title)}: '
        f'{attribute_of(facts)}" style="max-width:100%;height:auto">',
        f"<title>{text_of(title)}</title>",
        _style(),
        f'<rect x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="14" fill="#FCFCFD" '
        'stroke="#E4E4EA"/>',
        f'<rect x="{EDGE}" y="{EDGE - 2}" width="5" height="40" rx="2.5" fill="#7C3AED"/>',
        f'<text x="{EDGE + 18}" y="{EDGE + 15}" class="h">{text_of(title_line)}</text>',
        f'<text x="{EDGE + 18}" y="{EDGE + 36}" class="s">{text_of(facts_line)}</text>',
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


# One class for each kind of text and line. Every rule is below `.a13-er`: a page that shows the
# picture inline has classes of its own.
_RULES = {
    "h": f"font:700 19px {_SANS};fill:#18181B",
    "s": f"font:400 12.5px {_SANS};fill:#63636E",
    "n": f"font:700 13px {_SANS}",
    "c": f"font:400 12px {_MONO};fill:#27272A",
    "p": f"font:700 12px {_MONO};fill:#18181B",
    "t": f"font:400 12px {_MONO};fill:#71717A;text-anchor:end",
    "k": f"font:700 9px {_SANS};text-anchor:middle",
    "m": f"font:italic 400 12px {_SANS};fill:#71717A",
    "b": f"font:700 10px {_SANS};fill:#fff;text-anchor:middle",
    "l": f"font:400 12px {_SANS};fill:#3F3F46",
    "e": "fill:none;stroke-width:1.6;stroke-linejoin:round",
    "e:hover": "stroke-width:3.2",
    "q": "fill:none;stroke-width:1.6",
    "o": "fill:#FCFCFD;stroke-width:1.6",
}


def _style() -> str:
    rules = "".join(f".a13-er .{name}{{{rule}}}" for name, rule in _RULES.items())
    return f"<style>{rules}</style>"


def _box(drawn: Drawn, x: int, y: int, width: int) -> str:
    line, tint, dark = drawn.colour
    name = drawn.table.name
    tip = f"{name}: {drawn.table.comment}" if drawn.table.comment else name
    height = drawn.height
    parts = [
        f'<g transform="translate({x},{y})">',
        f'<rect x="1" y="2.5" width="{width}" height="{height}" rx="9" fill="#18181B" '
        'opacity="0.06"/>',
        f'<rect width="{width}" height="{height}" rx="9" fill="#FFFFFF"/>',
        f'<path d="M0 {HEADER}V9a9 9 0 0 1 9-9H{width - 9}a9 9 0 0 1 9 9V{HEADER}z" '
        f'fill="{tint}"/>',
        f'<path d="M0 {HEADER}H{width}" stroke="{line}" stroke-opacity="0.35"/>',
        f'<rect width="{width}" height="{height}" rx="9" fill="none" stroke="{line}" '
        'stroke-width="1.4"/>',
        f'<text x="14" y="23" class="n" fill="{dark}">{text_of(cut(name, 30))}'
        f"<title>{text_of(tip)}</title></text>",
    ]
    for position, row in enumerate(drawn.rows):
        middle = HEADER + ROW * position + ROW // 2
        if position:
            parts.append(f'<path d="M12 {middle - 11}H{width - 12}" stroke="#F1F1F4"/>')
        parts.append(f"<g><title>{text_of(row.tip)}</title>")
        if not row.type:
            parts.append(f'<text x="36" y="{middle + 4}" class="m">{text_of(row.name)}</text></g>')
            continue
        if row.mark:
            parts.append(pill(9, middle - 7, row.mark, (line, tint, dark)))
        style = "p" if row.mark in ("PK", "PF") else "c"
        parts.append(f'<text x="36" y="{middle + 4}" class="{style}">{text_of(row.name)}</text>')
        parts.append(
            f'<text x="{width - 12}" y="{middle + 4}" class="t">{text_of(row.type)}</text></g>'
        )
    parts.append("</g>")
    return "\n".join(parts)


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
            f'<path class="e" d="{_rounded(route)}" stroke="{colour}">'
            f"<title>{text_of(tip)}</title></path>"
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
                    badge(
                        x, y + HEADER + ROW * position + ROW // 2, row.badge, colour[row.badge], tip
                    )
                )
        if drawn.table.name in picture.badges:
            letter = picture.badges[drawn.table.name]
            parts.append(badge(x, y + HEADER // 2, letter, colour[letter], "referenced by badge"))
    return parts
