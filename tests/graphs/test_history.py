"""The history grows at its end: what was proved keeps its number."""

from __future__ import annotations

from pathlib import Path

from a13.database.revisions import read_history
from a13.domain.design import Design, Index, IndexKey
from a13.graphs.history import apply_history


def tuned(design: Design, relation: str, column: str) -> Design:
    found = design.relation(relation)
    index = Index(keys=(IndexKey(column=column),), origin="tuning", name=f"ix_{column}")
    return design.replace(found.model_copy(update={"indexes": (*found.indexes, index)}))


def upgrades(directory: Path) -> dict[str, str]:
    return {revision.id: revision.upgrade[0] for revision in read_history(directory)}


def test_a_later_index_on_an_earlier_relation_comes_last(library: Design, tmp_path: Path) -> None:
    first = tuned(library, "books", "title")
    history, proved = apply_history(tmp_path, first, ())
    assert ([r.id for r in history], proved) == (["0001", "0002"], ())
    before = upgrades(tmp_path)
    # authors stand before books in the design; their index is still the third revision.
    second = tuned(first, "authors", "name")
    history, proved = apply_history(tmp_path, second, ("0001", "0002"))
    assert proved == ("0001", "0002")
    after = upgrades(tmp_path)
    assert {key: after[key] for key in before} == before
    assert "ix_name" in after["0003"]


def test_writing_again_changes_nothing(library: Design, tmp_path: Path) -> None:
    design = tuned(tuned(library, "books", "title"), "authors", "name")
    first, _ = apply_history(tmp_path, design, ())
    again, proved = apply_history(tmp_path, design, ("0001", "0002", "0003"))
    assert again == first
    assert proved == ("0001", "0002", "0003")


def test_what_was_not_proved_is_written_anew(library: Design, tmp_path: Path) -> None:
    apply_history(tmp_path, tuned(library, "books", "title"), ())
    history, proved = apply_history(tmp_path, tuned(library, "books", "price"), ("0001",))
    assert proved == ("0001",)
    assert len(history) == 2
    assert "ix_price" in history[1].upgrade[0]


def test_another_schema_begins_a_new_history(library: Design, tmp_path: Path) -> None:
    apply_history(tmp_path, tuned(library, "books", "title"), ())
    books = library.relation("books").model_copy(update={"comment": "what is lent"})
    history, proved = apply_history(tmp_path, library.replace(books), ("0001", "0002"))
    assert (len(history), proved) == (1, ())
