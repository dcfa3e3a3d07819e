"""The example notebook, executed in a kernel of its own."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from a13.evidence.verify import verify

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


@pytest.mark.slow
def test_the_notebook_runs_from_top_to_bottom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it lies, as a reader opens it; the run's workspace lies in the temporary folder."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    notebook = nbformat.read(EXAMPLES / "notebook.ipynb", as_version=4)  # type: ignore[no-untyped-call]
    client = NotebookClient(
        notebook, timeout=900, kernel_name="python3", resources={"metadata": {"path": EXAMPLES}}
    )
    client.execute()

    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    shown = cells[0].outputs[-1]["data"]
    assert {"text/plain", "text/html"} <= set(shown)
    assert "<svg" in shown["text/html"]
    printed = "".join(
        output.get("text", "") for cell in cells for output in cell.outputs if "text" in output
    )
    assert "appointment" in printed
    assert "refused by ex_appointments_practitioner_id" in printed
    (workspace,) = tmp_path.glob("clinic-*")
    assert verify(workspace).ok
