"""The example PRDs, end to end. The clinic's run is in test_notebook.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from a13 import A13Agent
from a13.evidence.verify import verify

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["saas.md", "shop.md"])
def test_an_example_runs_to_its_end(name: str, tmp_path: Path) -> None:
    """Exit code 0, or an honest 5: every verdict has a reason, and every met one has evidence."""
    prd = EXAMPLES / name
    before = prd.read_bytes()
    result = A13Agent(workspace=tmp_path / "run").run(prd)

    assert result.status == "completed", result.reason
    assert result.exit_code in {0, 5}
    assert len(result.acceptance) == 4
    for criterion in result.acceptance:
        assert criterion.reason
        assert criterion.evidence or criterion.verdict != "met"
    assert {m.proved for m in result.migrations} == {True}
    assert result.design is not None
    assert 15 <= len(result.design.relations) <= 40
    assert any(m.sla for m in result.sla)
    assert verify(tmp_path / "run").ok
    assert prd.read_bytes() == before
