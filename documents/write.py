"""All documents of a workspace, from one dossier."""

from __future__ import annotations

from ..templates import render
from . import database_page, migrations_page, performance_page, recovery_page, retention_page
from .database_page import acceptance_table, stamp
from .diagram import database_svg
from .dossier import Dossier
from .entities import tables_of
from .markdown import Linker, bullets, inline, joined
from .models_py import models_module

INDEX = "README.md"
MODELS = "models.py"


def write_documents(dossier: Dossier) -> dict[str, str]:
    """Workspace-relative paths and the text of each document.

    The pages are always written; what was not measured says so. `models.py` and the picture need a
    live catalog with tables. Deterministic: equal dossiers give equal texts.
    """
    documents = write_pages(dossier)
    if dossier.catalog is not None and tables_of(dossier.catalog):
        documents[database_page.PICTURE] = database_svg(dossier.design, dossier.catalog)
        documents[MODELS] = models_module(dossier.catalog, dossier.design)
    return documents


def write_pages(dossier: Dossier) -> dict[str, str]:
    """The Markdown pages alone, without picture and models."""
    pages = {
        INDEX: _index(dossier),
        database_page.PAGE: database_page.database_page(dossier),
        recovery_page.PAGE: recovery_page.recovery_page(dossier),
        migrations_page.PAGE: migrations_page.migrations_page(dossier),
        performance_page.PAGE: performance_page.performance_page(dossier),
        retention_page.PAGE: retention_page.retention_page(dossier),
    }
    return {path: tidy(text) for path, text in pages.items()}


def document_paths(dossier: Dossier) -> tuple[str, ...]:
    """The paths that `write_documents` would give, without writing."""
    paths = [
        INDEX, database_page.PAGE, recovery_page.PAGE, migrations_page.PAGE,
        performance_page.PAGE, retention_page.PAGE,
    ]  # fmt: skip
    if dossier.catalog is not None and tables_of(dossier.catalog):
        paths += [database_page.PICTURE, MODELS]
    return tuple(paths)


def tidy(text: str) -> str:
    """The text without trailing blanks and runs of empty lines, outside of code blocks."""
    lines: list[str] = []
    fence = ""
    for line in text.split("\n"):
        mark = line[: len(line) - len(line.lstrip("`"))]
        if len(mark) >= 3 and (not fence or (len(mark) >= len(fence) and line == mark)):
            fence = "" if fence else mark
        if not fence:
            line = line.rstrip()
            if not line and lines and not lines[-1]:
                continue
        lines.append(line)
    return "\n".join(lines).strip("\n") + "\n"


def _index(dossier: Dossier) -> str:
    link = Linker(INDEX, dossier.ledger_path)
    pages = [
        (
            database_page.PAGE,
            "the database: picture, dictionary, decisions, requirements and proof",
        ),
        (recovery_page.PAGE, "the runbook for backup and recovery, with the last drill"),
        (migrations_page.PAGE, "the revisions, how to run them, and their proof"),
        (performance_page.PAGE, "objectives, times, volumes, plans and index trials"),
        (retention_page.PAGE, "how long rows stay and what happens then"),
    ]
    if dossier.catalog is not None and tables_of(dossier.catalog):
        pages.append((MODELS, "SQLAlchemy models of the live catalog"))
    return render(
        "docs/index.md.j2",
        title=inline(dossier.design.title or dossier.design.name),
        stamp=stamp(dossier),
        acceptance=acceptance_table(dossier, link),
        pages=bullets(
            joined((link.file(path), words), ": ") for path, words in (*pages, *dossier.artefacts)
        ),
        ledger=link.file(dossier.ledger_path),
        questions=len([q for q in dossier.design.questions if q.blocking]),
    )
