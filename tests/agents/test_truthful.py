"""What is not fully understood becomes a question, never a silently different rule."""

from __future__ import annotations

from typing import Any

import pytest

LIBRARY = """
## Data model
- **Member**: name, email (unique), born on (date), joined on (date), \
last login at (timestamp, optional), legal hold (boolean, default false)
- **Loan**: member, borrowed on (date), returned on (date, optional)
- **Reservation**: member, reserved at (timestamp), status (waiting, ready, expired)
- **Contract**: member, number (unique), created at, ends on (date), closed at (timestamp, optional)
- **Note**: contract, text
{}
"""


def library(read: Any, text: str) -> Any:
    return read(LIBRARY.format(text))


def kept(design: Any, relation: str, words: str) -> None:
    """Nothing is removed, a question quotes the line, and no requirement is served by it."""
    retention = design.relation(relation).retention
    assert retention is None or (retention.action, retention.assumed) == ("keep", True)
    assert any(words in q.text for q in design.questions), [q.text for q in design.questions]
    assert any(words in u.text for u in design.unread)
    said = [r for r in design.requirements if words in r.text]
    assert said and not any(r.elements for r in said)


@pytest.mark.parametrize(
    ("text", "relation"),
    [
        ("Contracts are deleted 2 years after the last visit.", "contracts"),
        ("Members who have not borrowed for 3 years are anonymised.", "members"),
        ("Inactive members are deleted after 3 years.", "members"),
        ("Reservations are deleted after 90 days unless they are disputed.", "reservations"),
        ("Reservations waiting for approval are deleted after 90 days.", "reservations"),
        ("Contracts are deleted 5 years after the end of the year of creation.", "contracts"),
        ("Members are deleted 2 years after the contract ends.", "members"),
        ("Members are deleted after 3 years without a loan or login.", "members"),
        ("Loans are deleted 1 year after return as long as nothing is owed.", "loans"),
        ("Loans are deleted 10 years after the last loan.", "loans"),
        ("Loans are deleted after 2 years, reservations after 90 days unless waiting.",
         "reservations"),
        ("Contracts are deleted after 2 years of inactivity.", "contracts"),
        ("Expired reservations are deleted after 90 days.", "reservations"),
        ("The loans of deleted members are deleted after 2 years.", "loans"),
        ("The loans of deleted members are deleted after 2 years.", "members"),
        ("Loans are deleted after 2 years; not those of good members.", "loans"),
        ("Archived contracts are deleted after 2 years.", "contracts"),
        ("Loans are deleted 2 years after return unless the member is on hold.", "loans"),
        ("Members are deleted 2 years after last login. This does not apply to members of a club.",
         "members"),
    ],
)  # fmt: skip
def test_what_is_not_understood_removes_nothing(read: Any, text: str, relation: str) -> None:
    design = library(read, f"## Retention\n- {text}\n")
    retention = design.relation(relation).retention
    assert retention is None or (retention.action, retention.assumed) == ("keep", True)
    assert any("Line" in q.text for q in design.questions) or any(
        text[:20] in u.text for u in design.unread
    )
    said = [r for r in design.requirements if text[:20] in r.text]
    assert not any(r.elements for r in said)


def test_the_question_quotes_the_line(read: Any) -> None:
    words = "Contracts are deleted 2 years after the last visit."
    kept(library(read, f"## Retention\n- {words}\n"), "contracts", words)


@pytest.mark.parametrize(
    ("text", "relation", "clock", "hold"),
    [
        ("Members are deleted 2 years after their last login unless on hold.",
         "members", "last_login_at", "legal_hold IS TRUE"),
        ("Reservations are deleted 90 days after they were reserved, unless still waiting.",
         "reservations", "reserved_at", "status = 'waiting'"),
        ("Reservations, unless status is waiting or ready, are deleted after 90 days.",
         "reservations", "reserved_at", "status IN ('waiting', 'ready')"),
        ("Expired reservations are deleted 90 days after they were reserved.",
         "reservations", "reserved_at", "status <> 'expired'"),
        ("Reservations are deleted 90 days after reservation only if they are expired.",
         "reservations", "reserved_at", "status <> 'expired'"),
        ("Members: 2 years after last login, then deleted, except members on hold.",
         "members", "last_login_at", "legal_hold IS TRUE"),
        ("Loans are deleted 2 years after they are returned.", "loans", "returned_on", None),
        ("Returned loans are deleted after 2 years.", "loans", "returned_on", None),
        ("Loans are deleted 1 year after return.", "loans", "returned_on", None),
        ("Contracts are deleted 3 years after the contract ends (tax law).",
         "contracts", "ends_on", None),
        ("Contracts are deleted 3 years after the end of the contract.",
         "contracts", "ends_on", None),
        ("Closed contracts are kept for 3 years after closing, then deleted.",
         "contracts", "closed_at", None),
        ("Contracts are deleted 10 years after entry.", "contracts", "created_at", None),
    ],
)  # fmt: skip
def test_clocks_and_conditions_become_columns(
    read: Any, text: str, relation: str, clock: str, hold: str | None
) -> None:
    retention = library(read, f"## Retention\n- {text}\n").relation(relation).retention
    assert retention is not None
    assert (retention.action, retention.assumed) == ("drop", False)
    assert (retention.clock_column, retention.hold) == (clock, hold)


