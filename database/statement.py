"""One statement of a migration and what undoes it."""

from __future__ import annotations

from ..domain.base import Value


class Statement(Value):
    """SQL, its reverse, and the element of the design it stands for.

    `reverse` is "" where the reverse of the owning relation undoes it too. A statement that is
    not `transactional` is a revision of its own; `prepare` runs before it and makes it idempotent;
    `index` is the index it builds.
    """

    sql: str
    reverse: str
    element: str
    transactional: bool = True
    prepare: tuple[str, ...] = ()
    index: str = ""


def block(*lines: str) -> str:
    """An anonymous code block; its dollar quote cannot be closed by what stands in it."""
    body = "\n".join(("BEGIN", *lines, "END"))
    tag = "$a13$"
    while tag in body:
        tag = f"{tag[:-1]}x$"
    return f"DO {tag} {body} {tag}"
