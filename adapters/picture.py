"""The ER diagram of a workspace, for a page that shows it inline."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

from ..documents.database_page import PICTURE
from ..domain.result import RunResult

# What our own picture is made of. A file that holds anything else is not shown in a page.
_TAGS = frozenset({"svg", "title", "style", "rect", "path", "text", "g", "circle"})
_ATTRIBUTES = frozenset(
    """
    width height viewBox role aria-label style class x y rx ry cx cy r d fill stroke stroke-width
    stroke-opacity stroke-dasharray opacity transform
    """.split()
)


def picture(result: RunResult) -> str:
    """The ER diagram of the workspace; "" where there is none that may be shown."""
    if PICTURE not in {subject.path for subject in result.artefacts}:
        return ""
    try:
        return safe_svg((Path(result.workspace) / PICTURE).read_text(encoding="utf-8"))
    except OSError:
        return ""


def safe_svg(text: str) -> str:
    """The SVG if it consists of shapes and words alone, else "": a workspace can be edited."""
    if "<!" in text or "<?" in text or "&#" in text:
        return ""
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError:
        return ""
    for element in root.iter():
        name = element.tag.removeprefix("{http://www.w3.org/2000/svg}")
        values = " ".join([*element.attrib.values(), (element.text or "") * (name == "style")])
        if name not in _TAGS or not set(element.attrib) <= _ATTRIBUTES:
            return ""
        if any(word in values.lower() for word in ("url(", "@import", "expression(", "\\")):
            return ""
    return text