def test_a_ban_on_deleting_only_keeps(read: Any) -> None:
    design = library(read, "## Retention\n- Loans must not be deleted for 10 years.\n")
    retention = design.relation("loans").retention
    assert (retention.period, retention.action) == ("P10Y", "keep")


def test_a_date_of_birth_is_no_clock(read: Any) -> None:
    design = read(
        "## Data\n- **Member**: name, born on (date)\n\n"
        "## Retention\n- Members are deleted after 5 years.\n"
    )
    retention = design.relation("members").retention
    assert retention.clock_column == "created_at"
    assert any("created_at is added" in a.text for a in design.assumptions)


def test_a_child_goes_with_its_parent_where_it_has_no_such_time(read: Any) -> None:
    design = library(
        read, "## Retention\n- Contracts and notes are deleted 3 years after closing.\n"
    )
    assert design.relation("contracts").retention.clock_column == "closed_at"
    assert design.relation("notes").retention is None
    assert any("notes go with their contracts" in a.text for a in design.assumptions)


def test_rows_of_a_retention_table(read: Any) -> None:
    design = library(
        read,
        """## Retention
| Data | Keep for | Counted from | Then |
|---|---|---|---|
| Contracts | 10 years | end of the year of creation | delete |
| Loans | 2 years | return | delete |
| Reservations | 90 days | reservation, unless waiting | delete |
| Members | 2 years | last visit | anonymise |
""",
    )
    kept(design, "contracts", "end of the year")
    kept(design, "members", "last visit")
    assert design.relation("loans").retention.clock_column == "returned_on"
    held = design.relation("reservations").retention
    assert (held.clock_column, held.hold) == ("reserved_at", "status = 'waiting'")


def classes(design: Any, relation: str) -> dict[str, str]:
    return {c.name: c.classification for c in design.relation(relation).columns}


def test_health_is_sensitive_and_a_place_is_nobody(read: Any) -> None:
    design = read(
        """
        ## Data
        - **Branch**: name, street, phone (optional)
        - **Warehouse**: code (unique), street
        - **Customer**: name, street, phone
        - **Vaccination**: customer, vaccine, reaction (optional), given on (date)
        - **Lab result**: customer, loinc code, value (decimal), unit, abnormal (boolean)
        - **Prescription**: customer, dose, medication name, issued on (date)
        - **Product**: name, description, value (decimal)
        """
    )
    assert {classes(design, "branches")[c] for c in ("street", "phone")} == {"internal"}
    assert classes(design, "warehouses")["street"] == "internal"
    assert {classes(design, "customers")[c] for c in ("street", "phone")} == {"personal"}
    for relation, columns in (
        ("vaccinations", ("vaccine", "reaction")),
        ("lab_results", ("loinc_code", "value", "abnormal")),
        ("prescriptions", ("dose", "medication_name")),
    ):
        found = classes(design, relation)
        assert {found[c] for c in columns} == {"sensitive"}, found
        assert found["customer_id"] == "internal"
    assert {classes(design, "products")[c] for c in ("description", "value")} == {"internal"}


def test_the_phone_of_a_site_in_a_table_of_fields(read: Any) -> None:
    design = read(
        """
        ## Data
        ### Site
        | Field | Type | Required |
        |---|---|---|
        | name | text | yes |
        | phone | phone | no |
        ### Patient
        | Field | Type | Required |
        |---|---|---|
        | phone | phone | no |
        | reach | phone | no |
        """
    )
    assert classes(design, "sites")["phone"] == "internal"
    found = classes(design, "patients")
    assert (found["phone"], found["reach"]) == ("personal", "personal")


def rows(design: Any) -> dict[str, int | None]:
    return {r.name: r.volume.rows if r.volume else None for r in design.relations}


@pytest.mark.parametrize(
    "text",
    [
        "- 200,000 loans, growing by 120,000 a year",
        "- Loans: 200,000, growing by 120,000 a year",
        "| What | How many |\n|---|---|\n| Loans | 200,000, growing by 120,000 a year |",
        "| What | How many |\n|---|---|\n| Loans | 200,000 (plus 120,000 per year) |",
        "| What | Now | Growth |\n|---|---|---|\n| Loans | 200,000 | 120,000 a year |",
    ],
)
def test_growth_is_not_added_to_what_there_is_now(read: Any, text: str) -> None:
    design = library(read, f"## Volumes\n{text}\n")
    assert rows(design)["loans"] == 200_000
    assert any("loans: the volume is that of today" in a.text for a in design.assumptions)


