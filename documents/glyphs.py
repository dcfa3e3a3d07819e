"""The small signs of a diagram: ends of edges, keys, badges, and the legend that explains them."""

from __future__ import annotations

from html import escape

from .markdown import clean
from .picture import Picture, cut

GREY = "#52525B"


def text_of(text: str) -> str:
    return escape(clean(text), quote=False)


def attribute_of(text: str) -> str:
    return escape(clean(text), quote=True)


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


def pill(x: int, y: int, mark: str, colour: tuple[str, str, str]) -> str:
    """PK or FK; a key that is a reference too has a dashed border."""
    line, fill, ink = colour if mark != "FK" else ("", "#F1F1F4", "#52525B")
    border = f' stroke="{line}" stroke-dasharray="2 2"' if mark == "PF" else ""
    text = "PK" if mark == "PF" else mark
    return (
        f'<rect x="{x}" y="{y}" width="21" height="14" rx="4" fill="{fill}"{border}/>'
        f'<text x="{x + 10.5}" y="{y + 10.2}" class="k" fill="{ink}">{text}</text>'
    )


def badge(x: int, y: int, letter: str, colour: str, tip: str) -> str:
    return (
        f'<g><title>{text_of(tip)}</title><circle cx="{x}" cy="{y}" r="8.5" fill="{colour}" '
        f'stroke="#FCFCFD" stroke-width="1.5"/>'
        f'<text x="{x}" y="{y + 3.6}" class="b">{text_of(letter)}</text></g>'
    )


def legend_of(picture: Picture, width: int) -> tuple[list[str], int, int]:
    """The legend's parts, its height and its width."""
    items: list[tuple[str, str]] = []
    if len(picture.domains) > 1:
        for domain in picture.domains:
            drawn = next(d for d in picture.drawn if d.table.name == domain.tables[0])
            line, tint, _ = drawn.colour
            swatch = f'<rect y="-10" width="22" height="13" rx="4" fill="{tint}" stroke="{line}"/>'
            items.append((swatch, f"{cut(domain.name, 28)} ({len(domain.tables)})"))
    stroke = f'<path d="M0 -4h24" stroke="{GREY}" stroke-width="1.6"/>'
    optional = any(reference.optional for reference in picture.references)
    if picture.references:
        if any(not reference.single for reference in picture.references):
            items.append((stroke + child_mark(0, -4, 1, False, GREY), "any number"))
        if any(reference.single for reference in picture.references):
            items.append((stroke + child_mark(0, -4, 1, True, GREY), "at most one"))
        if any(not reference.optional for reference in picture.references):
            items.append((stroke + parent_mark(0, -4, 1, False, GREY), "exactly one"))
        if optional:
            items.append((stroke + parent_mark(0, -4, 1, True, GREY), "one or none"))
    if any(row.mark == "PF" for drawn in picture.drawn for row in drawn.rows):
        items.append((pill(0, -11, "PF", ("#52525B", "#F1F1F4", "#52525B")), "key and reference"))
    if any(row.type.endswith("?") for drawn in picture.drawn for row in drawn.rows):
        items.append((f'<text x="8" class="c" fill="{GREY}">?</text>', "may be null"))
    for hub, letter in picture.badges.items():
        colour = next(d.colour[0] for d in picture.drawn if d.table.name == hub)
        items.append(
            (badge(12, -4, letter, colour, hub), f"references {cut(hub, 28)} (no edge drawn)")
        )
    parts, x, y = [f'<path d="M0 -22H{width}" stroke="#E4E4EA"/>'], 0, 8
    for glyph, words in items:
        # 7.2 px is a wide character of the legend's font.
        need = 32 + round(7.2 * sum(1 if ord(c) < 0x250 else 2 for c in words)) + 22
        if x and x + need - 22 > width:
            x, y = 0, y + 24
        parts.append(
            f'<g transform="translate({x},{y})">{glyph}'
            f'<text x="32" class="l">{text_of(words)}</text></g>'
        )
        x += need
    return parts, y + 4, width
