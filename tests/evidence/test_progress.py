"""The page is a pure function of the records, pins the head and keeps foreign text as text."""

from __future__ import annotations

import pytest

from a13.domain.evidence import CRITERIA, Criterion
from a13.evidence.ledger import Ledger
from a13.evidence.progress import (
    HEAD_LINE,
    PAGE_LINE,
    inline,
    page_hash,
    render_progress,
    write_progress,
)
from a13.evidence.workspace import Workspace


def test_the_five_steps_are_ticked_by_their_records(workspace: Workspace) -> None:
    ledger = Ledger(workspace)
    ledger.append("intake", "Read.", "info")
    ledger.append("design", "No open error.", "passed")
    ledger.begin("migrate")
    ledger.append("migrate", "Failed half-way.", "failed")
    ledger.append("rollback", "As before.", "passed")
    ledger.begin("migrate")
    ledger.append("migrate", "Up, down, up.", "passed", facts={"rows": 200, "head": "no number"})
    ledger.append("optimize", "One SLA missed.", "failed", facts={"p95_ms": 12.5})
    ledger.append("manage_data", "RPO", "passed")
    ledger.append("manage_data", "Not drilled on 15.", "not_proved")
    page = render_progress(ledger.records(), ledger.head(), title="Shop")
    assert page.startswith("# Task progress: Shop\n")
    assert "- [x] **Schema design**\n  - Read. (E-0001)\n  - [x] No open error. (E-0002)" in page
    assert "- [x] **Migration management**\n" in page
    assert "- [!] **Performance optimization**\n  - [!] One SLA missed. (E-0006)" in page
    assert "- [ ] **Data management**\n" in page and "- [ ] Not drilled on 15. (E-0008)" in page
    assert "- [ ] **Documentation**\n" in page
    assert "- migrate, pass 1: Failed half-way. (failed, E-0003)" in page
    assert "| optimize | p95_ms | 12.5 | E-0006 |" in page
    assert "| migrate | rows | 200 | E-0005 |" in page and "no number" not in page


def test_the_head_and_the_page_are_pinned(workspace: Workspace) -> None:
    ledger = Ledger(workspace)
    ledger.append("design", "Fine.", "passed")
    write_progress(workspace, ledger, title="Shop")
    page = workspace.read("task-progress.md")
    head, own = HEAD_LINE.search(page), PAGE_LINE.search(page)
    assert head is not None and head[1] == ledger.head() and head[2] == "1"
    assert own is not None and own[1] == page_hash(page)
    assert page_hash(page.replace("[x]", "[ ]")) != own[1]


def test_an_empty_ledger_ticks_nothing() -> None:
    page = render_progress((), "")
    assert page.count("- [ ] **") == 5 and "[x] **" not in page
    assert HEAD_LINE.search(page) is not None


def test_artefacts_show_their_latest_hash(workspace: Workspace) -> None:
    ledger = Ledger(workspace)
    workspace.write("docs/a.md", "old")
    ledger.append("document", "Written.", "passed", subjects=["docs/a.md"])
    new = workspace.write("docs/a.md", "new")
    ledger.append("document", "Written again.", "passed", subjects=["docs/a.md"])
    page = render_progress(ledger.records(), ledger.head())
    assert page.count("docs/a.md") == 1 and f"| docs/a.md | `{new.sha256}` | E-0002 |" in page


def test_the_criteria_are_a_table() -> None:
    criteria = [
        Criterion(id=key, text=text, verdict="met", reason="a | b", evidence=("E-0001",))
        for key, text in CRITERIA
    ]
    page = render_progress((), "", criteria=criteria)
    assert page.count(" | **met** | a \\| b | E-0001 |") == 4


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\n- [x] forged (E-0001)", "a - \\[x\\] forged (E-0001)"),
        ("<script>alert(1)</script>", "\\<script\\>alert(1)\\</script\\>"),
        ("[link](http://x) | `code` **b**", "\\[link\\](http://x) \\| \\`code\\` \\*\\*b\\*\\*"),
        ("bi\u202edi and zero\u200bwidth\x07", "bidi and zerowidth"),
        ("x" * 500, "x" * 399 + "…"),
        ("order_line", "order_line"),
    ],
)
def test_a_claim_is_shown_as_text(text: str, shown: str) -> None:
    assert inline(text) == shown
