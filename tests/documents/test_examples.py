"""The examples of the repository, built on a server: picture, pages and models of real PRDs."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from a13.agents.rules import RulesPlanner
from a13.database.catalog import read_catalog
from a13.database.compile import compile_design
from a13.database.server import Server
from a13.documents import Dossier, write_documents
from a13.documents.models_check import model_differences

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.mark.parametrize(
    "name", ["clinic", *(pytest.param(n, marks=pytest.mark.slow) for n in ("saas", "shop"))]
)
def test_an_example_is_documented(name: str, server: Server, database: str, tmp_path: Path) -> None:
    prd = (EXAMPLES / f"{name}.md").read_text(encoding="utf-8")
    design = RulesPlanner().propose(prd, name=name).design
    with server.connect(database) as connection:
        for statement in compile_design(design):
            connection.execute(statement.sql.encode())
        catalog = read_catalog(connection)
    written = write_documents(Dossier(design=design, catalog=catalog))
    for table in catalog.tables:
        assert f"### `{table.name}`" in written["docs/architecture/database.md"]
        assert f">{table.name}<" in written["docs/architecture/database.svg"]
    parser = MarkdownIt("gfm-like", {"linkify": False}).enable("table")
    for path, text in written.items():
        if path.endswith(".md"):
            assert not [t for t in parser.parse(text) if t.type.startswith("html")], path
    file = tmp_path / "models.py"
    file.write_text(written["models.py"], encoding="utf-8")
    spec = importlib.util.spec_from_file_location(f"models_of_{name}", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    assert model_differences(module.Base.metadata, catalog) == ()
