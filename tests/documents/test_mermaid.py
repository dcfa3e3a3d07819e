"""Mermaid: the grammar's words and quotes are never broken by a name."""

from __future__ import annotations

import re

from a13.documents import Dossier
from a13.documents.entities import references_of, tables_of
from a13.documents.mermaid import er_diagram, mermaid_blocks
from a13.domain.catalog import Catalog, CatalogColumn, CatalogTable
from a13.domain.design import Design

NAME = r'(?:[A-Za-z][A-Za-z0-9_]*|"[^"\n]+")'
RELATION = re.compile(rf'    {NAME} (\|\||\|o)--(o\||o\{{) {NAME} : "[^"\n]*"')
HEAD = re.compile(rf"    {NAME} \{{")
ATTRIBUTE = re.compile(
    r"        [A-Za-z_][A-Za-z0-9_\[\]]* [A-Za-z_][^\s,\"]* ?((PK|FK|UK)(, (PK|FK))?)?( \"null\")?"
)


def check(text: str) -> None:
    lines = text.splitlines()
    assert lines[0] == "erDiagram"
    for line in lines[1:]:
        matches = [p.fullmatch(line.rstrip()) for p in (RELATION, HEAD, ATTRIBUTE)]
        assert any(matches) or line == "    }", line


def test_small_catalogs_are_one_diagram(shop: Catalog) -> None:
    blocks = mermaid_blocks(Dossier(design=Design(name="x"), catalog=shop))
    assert blocks.count("```mermaid") == 1
    check(blocks.split("```mermaid\n")[1].split("\n```")[0])
    assert '    orders ||--o| payments : "order_id"' in blocks
    assert '    addresses |o--o{ orders : "shipping_address_id"' in blocks


def test_large_catalogs_are_split_by_group(helpdesk: Catalog, helpdesk_design: Design) -> None:
    blocks = mermaid_blocks(Dossier(design=helpdesk_design, catalog=helpdesk))
    assert blocks.count("```mermaid") > 2
    for part in blocks.split("```mermaid\n")[1:]:
        check(part.split("\n```")[0])
    assert "References to `tenants` are left out" in blocks
    for table in helpdesk.tables:
        assert f"    {table.name} {{" in blocks


def test_odd_names_are_quoted_or_replaced() -> None:
    columns = (
        CatalogColumn(name='a"b c', type="numeric(12,2)", nullable=False),
        CatalogColumn(name="1st", type="character varying(40)[]", nullable=True),
        CatalogColumn(name="PK", type="text", nullable=False),
        CatalogColumn(name="größe", type="timestamp with time zone", nullable=True),
    )
    names = ("order", "one", 'x" } evil', "2fast", "Ünïcode", "a\nb", "direction", "end")
    tables = tuple(CatalogTable(name=name, columns=columns) for name in names)
    catalog = Catalog(server_version="18", database="x", tables=tables)
    text = er_diagram(tables_of(catalog), references_of(tables_of(catalog)))
    check(text)
    assert '    "end" {' in text, "a word of the grammar"
    assert "text PK_" in text, "not a mark"


def test_nothing_to_draw(minimal: Dossier) -> None:
    assert mermaid_blocks(minimal) == ""
