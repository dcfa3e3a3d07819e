"""models.py: loads, is typed, and says what the live catalog says."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import warnings
from pathlib import Path
from types import ModuleType

import pytest
from sqlalchemy import MetaData, create_engine
from sqlalchemy.orm import Session, configure_mappers

from a13.database.catalog import read_catalog
from a13.database.server import Server
from a13.documents.models_check import model_differences
from a13.documents.models_py import literal, models_module
from a13.documents.python_names import class_names, singular
from a13.domain.catalog import Catalog
from a13.domain.design import Design

EVERYTHING = (Path(__file__).parent / "everything.sql").read_text(encoding="utf-8")


def load(text: str, folder: Path) -> ModuleType:
    """The generated module, imported."""
    path = folder / "generated_models.py"
    path.write_text(text, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(f"generated_{folder.name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def catalog(server: Server, database: str) -> Catalog:
    with server.connect(database) as connection:
        connection.execute(EVERYTHING.encode())
        return read_catalog(connection)


def plain(catalog: Catalog) -> dict[str, object]:
    """What two databases of the same schema share."""
    return {
        table.name: (
            table.columns,
            table.constraints,
            [(i.name, i.definition, i.unique) for i in table.indexes],
            table.comment,
        )
        for table in catalog.tables
    }


def test_models_say_what_the_catalog_says(catalog: Catalog, tmp_path: Path) -> None:
    module = load(models_module(catalog, Design(name="all")), tmp_path)
    assert model_differences(module.Base.metadata, catalog) == ()


def test_create_all_builds_the_same_catalog(
    catalog: Catalog, server: Server, tmp_path: Path
) -> None:
    module = load(models_module(catalog, Design(name="all")), tmp_path)
    server.create_database("models_again")
    engine = create_engine(server.url("models_again"))
    try:
        with server.connect("models_again") as connection:
            for extension in catalog.extensions:
                connection.execute(f"CREATE EXTENSION {extension}".encode())
            module.Base.metadata.create_all(engine)
            again = read_catalog(connection)
    finally:
        engine.dispose()
        server.drop_database("models_again")
    assert plain(again) == plain(catalog)


def test_mappers_configure_without_a_warning_and_rows_travel(
    catalog: Catalog, server: Server, database: str, tmp_path: Path
) -> None:
    module = load(models_module(catalog, Design(name="all")), tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        configure_mappers()
    engine = create_engine(server.url(database))
    with Session(engine) as session:
        tenant = module.Tenant(uuid=module.UUID(int=1), date="2026-01-02", datetime="2026-01-02")
        user = module.User(tenant=tenant, email="a@b", first_name="A", last_name="B")
        session.add(user)
        session.flush()
        team = module.Team(tenant_id=tenant.id, lead_id=user.id)
        session.add(team)
        session.flush()
        user.home_team_id = team.id
        order = module.Order(class_="c", buyer=user, seller=user)
        session.add_all([order, module.Profile(user=user), module.OrderTag(order=order, tag="t")])
        session.commit()
        assert user.full_name == "A B"
        assert user.order_by_buyer == [order]
        assert order.order_tags[0].tag == "t"
        assert user.profile.user is user
        assert user.home_team is team
    engine.dispose()


@pytest.mark.slow
def test_models_are_typed(catalog: Catalog, tmp_path: Path) -> None:
    path = tmp_path / "models.py"
    path.write_text(models_module(catalog, Design(name="all")), encoding="utf-8")
    run = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", str(path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert run.returncode == 0, run.stdout


def test_differences_are_named(catalog: Catalog, tmp_path: Path) -> None:
    module = load(models_module(catalog, Design(name="all")), tmp_path)
    users = catalog.table("users")
    first = users.columns[0].model_copy(update={"nullable": True, "type": "text"})
    changed = users.model_copy(
        update={
            "columns": (first, *users.columns[1:]),
            "constraints": users.constraints[1:],
            "comment": "other",
        }
    )
    others = tuple(t for t in catalog.tables if t.name not in ("users", "profiles"))
    found = model_differences(
        module.Base.metadata, catalog.model_copy(update={"tables": (*others, changed)})
    )
    words = "\n".join(found)
    assert "model of profiles has no table" in words
    assert "users.tenant_id: type 'uuid', live 'text'" in words
    assert "users.tenant_id: nullable False, live True" in words
    assert "users: the comments differ" in words
    assert f"users: no live {users.constraints[0].kind} {users.constraints[0].name}" in words
    assert "table users has no model" in model_differences(MetaData(), catalog)


def test_hostile_words_stay_words(shop: Catalog, tmp_path: Path) -> None:
    bad = '"""\nimport os\nos.abort()\n"""\\'
    tables = tuple(t.model_copy(update={"comment": bad}) for t in shop.tables)
    text = models_module(
        shop.model_copy(update={"tables": tables}), Design(name="x", title=bad, purpose=bad)
    )
    module = load(text, tmp_path)
    assert module.Base.metadata.tables["orders"].comment == bad


def test_names() -> None:
    words = ("addresses", "categories", "boxes", "status", "news", "bus", "order_lines", "gas")
    expected = ["address", "category", "box", "status", "news", "bus", "order_line", "gas"]
    assert [singular(word) for word in words] == expected


@pytest.mark.parametrize(
    ("plural", "one"),
    [
        ("diagnoses", "diagnosis"), ("Diagnoses", "Diagnosis"), ("analyses", "analysis"),
        ("houses", "house"), ("clauses", "clause"), ("statuses", "status"), ("viruses", "virus"),
        ("cases", "case"), ("databases", "database"), ("movies", "movie"), ("people", "person"),
        ("diagnosis", "diagnosis"), ("lenses", "lens"), ("branches", "branch"),
        ("caches", "cache"), ("series", "series"), ("responses", "response"),
    ],
)  # fmt: skip
def test_irregular_plurals(plural: str, one: str) -> None:
    assert singular(plural) == one
    assert literal("a\"b'c\\\n") == '"a\\"b\'c\\\\\\n"'


def test_class_names_never_collide() -> None:
    from a13.domain.catalog import CatalogColumn, CatalogTable

    column = (CatalogColumn(name="id", type="bigint", nullable=False),)
    tables = [
        CatalogTable(name=name, columns=column)
        for name in ("user", "users", "Users", "base", "text", "1st", "ß", "order line")
    ]
    catalog = Catalog(server_version="18", database="x", tables=tuple(tables))
    names = class_names(catalog)
    assert len(set(names.values())) == len(tables)
    assert all(name.isidentifier() for name in names.values())
    assert "Base" not in names.values()
    assert "Text" not in names.values()