@pytest.mark.parametrize(
    "text",
    [
        "- 20,000 loans\n- Reservations: about 1 in 20 loans",
        "- 20,000 loans\n- about one in twenty loans has a reservation",
        "- 20,000 loans\n- 5% of the loans have a reservation",
        "| What | Rows |\n|---|---|\n| Loans | 20,000 |\n| Reservations | about 1 in 20 loans |",
    ],
)
def test_a_share_of_another_relation(read: Any, text: str) -> None:
    found = rows(library(read, f"## Volumes\n{text}\n"))
    assert (found["loans"], found["reservations"]) == (20_000, 1_000)


def test_a_share_without_a_part_is_no_volume(read: Any) -> None:
    found = rows(library(read, "## Volumes\n- about 1 in 20 loans is late\n"))
    assert found["loans"] is None


def test_small_numbers_of_a_summary(read: Any) -> None:
    text = """
        # Library
        ## Summary
        {}
        ## Data
        - **Site**: name
        - **Room**: site, name
        - **Member**: name
        """
    said = "A non-member library with three sites, 38 rooms and about 24,000 members."
    found = rows(read(text.format(said)))
    assert found == {"sites": 3, "rooms": 38, "members": 24_000}
    for limits in (
        "Sites have four rooms each, members book up to 3 rooms, and two rooms per day at most.",
        "Each site has two rooms and five members.",
        "Members book three rooms at a time.",
    ):
        assert set(rows(read(text.format(limits))).values()) == {None}


RIGHTS = """
## Data
- **Patient**: first name, last name, address, email, note (optional)
- **Invoice**: patient, number (unique), status (open, paid), amount
- **Payment**: invoice, amount
## Roles
{}
"""


@pytest.mark.parametrize(
    "text",
    [
        "| Role | May read |\n|---|---|\n| Clerk | patients (name and address only), invoices |",
        "| Role | May read |\n|---|---|\n| Clerk | invoices, patients (email only) |",
        "| Role | May read |\n|---|---|\n| Clerk | invoices, own patients |",
        "| Role | May read |\n|---|---|\n| Clerk | patient emails, invoices |",
        "| Role | May read |\n|---|---|\n| Clerk | names of patients, invoices |",
        "| Role | Invoices | Patients |\n|---|---|---|\n| Clerk | read | read own |",
        "- Clerk: can read invoices; can read patients (name, address only)",
        "- Clerk: can read invoices; can read patients assigned to them",
        "- Clerk: can read invoices of patients; can see their own patients and payments",
        "- Clerk: can read invoices; can see payments and patients that are overdue",
    ],
)
def test_a_right_on_a_part_is_not_granted_on_the_whole(read: Any, text: str) -> None:
    design = read(RIGHTS.format(text))
    role = next(r for r in design.roles if r.name == "clerk")
    assert role.select == ("invoices",)
    assert any("patients only in part" in q.text for q in design.questions)
    assert any("Clerk" in u.text or "patients" in u.text for u in design.unread)
    assert not any("role:clerk" in r.elements for r in design.requirements)


@pytest.mark.parametrize("right", ["has read-only access to", "can read", "can view"])
def test_reading_everything_changes_nothing(read: Any, right: str) -> None:
    design = read(RIGHTS.format(f"- Auditor: {right} everything"))
    role = next(r for r in design.roles if r.name == "auditor")
    assert len(role.select) == 3
    assert (role.insert, role.update, role.delete) == ((), (), ())
    design = read(RIGHTS.format("- Owner: manages everything"))
    assert len(design.roles[0].delete) == 3


def test_all_that_another_may_is_not_everything(read: Any) -> None:
    design = read(RIGHTS.format("- Manager: can do everything the clerk can"))
    assert all(not r.select for r in design.roles)
    assert any("Manager" in u.text for u in design.unread)


def test_rights_on_nothing_but_a_part_make_no_role(read: Any) -> None:
    table = "| Role | May read |\n|---|---|\n| Clerk | patients (email only) |"
    design = read(RIGHTS.format(table))
    assert all(r.name != "clerk" for r in design.roles)
    assert any("patients only in part" in q.text for q in design.questions)


@pytest.mark.parametrize(
    ("text", "select"),
    [
        ("| Role | May read |\n|---|---|\n| Clerk | everything except payments |",
         ("patients", "invoices")),
        ("| Role | May read |\n|---|---|\n| Clerk | records (patients, invoices) |",
         ("patients", "invoices")),
        ("- Clerk: has read-only access to everything", ("patients", "invoices", "payments")),
        ("- Clerk: can read invoices of patients", ("invoices",)),
        ("- Clerk: can only read invoices and payments", ("invoices", "payments")),
        ("| Role | Invoices | Patients |\n|---|---|---|\n| Clerk | read-only | everything |",
         ("invoices", "patients")),
    ],
)  # fmt: skip
def test_whole_rights_stay(read: Any, text: str, select: tuple[str, ...]) -> None:
    design = read(RIGHTS.format(text))
    assert set(next(r for r in design.roles if r.name == "clerk").select) == set(select)
    assert not any("only in part" in q.text for q in design.questions)
