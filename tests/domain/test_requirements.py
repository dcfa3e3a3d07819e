"""What a document is about, without the words for its kind."""

from __future__ import annotations

import pytest

from a13.domain.requirements import subject_of_heading


@pytest.mark.parametrize(
    ("heading", "subject"),
    [
        ("Product Requirements: Lindenhof Clinic", "Lindenhof Clinic"),
        ("PRD — Webshop", "Webshop"),
        ("Deskhelp (PRD)", "Deskhelp"),
        ("Requirements for the shop", "the shop"),
        ("Spectrum analyzer", "Spectrum analyzer"),
        ("Product Requirements Document", "Product Requirements Document"),
        ("PRD", "PRD"),
        ("", ""),
    ],
)
def test_subject(heading: str, subject: str) -> None:
    assert subject_of_heading(heading) == subject
