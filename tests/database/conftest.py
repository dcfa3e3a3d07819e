"""A design with every kind of element, rows for it, and a folder of migrations."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from a13.database.compile import compile_design
from a13.database.revisions import initialise, write_revision
from a13.domain.design import (
    Check,
    Column,
    Design,
    Exclusion,
    ForeignKey,
    Index,
    IndexKey,
    Relation,
    Role,
    Tenancy,
    Unique,
)

ROWS = """
insert into courts ("order") select g from generate_series(1, 5) g;
insert into clubs (name) select 'club ' || g from generate_series(1, 3) g;
insert into members (club_id, email)
  select 1 + g % 3, 'm' || g || '@example.org' from generate_series(1, 30) g;
insert into bookings (club_id, court_id, member_id, starts_at, ends_at, price, note, created_at)
  select club_id, 1 + id % 5, id, t, t + interval '1 hour', id, 'a note', t
  from members, lateral (select timestamptz '2026-01-01 00:00+00' + id * interval '1 hour' as t) s
"""


@pytest.fixture(scope="session")
def courts() -> Design:
    """Court bookings of clubs: tenants, a cycle, exclusions, partial and generated things."""
    key = Column(name="id", type="bigint", identity=True)
    bookings = Relation(
        name="bookings", tenant_column="club_id", primary_key=("id",),
        comment="A court taken for some time; it's 100% real: a:b",
        columns=(
            key,
            Column(name="club_id", type="bigint"),
            Column(name="court_id", type="bigint"),
            Column(name="member_id", type="bigint", nullable=True),
            Column(name="starts_at", type="timestamptz"),
            Column(name="ends_at", type="timestamptz"),
            Column(name="status", type="text", default="'draft'",
                   values=("draft", "it's:on", "no")),
            Column(name="price", type="numeric(10,2)", default="0", unit="EUR"),
            Column(name="net", type="numeric(10,2)", generated="round(price / 1.19, 2)",
                   nullable=True),
            Column(name="tags", type="text[]", default="'{}'", values=("a", "b")),
            Column(name="note", type="text", nullable=True, classification="personal",
                   comment="Written by the member."),
            Column(name="created_at", type="timestamptz", default="now()"),
        ),
        uniques=(
            Unique(columns=("court_id", "starts_at"), where="status <> 'no'"),
            Unique(columns=("id", "club_id")),
        ),
        foreign_keys=(
            ForeignKey(columns=("court_id",), references="courts"),
            ForeignKey(columns=("member_id", "club_id"), references="members",
                       referenced_columns=("id", "club_id"), on_delete="SET NULL"),
            ForeignKey(columns=("club_id",), references="clubs", on_delete="CASCADE"),
        ),
        checks=(
            Check(expression="ends_at > starts_at"),
            Check(name="ck_bookings_price", expression="price >= 0 and price % 0.01 = 0"),
        ),
        exclusions=(
            Exclusion(equal_columns=("court_id",), start_column="starts_at",
                      end_column="ends_at", where="status <> 'no'"),
        ),
        indexes=(
            Index(keys=(IndexKey(column="member_id"),), origin="foreign_key"),
            Index(keys=(IndexKey(column="starts_at", descending=True),
                        IndexKey(expression="lower(status)")),
                  include=("price",), where="status = 'draft'"),
            Index(keys=(IndexKey(column="note", operator_class="gin_trgm_ops"),), method="gin"),
        ),
    )  # fmt: skip
    clubs = Relation(
        name="clubs", primary_key=("id",), title="Clubs",
        columns=(
            key,
            Column(name="name", type="citext", classification="public"),
            Column(name="owner_id", type="bigint", nullable=True),
        ),
        uniques=(Unique(columns=("name",)),),
        foreign_keys=(
            ForeignKey(columns=("owner_id",), references="members", deferrable=True),
        ),
    )  # fmt: skip
    members = Relation(
        name="members", tenant_column="club_id", primary_key=("id",),
        columns=(
            key,
            Column(name="club_id", type="bigint"),
            Column(name="email", type="text", nullable=True, classification="personal"),
            Column(name="parent_id", type="bigint", nullable=True),
        ),
        uniques=(
            Unique(columns=("club_id", "email"), nulls_not_distinct=True),
            Unique(columns=("id", "club_id")),
        ),
        foreign_keys=(
            ForeignKey(columns=("club_id",), references="clubs"),
            ForeignKey(columns=("parent_id",), references="members"),
        ),
        checks=(Check(expression="email ~* '^[^@ ]+@[^@ ]+$'"),),
    )  # fmt: skip
    courts = Relation(
        name="courts", primary_key=("id",), columns=(key, Column(name="order", type="smallint"))
    )
    return Design(
        name="Courts", title="Court bookings", tenancy=Tenancy(relation="clubs"),
        roles=(Role(name="courts_report", select=("bookings", "courts")),),
        relations=(bookings, clubs, members, courts),
    )  # fmt: skip


@pytest.fixture(scope="session")
def courts_rows() -> Callable[[psycopg.Connection], None]:
    """Loads the same rows each time."""

    def load(connection: psycopg.Connection) -> None:
        connection.execute(ROWS.encode())

    return load


@pytest.fixture
def migrations(tmp_path: Path, courts: Design) -> Path:
    """A folder with the revision of `courts`; its path holds a space."""
    directory = tmp_path / "a b" / "migrations"
    initialise(directory)
    write_revision(
        directory, message="Create the schema", statements=compile_design(courts),
        requirements=("FR-001",),
    )  # fmt: skip
    return directory


@pytest.fixture(scope="session")
def clinic_design() -> Design:
    """Clinics: tenants, a cycle, ranges, closed sets, cascades and retention."""
    path = Path(__file__).with_name("clinic_design.py")
    spec = importlib.util.spec_from_file_location("clinic_design", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    design: Design = module.design()
    return design


@pytest.fixture(scope="session")
def clinic_migrations(clinic_design: Design, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The migrations of the clinic: one revision."""
    directory = tmp_path_factory.mktemp("clinic") / "migrations"
    initialise(directory)
    write_revision(directory, message="the clinic", statements=compile_design(clinic_design))
    return directory
