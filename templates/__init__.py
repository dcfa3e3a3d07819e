"""Text templates (Jinja2 under StrictUndefined): migrations, documents, operations.

This room knows no other room: values come in as arguments, text goes out.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

_HERE = Path(__file__).parent


@cache
def _environment(override: Path | None) -> Environment:
    folders = [_HERE] if override is None else [override, _HERE]
    return Environment(
        loader=FileSystemLoader(folders),
        undefined=StrictUndefined,
        autoescape=_is_markup,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _is_markup(name: str | None) -> bool:
    return name is not None and name.endswith((".html.j2", ".svg.j2", ".xml.j2"))


def render(name: str, /, *, override: Path | None = None, **values: object) -> str:
    """The text of the template `name` ("migrations/env.py.j2") with `values` filled in.

    A file of the same name below `override` comes first. Values are escaped in HTML, SVG and XML
    templates only. A value that the template uses and that is not given raises
    jinja2.UndefinedError; a template that does not exist raises jinja2.TemplateNotFound.
    """
    return _environment(override).get_template(name).render(**values)
