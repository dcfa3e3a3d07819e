"""A workspace lies in a safe place, and nothing is written outside it."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import a13
from a13.errors import LockedError, WorkspaceError
from a13.evidence.workspace import LOCK, Workspace

CHECKOUT = Path(a13.__file__).resolve().parent


def test_the_default_lies_under_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made = Workspace.create(None, "My Shop; DROP TABLE x", "20260101-ab12")
    assert made.root == tmp_path.resolve() / "a13-runs" / "my-shop-drop-table-x-20260101-ab12"
    assert Workspace.open(made.root).root == made.root


def test_a_name_of_nothing_but_signs_still_gives_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert Workspace.create(None, "../..", "r1").root == tmp_path.resolve() / "a13-runs" / "run-r1"


@pytest.mark.parametrize("run_id", ["", "../x", "a/b", "a b", "-x", "x" * 65])
def test_a_run_id_is_letters_and_digits(tmp_path: Path, run_id: str) -> None:
    with pytest.raises(WorkspaceError, match="run id"):
        Workspace.create(tmp_path / "w", "shop", run_id)


@pytest.mark.parametrize(
    "path",
    [
        "/", "/etc", "/etc/a13", "/usr", "/usr/local/share/x", "/var", "/var/log", "/bin", "/home",
        "/proc/self/x", "/dev/shm/x", "/tmp", "~", "~/.ssh", "~/.ssh/x", "", "  ", "a\x00b", "a\nb",
        "~no-such-user-of-this-machine/x",
    ],
)  # fmt: skip
def test_a_place_of_the_system_is_refused(path: str) -> None:
    with pytest.raises(WorkspaceError):
        Workspace.create(path, "shop", "r1")


def test_the_parents_of_the_home_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "homes" / "ada"
    home.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    for place in (home, home.parent, home / ".config" / "x"):
        with pytest.raises(WorkspaceError, match="home"):
            Workspace.create(place, "shop", "r1")
    assert Workspace.create(home / "work", "shop", "r1").root == home.resolve() / "work"
    assert Workspace.create("~/other", "shop", "r1").root == home.resolve() / "other"


def test_the_checkout_is_refused_but_for_its_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    for place in (CHECKOUT, CHECKOUT / "docs", CHECKOUT / "examples" / "out", CHECKOUT.parent):
        with pytest.raises(WorkspaceError):
            Workspace.create(place, "shop", "r1")
    from a13.evidence.places import check_place

    assert check_place(CHECKOUT / "a13-runs" / "x") == CHECKOUT / "a13-runs" / "x"


def test_a_link_that_leads_out_is_refused(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "link").symlink_to(outside)
    for place in (inside / "link", inside / "link" / "deeper"):
        with pytest.raises(WorkspaceError, match="symbolic link"):
            Workspace.create(place, "shop", "r1")
    (inside / "etc").symlink_to("/etc")
    with pytest.raises(WorkspaceError):
        Workspace.create(inside / "etc", "shop", "r1")
    assert list(outside.iterdir()) == []


def test_a_link_that_stays_in_its_folder_is_resolved(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert Workspace.create(tmp_path / "link" / "w", "shop", "r1").root == tmp_path / "real" / "w"


def test_a_folder_with_other_things_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(WorkspaceError, match=r"thesis\.txt"):
        Workspace.create(tmp_path, "shop", "r1")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["thesis.txt"]


def test_a_file_is_no_workspace(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for place in (tmp_path / "file", tmp_path / "file" / "deeper"):
        with pytest.raises(WorkspaceError):
            Workspace.create(place, "shop", "r1")


def test_an_existing_workspace_is_used_again(workspace: Workspace) -> None:
    workspace.write("docs/a.md", "a")
    again = Workspace.create(workspace.root, "shop", "r2")
    assert again.read("docs/a.md") == "a"


def test_open_wants_a_workspace(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="not a workspace"):
        Workspace.open(tmp_path)
    (tmp_path / ".a13").symlink_to(tmp_path)
    with pytest.raises(WorkspaceError, match="not a workspace"):
        Workspace.open(tmp_path)


def test_the_private_folder_is_private(workspace: Workspace) -> None:
    assert stat.S_IMODE((workspace.root / ".a13").stat().st_mode) == 0o700


def test_write_says_what_was_written(workspace: Workspace) -> None:
    subject = workspace.write("docs/architecture/database.md", "ä\n")
    assert subject == workspace.subject("docs/architecture/database.md")
    assert workspace.read_bytes(subject.path) == "ä\n".encode()
    assert workspace.write(subject.path, b"\xff").sha256 != subject.sha256
    with pytest.raises(WorkspaceError, match="UTF-8"):
        workspace.read(subject.path)
    assert workspace.files("docs") == ("docs/architecture/database.md",)


@pytest.mark.parametrize(
    "name",
    ["", "/etc/passwd", "..", "../x", "docs/../../x", "docs//x", "./x", "a\\b", "a\x00b", "a\nb",
     "docs/", "x" * 300],
)  # fmt: skip
def test_a_name_that_leads_out_is_refused(workspace: Workspace, name: str) -> None:
    for use in (workspace.read, workspace.path, workspace.subject):
        with pytest.raises(WorkspaceError):
            use(name)
    with pytest.raises(WorkspaceError):
        workspace.write(name, "x")


def test_links_made_later_are_not_followed(workspace: Workspace, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("mine")
    (workspace.root / "docs").symlink_to(outside)
    (workspace.root / "models.py").symlink_to(outside / "file")
    for name in ("docs/file", "docs/new", "models.py"):
        with pytest.raises(WorkspaceError, match="link"):
            workspace.write(name, "taken")
        with pytest.raises(WorkspaceError):
            workspace.read(name)
        with pytest.raises(WorkspaceError):
            workspace.path(name)
    assert sorted(p.name for p in outside.iterdir()) == ["file"]
    assert (outside / "file").read_text() == "mine"


def test_a_root_turned_into_a_link_is_not_followed(workspace: Workspace, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    workspace.root.rename(tmp_path / "moved")
    workspace.root.symlink_to(outside)
    with pytest.raises(WorkspaceError):
        workspace.write("docs/x", "taken")
    assert list(outside.iterdir()) == []


def test_a_pipe_is_not_read(workspace: Workspace) -> None:
    os.mkfifo(workspace.root / "pipe")
    with pytest.raises(WorkspaceError, match="regular"):
        workspace.read("pipe")


def test_a_failed_write_keeps_the_old_content(workspace: Workspace) -> None:
    workspace.write("docs/x", "old")
    (workspace.root / "docs" / "y").mkdir()
    with pytest.raises(WorkspaceError):
        workspace.write("docs/y", "new")  # a folder has that name
    assert workspace.files("docs") == ("docs/x",)
    assert workspace.read("docs/x") == "old"


def test_what_is_missing_is_named(workspace: Workspace) -> None:
    with pytest.raises(WorkspaceError, match="missing"):
        workspace.read("docs/none.md")


def test_a_log_is_redacted(workspace: Workspace) -> None:
    subject = workspace.write_log("pg.txt", "connect postgresql://app:hunter2@h/db")
    assert subject.path == "evidence/logs/pg.txt"
    assert "hunter2" not in workspace.read(subject.path)


def test_one_process_holds_the_lock(workspace: Workspace) -> None:
    with (
        workspace.lock(),
        pytest.raises(LockedError, match=str(os.getpid())) as caught,
        workspace.lock(),
    ):
        pass
    assert caught.value.facts["pid"] == os.getpid()
    with workspace.lock():
        pass


def test_an_error_inside_the_lock_comes_out_as_it_is(workspace: Workspace) -> None:
    with pytest.raises(FileNotFoundError), workspace.lock():
        raise FileNotFoundError("mine")
    with workspace.lock():
        pass


HOLDER = textwrap.dedent(
    """
    import sys, time
    from a13.evidence.workspace import Workspace
    with Workspace.open(sys.argv[1]).lock():
        print("held", flush=True)
        time.sleep(600)
    """
)


def test_a_killed_holder_frees_the_lock_and_its_leftovers_go(workspace: Workspace) -> None:
    workspace.write("docs/x", "whole")
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(workspace.root)], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        with pytest.raises(LockedError, match=str(holder.pid)), workspace.lock():
            pass
        holder.send_signal(signal.SIGKILL)
    leftover = workspace.root / "docs" / ".x.0123abcd.tmp"
    leftover.write_text("ha")
    with workspace.lock():
        assert not leftover.exists()
        assert (workspace.root / LOCK).read_text() == f"{os.getpid()}\n"
