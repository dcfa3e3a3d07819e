from __future__ import annotations

from pathlib import Path

import pytest

from a13.evidence.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.create(tmp_path / "run", "shop", "r1")
