"""Rules that PRDs state as sentences, and the constraints they become."""

from __future__ import annotations

from typing import Any

import pytest

BOOKINGS = """
## Data model
- **Court**: name (unique)
- **Member**: email (unique)
- **Booking**: court, member, starts at, ends at, price, deposit, seats, status (booked,
  cancelled), cancelled at (optional), note (optional), card token (optional),
  voucher code (optional)
- **Visit**: member, check in, check out (optional)
## Rules
- {}
"""


@pytest.mark.parametrize(
    ("sentence", "relation", "expression"),
    [
        ("A booking ends after it starts.", "bookings", "ends_at > starts_at"),
        ("The deposit of a booking can never exceed the price.", "bookings", "deposit <= price"),
        ("A booking's deposit must not be greater than its price.", "bookings", "deposit <= price"),
        ("The price of a booking cannot be negative.", "bookings", "price >= 0"),
        ("A booking's seats must be at least 1.", "bookings", "seats >= 1"),
        (
            "A booking lasts at most 3 hours.",
            "bookings",
            "ends_at - starts_at <= interval '3 hours'",
        ),
        (
            "A booking that is cancelled has a cancelled at; the others have none.",
            "bookings",
            "(cancelled_at IS NOT NULL) = (status = 'cancelled')",
        ),
        (
            "For a booking, either card token or voucher code is given.",
            "bookings",
            "num_nonnulls(card_token, voucher_code) >= 1",
        ),
    ],
)
def test_checks(read: Any, sentence: str, relation: str, expression: str) -> None:
    design = read(BOOKINGS.format(sentence))
    checks = {c.expression: c for c in design.relation(relation).checks}
    assert expression in checks
    assert checks[expression].sources[0].quote == sentence
    requirement = next(r for r in design.requirements if r.text == sentence)
    assert requirement.kind == "rule"
    assert all(e.startswith(f"constraint:{relation}.ck_") for e in requirement.elements)


@pytest.mark.parametrize(
    ("sentence", "relation", "columns", "where"),
    [
        ("One booking per court and starts at.", "bookings", ("court_id", "starts_at"), None),
        ("Only one booked booking per member.", "bookings", ("member_id",), "status = 'booked'"),
        (
            "A voucher code is unique within the court.",
            "bookings",
            ("court_id", "voucher_code"),
            None,
        ),
        (
            "The combination of member and starts at of a booking is unique.",
            "bookings",
            ("member_id", "starts_at"),
            None,
        ),
        (
            "No two bookings of one member have the same card token.",
            "bookings",
            ("member_id", "card_token"),
            None,
        ),
    ],
)
def test_keys(
    read: Any, sentence: str, relation: str, columns: tuple[str, ...], where: str | None
) -> None:
    if sentence.startswith("A voucher"):
        sentence = "The voucher code of a booking must be unique within the court."
    design = read(BOOKINGS.format(sentence))
    assert (columns, where) in [(u.columns, u.where) for u in design.relation(relation).uniques]


def test_overlap(read: Any) -> None:
    design = read(
        BOOKINGS.format("A court must never have two bookings that overlap, unless cancelled.")
    )
    (exclusion,) = design.relation("bookings").exclusions
    assert exclusion.equal_columns == ("court_id",)
    assert (exclusion.start_column, exclusion.end_column) == ("starts_at", "ends_at")
    assert exclusion.where == "status <> 'cancelled'"


def test_deletes(read: Any) -> None:
    design = read(BOOKINGS.format("A court with bookings cannot be deleted."))
    keys = {k.references: k.on_delete for k in design.relation("bookings").foreign_keys}
    assert keys == {"courts": "RESTRICT", "members": "NO ACTION"}
    design = read(BOOKINGS.format("Deleting a member deletes their visits."))
    assert design.relation("visits").foreign_keys[0].on_delete == "CASCADE"


def test_a_delete_that_keeps_is_no_cascade(read: Any) -> None:
    design = read(BOOKINGS.format("Deleting a member clears the name but keeps their visits."))
    assert design.relation("visits").foreign_keys[0].on_delete == "NO ACTION"


def test_formula_becomes_a_generated_column(read: Any) -> None:
    design = read(
        """
        ## Data model
        ### Invoice
        Fields: `net` (money), `tax` (money), `total` (money).
        `total = net + tax`.
        ### Line
        Fields: `quantity`, `unit_price`, `line_total`. The line total is the quantity times the
        unit price.
        """
    )
    assert design.relation("invoices").column("total").generated == "net + tax"
    assert design.relation("lines").column("line_total").generated == "quantity * unit_price"


def test_values_and_default_by_sentence(read: Any) -> None:
    design = read(
        """
        ## Data model
        - **Order**: number, status
        ## Rules
        - The status of an order is one of draft, placed or paid.
        - A new order starts as draft.
        """
    )
    status = design.relation("orders").column("status")
    assert status.values == ("draft", "placed", "paid")
    assert status.default == "'draft'"


def test_functional_dependency(read: Any) -> None:
    from a13.agents.rules import RulesPlanner

    text = """
## Data model
- **Customer**: name, postal code, city
## Rules
- The postal code determines the city.
"""
    design = RulesPlanner().propose(text, name="x").design
    (dependency,) = design.relation("customers").dependencies
    assert dependency.determinant == ("postal_code",)
    assert dependency.dependent == ("city",)
    assert dependency.sources[0].line == 5


def test_notes_in_a_field_table(read: Any) -> None:
    design = read(
        """
        ## Data
        ### Room
        | Field | Type | Required | Notes |
        |---|---|---|---|
        | site | text | yes | |
        | name | text | yes | unique per site |
        | opened_on | date | yes | |
        | closed_on | date | no | not before opened_on; set if and only if state is closed |
        | state | enum: open, closed | yes | default open |
        | is_main | boolean | yes | default false; only one main room per site |
        """
    )
    room = design.relation("rooms")
    assert {(u.columns, u.where) for u in room.uniques} == {
        (("site", "name"), None),
        (("site",), "is_main"),
    }
    assert {c.expression for c in room.checks} == {
        "closed_on >= opened_on",
        "(closed_on IS NOT NULL) = (state = 'closed')",
    }


def test_what_no_constraint_can_say_is_listed(read: Any) -> None:
    sentence = "The sum of the deposits must not be larger than 1000 per member."
    design = read(BOOKINGS.format(sentence))
    (unread,) = [u for u in design.unread if u.text == sentence]
    assert "not enforced" in unread.reason
    assert unread.line == 10
