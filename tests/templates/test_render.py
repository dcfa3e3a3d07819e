"""Templates: a missing value is an error, an override comes first, markup is escaped."""

from __future__ import annotations

from pathlib import Path

import pytest
from jinja2 import TemplateNotFound, UndefinedError

from a13.templates import render


def test_a_missing_value_is_an_error() -> None:
    assert "Alembic for the shop." in render("migrations/alembic.ini.j2", title="the shop")
    with pytest.raises(UndefinedError):
        render("migrations/alembic.ini.j2")


def test_an_unknown_template_is_an_error() -> None:
    with pytest.raises(TemplateNotFound):
        render("migrations/ghost.j2")
    with pytest.raises(TemplateNotFound):
        render("../pyproject.toml")


def test_an_override_comes_first(tmp_path: Path) -> None:
    (tmp_path / "migrations").mkdir()
    (tmp_path / "migrations" / "alembic.ini.j2").write_text("mine: {{ title }}\n")
    assert render("migrations/alembic.ini.j2", override=tmp_path, title="<x>") == "mine: <x>\n"
    assert "def upgrade" in render("migrations/script.py.mako.j2", override=tmp_path)


def test_markup_is_escaped(tmp_path: Path) -> None:
    for name, expected in (
        ("a.svg.j2", "&lt;b&gt;"),
        ("a.html.j2", "&lt;b&gt;"),
        ("a.md.j2", "<b>"),
    ):
        (tmp_path / name).write_text("{{ text }}")
        assert render(name, override=tmp_path, text="<b>") == expected
