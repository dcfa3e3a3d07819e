"""Templates: all of them ship, and a value that is missing is an error."""

from __future__ import annotations

from pathlib import Path

import pytest
from jinja2 import TemplateNotFound, UndefinedError

import a13.templates
from a13.templates import render

ROOT = Path(a13.templates.__file__).parent
NAMES = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("docs/*.j2"))


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_value_is_an_error(name: str) -> None:
    with pytest.raises(UndefinedError):
        render(name)


def test_an_unknown_template_is_an_error() -> None:
    with pytest.raises(TemplateNotFound):
        render("docs/nothing.md.j2")


def test_an_override_comes_first(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/index.md.j2").write_text("mine: {{ title }}")
    assert render("docs/index.md.j2", override=tmp_path, title="x") == "mine: x"


def test_values_are_escaped_in_html_alone(tmp_path: Path) -> None:
    (tmp_path / "a.html.j2").write_text("{{ x }}")
    (tmp_path / "a.md.j2").write_text("{{ x }}")
    assert render("a.html.j2", override=tmp_path, x="<b>") == "&lt;b&gt;"
    assert render("a.md.j2", override=tmp_path, x="<b>") == "<b>"
