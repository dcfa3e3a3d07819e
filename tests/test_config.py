"""The environment: what A13 reads of it, and what it takes out."""

from __future__ import annotations

import os

import pytest

from a13.config import unset_session_variables


def test_variables_that_bend_every_session_are_taken_out(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = ("PGSERVICE", "PGDATESTYLE", "PGTZ", "PGGEQO")
    for name in (*taken, "PGPASSFILE"):
        monkeypatch.setenv(name, "x")
    unset_session_variables()
    assert not os.environ.keys() & set(taken)
    assert os.environ["PGPASSFILE"] == "x"
