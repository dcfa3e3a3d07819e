"""The picture: well-formed, nothing overlaps, no edge runs through a box, every text in its box."""

from __future__ import annotations

import random
import re
import xml.etree.ElementTree as ElementTree
from itertools import combinations, pairwise

import pytest

from a13.documents.channels import Channel, End
from a13.documents.diagram import database_svg
from a13.documents.entities import domains_of, hubs_of, references_of, tables_of
from a13.documents.layout import place
from a13.documents.picture import CHAR, HEADER, ROW, Picture, compose, cut
from a13.documents.positions import GAP, Box, Link
from a13.domain.catalog import Catalog
from a13.domain.design import Design

SVG = "{http://www.w3.org/2000/svg}"


def rectangles(picture: Picture) -> list[tuple[int, int, int, int]]:
    placed = picture.placement
    return [
        (x, y, x + width, y + drawn.height)
        for drawn, x, y, width in zip(picture.drawn, placed.x, placed.y, placed.widths, strict=True)
    ]


def check(picture: Picture) -> None:
    """What must hold for every picture."""
    boxes = rectangles(picture)
    for (ax, ay, bx, by), (cx, cy, dx, dy) in combinations(boxes, 2):
        assert bx <= cx or dx <= ax or by + GAP <= cy or dy + GAP <= ay, "boxes overlap"
    for link, route in zip(picture.links, picture.placement.routes, strict=True):
        for (ax, ay), (bx, by) in pairwise(route):
            assert ax == bx or ay == by, "an edge is not orthogonal"
            for number, (left, top, right, bottom) in enumerate(boxes):
                inside = (
                    max(ax, bx) > left and min(ax, bx) < right
                    and max(ay, by) > top and min(ay, by) < bottom
                )  # fmt: skip
                assert not inside, f"an edge runs through box {number}"
        for end, box, y in ((route[0], link.source, link.source_y),
                            (route[-1], link.target, link.target_y)):  # fmt: skip
            left, top, right, _ = boxes[box]
            assert end[0] in (left, right)
            assert end[1] == top + y
        for x, y in route:
            assert 0 <= x <= picture.placement.width
            assert -8 <= y <= picture.placement.height + 8 * len(boxes)


def overlaps(picture: Picture) -> int:
    """How many pieces of different nets lie on top of each other."""
    pieces = set()
    for link, route in zip(picture.links, picture.placement.routes, strict=True):
        for a, b in pairwise(route):
            pieces.add((link.net, *min(a, b), *max(a, b)))
    found = 0
    for (net, ax, ay, bx, by), (other, cx, cy, dx, dy) in combinations(sorted(pieces), 2):
        if net == other:
            continue
        if ay == by == cy == dy:
            found += min(bx, dx) - max(ax, cx) > 1
        if ax == bx == cx == dx:
            found += min(by, dy) - max(ay, cy) > 1
    return found


def test_ten_tables(shop: Catalog) -> None:
    picture = compose(Design(name="shop"), shop)
    check(picture)
    assert picture.placement.crossings == 0
    assert overlaps(picture) == 0
    assert picture.badges == {}


def test_twenty_two_tables(helpdesk: Catalog, helpdesk_design: Design) -> None:
    picture = compose(helpdesk_design, helpdesk)
    check(picture)
    assert overlaps(picture) == 0
    assert picture.placement.crossings <= 8
    assert picture.badges == {"tenants": "T"}
    assert all(reference.parent != "tenants" for reference in picture.references)
    assert 0.9 < picture.placement.width / picture.placement.height < 2.4
    badged = [d for d in picture.drawn if any(row.badge for row in d.rows)]
    assert len(badged) == 21


