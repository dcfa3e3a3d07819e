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


@pytest.mark.parametrize(
    "line",
    ["Deleting a draft invoice also deletes its items.",
     "Deleting a draft invoice that was refused also removes its items.",
     "Removing an invoice which has expired also removes its items.",
     "If a draft invoice is withdrawn, deleting the invoice deletes its items."],
)  # fmt: skip
def test_a_delete_of_some_rows_is_no_cascade_for_all(read: Any, line: str) -> None:
    design = asked(read, line)
    items = next(r for r in design.relations if r.name == "invoice_items")
    assert [k.on_delete for k in items.foreign_keys] == ["NO ACTION"]
    assert requirement(design, "FR-1").elements == ()
    assert line in unread(design)


def test_a_delete_of_all_rows_is_a_cascade(read: Any) -> None:
    design = asked(read, "Deleting an invoice also deletes its items.")
    items = next(r for r in design.relations if r.name == "invoice_items")
    assert [k.on_delete for k in items.foreign_keys] == ["CASCADE"]


ACTS = """
## What people do
| I want to … | How often | Response |
|---|---|---|
| find an invoice by status | 500 per day | p95 < 10 ms, 20 users |
| list the invoices of a patient | 300 per day | within 0.5 seconds |
| renew everything at once | seldom | 200 ms |
"""


def test_response_times_are_read_in_any_table(read: Any) -> None:
    design = read(CLINIC + ACTS)
    slas = [q.sla for q in design.workload]
    found = {s and (s.percentile, s.target_ms, s.concurrency) for s in slas}
    assert found == {(95, 10.0, 20), (95, 500.0, None)} and len(slas) == 2
    open_ = [r for r in design.requirements if r.kind == "sla" and not r.elements]
    assert [r.text[:16] for r in open_] == ["renew everything"]


@pytest.mark.parametrize(
    "text",
    [
        "## Goals\nThe clerk gets an answer within 2 seconds.\n",
        "## Users\n- Clerk: expects 300 ms for whatever is asked.\n",
        "## Requirements\n| ID | Requirement |\n|---|---|\n"
        "| FR-1 | The moon is shown within 2 seconds. |\n",
    ],
)
def test_a_response_time_is_never_lost(read: Any, text: str) -> None:
    design = read(CLINIC + text)
    open_ = [r for r in design.requirements if r.kind == "sla" and not r.elements]
    assert open_ or "a response time not read" in unread(design)


def test_a_definition_in_brackets_is_used_wherever_its_words_stand(read: Any) -> None:
    design = asked(
        read, "Overdue invoices (open or reminded, due date passed) can be listed by age.",
        sla="## Performance\n| Operation | p95 |\n|---|---|\n"
        "| Overdue invoices by age | 500 ms |\n",
    )  # fmt: skip
    (query,) = design.workload
    assert "IN ('open', 'reminded')" in query.sql and "due_on < CURRENT_DATE" in query.sql
    assert requirement(design, "FR-1").elements == (f"query:{query.name}",)


def test_an_objective_of_some_people_is_for_their_operations_only(read: Any) -> None:
    design = read(
        "## People\n- **Desk** (12 people): on the phone.\n- **Auditor**: asks.\n"
        + CLINIC
        + "## Requirements\n| ID | Requirement |\n|---|---|\n"
        "| FR-1 | Desk finds a patient by name. |\n"
        "| FR-2 | Auditor finds an invoice by status. |\n"
        "\n## Performance\nNo operation at the desk may take longer than 1 second.\n"
    )
    slas = {q.requirement: q.sla and q.sla.target_ms for q in design.workload}
    assert slas == {"FR-1": 1000.0, "FR-2": None}


def columns(design: Any, name: str) -> dict[str, Any]:
    return {c.name: c for r in design.relations if r.name == name for c in r.columns}


def test_fields_below_a_heading_are_its_fields(read: Any) -> None:
    design = read("# T\n\n## Customer\n\n- name: text, required\n- note: text\n")
    assert [r.name for r in design.relations] == ["customers"]
    assert {"name", "note"} <= set(columns(design, "customers"))


def test_many_on_both_sides_is_an_association_and_no_text(read: Any) -> None:
    design = read(
        "# L\n## Data\n- **Title**: isbn (unique), name\n- **Author**: name, born on\n\n"
        "A title has many authors, and an author writes many titles; the order matters.\n"
    )
    assert [r.name for r in design.relations] == ["titles", "authors", "title_authors"]
    assert set(columns(design, "titles")) == {"id", "isbn", "name"}
    assert "the order matters" in unread(design)


