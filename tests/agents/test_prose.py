"""Entities, attributes and relationships in plain sentences."""

from __future__ import annotations

from typing import Any

AIRLINE = """
# Airline

The company owns several airplanes, each with a number, a model and a capacity. Each airplane
performs many flights. A flight has a departure time and an arrival time. Each passenger has a
name and a passport number. A passenger can book several flights, and a flight carries many
passengers.
"""


def test_a_text_of_plain_sentences(read: Any) -> None:
    design = read(AIRLINE)
    assert {r.name for r in design.relations} >= {"airplanes", "flights", "passengers"}
    assert design.relation("airplanes").column_names == ("id", "number", "model", "capacity")
    flights = design.relation("flights")
    assert flights.column("departure_time").type == "timestamp with time zone"
    assert {k.references for k in flights.foreign_keys} == {"airplanes"}
    (link,) = [r for r in design.relations if len(r.primary_key) == 2]
    assert {k.references for k in link.foreign_keys} == {"flights", "passengers"}


def test_requirements_that_store(read: Any) -> None:
    design = read(
        """
        ### Functional Requirements
        - **FR-001**: System MUST store for each card a title, a description and a due date.
        - **FR-002**: Users MUST be able to search cards by title.
        - **FR-003**: The system SHALL record customers with name, email and phone.
        """
    )
    assert design.relation("cards").column("due_date").type == "date"
    assert design.relation("customers").column("email").classification == "personal"
    (query,) = design.workload
    assert "title ILIKE" in query.sql
    by_id = {r.id: r.elements for r in design.requirements}
    assert by_id["FR-001"] == ("relation:cards",)
    assert by_id["FR-002"] == (f"query:{query.name}",)


def test_vision_is_no_entity(read: Any) -> None:
    design = read("# Vision\n\nThe product has a bright future. We have many ideas and a plan.\n")
    assert design.relations == ()
