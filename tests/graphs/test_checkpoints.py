"""Checkpoints that cannot be used end in one clear error."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from a13 import A13Agent
from a13.errors import WorkspaceError
from a13.evidence.workspace import CHECKPOINTS, PRD, RUN, Workspace
from a13.graphs.state import GRAPH_VERSION


def test_damaged_checkpoints_are_named(tmp_path: Path) -> None:
    place = Workspace.create(tmp_path / "run", name="shop", run_id="one")
    place.write(PRD, "# Shop\n")
    about = {"graph_version": GRAPH_VERSION, "thread_id": "one", "name": "shop"}
    place.write(RUN, json.dumps(about))
    place.write(CHECKPOINTS, b"not a database at all" * 400)
    with pytest.raises(WorkspaceError, match=r"checkpoints\.sqlite") as caught:
        A13Agent().resume(place.root)
    assert "start a new run" in caught.value.hint
