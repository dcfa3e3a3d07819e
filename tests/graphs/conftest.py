"""Designs and a PRD that are small enough for whole runs."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from a13.domain.design import Check, Column, Design, ForeignKey, Relation, Unique, Volume
from a13.domain.evidence import Record
from a13.domain.plan import Budget
from a13.evidence.ledger import Ledger
from a13.evidence.workspace import Workspace

PRD = textwrap.dedent("""\
    # Lending library

    A small public library lends books to its members.

    ## Data model

    - **Member**: name (text), email (text, unique), joined_on (date)
    - **Book**: title (text), isbn (text, unique), price (decimal)
    - **Loan**: borrowed_at (timestamp), due_at (timestamp), status (enum: open, returned, lost)

    A member has many loans. A book has many loans.

    ## Rules

    - The price of a book cannot be negative.
    - The due_at of a loan is after its borrowed_at.

    ## Volumes

    - 500 members
    - 800 books
    - 3,000 loans

    ## Performance

    | Operation | Target |
    |---|---|
    | List a member's loans | p95 < 400 ms |

    ## Recovery

    - RPO: 15 minutes
    - RTO: 1 hour
    """)


@pytest.fixture(scope="session")
def library_prd() -> str:
    """A PRD of three entities that runs through all steps in seconds."""
    return PRD


@pytest.fixture(scope="session")
def small_budget() -> Budget:
    """Few samples, so that a whole run stays short."""
    return Budget(samples_per_query=5, rows_per_relation=20_000)


def identity(name: str = "id") -> Column:
    return Column(name=name, type="bigint", identity=True)


@pytest.fixture
def library() -> Design:
    """A sound design of two relations."""
    authors = Relation(
        name="authors",
        columns=(identity(), Column(name="name", type="text"), Column(name="email", type="text")),
        primary_key=("id",),
        uniques=(Unique(columns=("email",)),),
        volume=Volume(rows=300, assumed=False),
    )
    books = Relation(
        name="books",
        columns=(
            identity(),
            Column(name="author_id", type="bigint"),
            Column(name="title", type="text"),
            Column(name="shelf", type="smallint", values=("0", "1", "2")),
            Column(name="price", type="numeric(8,2)"),
        ),
        primary_key=("id",),
        foreign_keys=(ForeignKey(columns=("author_id",), references="authors"),),
        checks=(Check(expression="price >= 0"),),
        volume=Volume(rows=900, assumed=False),
    )
    return Design(name="library", title="Library", relations=(authors, books))


def records(workspace: str | Path, step: str) -> list[Record]:
    """The ledger's records of one step."""
    ledger = Ledger(Workspace.open(workspace))
    return [record for record in ledger.records() if record.step == step]


@pytest.fixture
def records_of():  # type: ignore[no-untyped-def]
    """`records_of(workspace, step)`: the ledger's records of one step, oldest first."""
    return records
