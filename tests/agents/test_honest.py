"""What is not fully understood becomes a line not read, never another rule."""

from __future__ import annotations

from typing import Any

import pytest

CLINIC = """# Clinic
## Data
### Patient
| Field | Type | Required | Notes |
|---|---|---|---|
| name | text | yes | |
### Invoice
| Field | Type | Required | Notes |
|---|---|---|---|
| patient | reference to Patient | yes | |
| issued_on | date | yes | |
| due_on | date | yes | |
| status | enum: open, paid, reminded, written_off | yes | |
### Invoice item
| Field | Type | Required | Notes |
|---|---|---|---|
| invoice | reference to Invoice | yes | |
| position | integer | yes | |
"""


def asked(read: Any, *lines: str, sla: str = "") -> Any:
    rows = "".join(f"| FR-{n} | {line} |\n" for n, line in enumerate(lines, 1))
    return read(f"{CLINIC}\n## Requirements\n| ID | Requirement |\n|---|---|\n{rows}\n{sla}")


def requirement(design: Any, ident: str) -> Any:
    return next(r for r in design.requirements if r.id == ident)


def unread(design: Any) -> str:
    return "\n".join(f"{u.text} | {u.reason}" for u in design.unread)


@pytest.mark.parametrize(
    "line",
    [
        "The system shows the free hours of a patient for the next 14 days.",
        "The system sends a reminder to the patient if the patient agreed.",
        "As a clerk I can export an invoice.",
        "As a clerk I want to create an invoice and see how often it was paid.",
    ],
)
def test_relations_alone_serve_no_access_and_no_action(read: Any, line: str) -> None:
    design = asked(read, line)
    assert requirement(design, "FR-1").elements == ()
    assert line in unread(design)


@pytest.mark.parametrize(
    "line", ["The system SHALL record invoices of patients.", "A clerk can create an invoice.",
             "Invoices are stored."]
)  # fmt: skip
def test_a_relation_serves_what_asks_to_keep_its_rows(read: Any, line: str) -> None:
    assert "relation:invoices" in requirement(asked(read, line), "FR-1").elements


def test_a_delete_of_some_rows_is_no_cascade_for_all(read: Any) -> None:
    design = asked(read, "Deleting a draft invoice also deletes its items.")
    items = next(r for r in design.relations if r.name == "invoice_items")
    assert [k.on_delete for k in items.foreign_keys] == ["NO ACTION"]
    assert requirement(design, "FR-1").elements == ()
    assert "draft invoice" in unread(design)
    design = asked(read, "Deleting an invoice also deletes its items.")
    items = next(r for r in design.relations if r.name == "invoice_items")
    assert [k.on_delete for k in items.foreign_keys] == ["CASCADE"]