def random_boxes(number: int, seed: int) -> tuple[list[Box], list[Link]]:
    chance = random.Random(seed)
    boxes = [
        Box(chance.randrange(180, 300, 2), 66 + 22 * chance.randrange(12)) for _ in range(number)
    ]
    links = []
    for child in range(1, number):
        for parent in {chance.randrange(number) for _ in range(chance.randrange(3))}:
            row = chance.randrange((boxes[child].height - 44) // 22)
            links.append(
                Link(child, HEADER + ROW // 2 + ROW * row, parent, HEADER // 2, net=2 * parent)
            )
    return boxes, links


@pytest.mark.parametrize("number", [1, 2, 3, 7, 13, 25])
@pytest.mark.parametrize("seed", [1, 2])
def test_random_graphs_with_cycles_and_loops(number: int, seed: int) -> None:
    boxes, links = random_boxes(number, seed)
    placed = place(boxes, links)
    spots = list(zip(placed.x, placed.y, placed.widths, boxes, strict=True))
    for (x, y, w, a), (p, q, v, b) in combinations(spots, 2):
        assert x + w <= p or p + v <= x or y + a.height + GAP <= q or q + b.height + GAP <= y
    for link, route in zip(links, placed.routes, strict=True):
        assert route[0][1] == placed.y[link.source] + link.source_y
        assert route[-1][1] == placed.y[link.target] + link.target_y
        for (ax, ay), (bx, by) in pairwise(route):
            assert ax == bx or ay == by
            for x, y, w, box in spots:
                assert not (
                    max(ax, bx) > x and min(ax, bx) < x + w
                    and max(ay, by) > y and min(ay, by) < y + box.height
                )  # fmt: skip


def test_the_same_input_gives_the_same_picture(helpdesk: Catalog, helpdesk_design: Design) -> None:
    assert database_svg(helpdesk_design, helpdesk) == database_svg(helpdesk_design, helpdesk)


def test_an_empty_database_has_an_empty_picture() -> None:
    empty = Catalog(server_version="18.6", database="x", tables=())
    root = ElementTree.fromstring(database_svg(Design(name="nothing"), empty))
    assert root.tag == f"{SVG}svg"


def test_the_svg_stands_alone(helpdesk: Catalog, helpdesk_design: Design) -> None:
    text = database_svg(helpdesk_design, helpdesk)
    root = ElementTree.fromstring(text)
    assert {e.tag.removeprefix(SVG) for e in root.iter()} == {
        "svg", "title", "style", "rect", "path", "text", "g", "circle",
    }  # fmt: skip
    assert "script" not in text
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"\son\w+=", text)
    style = root.find(f"{SVG}style")
    assert style is not None
    assert style.text is not None
    assert all(rule.startswith(".a13-er ") for rule in re.findall(r"[^{}]+(?={)", style.text))
    first = root.find(f"{SVG}rect")
    assert first is not None
    assert first.get("fill") == "#FCFCFD", "a background of its own, for light and dark pages"


def test_texts_stay_in_their_boxes(shop: Catalog) -> None:
    long = "a_very_long_name_that_goes_on_and_on_until_it_reaches_sixty_three"
    table = shop.tables[0]
    columns = tuple(
        c.model_copy(update={"name": f"{long}{n}"[:63], "type": "timestamp with time zone[]"})
        for n, c in enumerate(table.columns)
    )
    wide = table.model_copy(update={"name": long, "columns": columns, "constraints": ()})
    catalog = shop.model_copy(update={"tables": (wide, *shop.tables[3:])})
    for drawn in compose(Design(name="x"), catalog).drawn:
        for row in drawn.rows:
            words = CHAR * (len(row.name) + len(row.type))
            assert 36 + words + 12 + CHAR <= drawn.width
    text = database_svg(Design(name="x", title="T" * 400), catalog)
    assert "…" in text
    assert long in text, "the whole name is in the tooltip"


def test_hostile_names_are_words(shop: Catalog) -> None:
    bad = '"><script>alert(1)</script><svg onload="alert(1)'
    table = shop.tables[0].model_copy(update={"name": bad, "comment": bad + "\ufffe\x00"})
    catalog = shop.model_copy(update={"tables": (table,)})
    text = database_svg(Design(name="x", title=bad), catalog)
    root = ElementTree.fromstring(text)
    assert all(not name.startswith("on") for e in root.iter() for name in e.attrib)
    assert not [e for e in root.iter() if "script" in e.tag]


def test_many_columns_are_counted_not_drawn(shop: Catalog) -> None:
    table = shop.table("orders")
    more = tuple(table.columns[-1].model_copy(update={"name": f"extra_{n}"}) for n in range(30))
    grown = table.model_copy(update={"columns": (*table.columns, *more)})
    picture = compose(Design(name="x"), shop.model_copy(update={"tables": (grown,)}))
    rows = picture.drawn[0].rows
    assert len(rows) == 19
    assert rows[-1].name == "+ 19 columns"


def test_cut_counts_wide_characters_twice() -> None:
    assert cut("abc", 3) == "abc"
    assert cut("abcd", 3) == "ab…"
    assert cut("汉字汉字", 5) == "汉字…"


def test_hubs_need_a_picture_that_they_would_hide(shop: Catalog, helpdesk: Catalog) -> None:
    tables = tables_of(helpdesk)
    assert hubs_of(tables, references_of(tables), Design(name="x")) == ("tenants",)
    few = tables_of(shop)[:5]
    assert hubs_of(few, references_of(few), Design(name="x")) == ()


def test_domains_hold_every_table_once(helpdesk: Catalog, helpdesk_design: Design) -> None:
    tables = tables_of(helpdesk)
    references = references_of(tables)
    hubs = hubs_of(tables, references, helpdesk_design)
    domains = domains_of(tables, references, hubs)
    names = [name for domain in domains for name in domain.tables]
    assert sorted(names) == sorted(table.name for table in tables)
    assert 3 <= len(domains) <= 8
    assert all(domain.name in domain.tables for domain in domains)


def test_tracks_keep_order_where_lines_would_lie_on_each_other() -> None:
    channel = Channel()
    channel.add(1, End(0, 10))
    channel.add(1, End(1, 50))
    channel.add(2, End(0, 50))
    channel.add(2, End(1, 90))
    crossings, overlaps_left = channel.arrange()
    assert overlaps_left == 0
    assert channel.tracks[2] < channel.tracks[1], "net 1 leaves at 50 where net 2 came in"
    assert crossings <= 2