def test_a_comment_on_a_reference_compares_nothing(read: Any) -> None:
    design = read("# L\n## Data\n- **Member**: name, guardian (Member; for children under 14)\n")
    (members,) = design.relations
    assert members.checks == ()
    assert columns(design, "members")["guardian_id"].nullable


MEMBER = (
    "# L\n## Data\n### Member\n- card_number: text, required, unique regardless of case\n"
    "- note: text\n- email: text, unique if given\n- born_on: date, required, not in the future\n"
    "- grade: integer, required, a multiple of five\n- city: text, required, where the post goes\n"
)


def test_rules_of_fields_are_enforced_or_listed(read: Any) -> None:
    design = read(MEMBER)
    (members,) = design.relations
    assert "card_number = lower(card_number)" in [c.expression for c in members.checks]
    listed = unread(design)
    assert "not in the future | it depends on the time of writing" in listed
    assert "multiple of five" in listed and "where the post goes" not in listed
    assert columns(design, "members")["city"].comment == "where the post goes"


def test_a_sentence_of_uniqueness_regardless_of_case(read: Any) -> None:
    design = read("# L\n## Data\n- **Member**: name, nick\n\nThe nick of a member is unique, "
                  "ignoring case.\n")  # fmt: skip
    (members,) = design.relations
    assert [u.columns for u in members.uniques] == [("nick",)]
    assert [c.expression for c in members.checks] == ["nick = lower(nick)"]


def test_what_is_not_marked_beside_required_fields_may_be_empty(read: Any) -> None:
    design = read(MEMBER)
    empty = {name for name, column in columns(design, "members").items() if column.nullable}
    assert empty == {"note", "email"}
    assert sum("not marked as required" in a.text for a in design.assumptions) == 1


@pytest.mark.parametrize(
    "field",
    ["email (unique if given)", "email (if known)", "email (may be empty)", "email (optional)",
     "email (only when the member has one)", "email (text, deleted members have none)",
     "closed_by (text)", "waived by", "deleted_at", "ended_at", "ready_until"],
)  # fmt: skip
def test_fields_of_some_rows_may_be_empty(read: Any, field: str) -> None:
    design = read(f"# L\n## Data\n- **Member**: name, {field}\n")
    found = columns(design, "members")
    assert [c.nullable for c in found.values()] == [False, False, True]


def test_a_list_of_some_rows_is_no_query_of_all(read: Any) -> None:
    line = "As a clerk I want a list of the invoices that have fallen below their limit."
    design = asked(read, line)
    assert requirement(design, "FR-1").elements == () and line in unread(design)


@pytest.mark.parametrize(
    "line",
    [
        "The clerk sees which patients have no invoice.",
        "The clerk can search invoices by status if the patient agreed.",
        "The clerk sees the total of the invoices of a patient.",
        "The clerk sees the median of invoices per patient.",
        "The map shows 300 patients.",
        "A patient has an invoice and a status.",
    ],
)
def test_a_query_that_does_less_is_no_answer(read: Any, line: str) -> None:
    design = asked(read, "The clerk lists invoices of a patient.", line)
    assert requirement(design, "FR-2").elements == ()
    assert line in unread(design)
    assert len(design.workload) == 1


def test_a_type_with_a_rule_is_no_closed_set(read: Any) -> None:
    design = read(
        "# B\n## Data\n### Bike\n| Field | Type | Required | Notes |\n|---|---|---|---|\n"
        "| frame | text, not blank | yes | |\n| name | text(40), capitalised | yes | |\n"
        "| started | timestamp | yes | |\n"
        "| ended | timestamp | no | not before started, at most 30 days later |\n"
    )
    found = columns(design, "bikes")
    assert not found["frame"].values and not found["name"].values
    assert found["name"].type == "character varying(40)"
    assert "not blank" in unread(design) and "at most 30 days later" in unread(design)


def test_a_rule_behind_a_semicolon_is_not_lost(read: Any) -> None:
    design = read(
        "# B\n## Data\n- **Bike**: frame\n- **Station**: name, capacity\n\n"
        "A station has many bikes; the capacity of a station must not be exceeded.\n"
    )
    assert "must not be exceeded" in unread(design)
