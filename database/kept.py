"""Kept directories: backup and archive of a corrupt drill, until the restore has used them.

They outlive the process that made them, so that a run which is resumed in another process can
still restore. The next drill sweeps those that are older than a week, or were restored more than
an hour ago.
"""

from __future__ import annotations

import secrets
import time
from pathlib import Path

from ..config import Settings
from .directories import cache_directory, make_directory, remove_tree
from .processes import server_account

DATABASE = "a13_drill"
_KEPT_SECONDS = 7 * 24 * 3600
_RESTORED_SECONDS = 3600
_RESTORED = "restored"


def keep(settings: Settings, backup: Path, archive: Path) -> Path:
    """Move a backup and an archive into a kept directory; that directory."""
    directory = cache_directory(settings, "drills") / secrets.token_hex(8)
    make_directory(directory, server_account(settings))
    backup.rename(directory / "backup")
    archive.rename(directory / "archive")
    return directory


def mark_restored(directory: Path) -> None:
    """Say that a restore from the directory passed."""
    (directory / _RESTORED).touch()


def sweep_kept(settings: Settings) -> list[Path]:
    """Remove kept directories that nobody needs any more; what was removed."""
    now = time.time()
    removed = []
    for directory in cache_directory(settings, "drills").iterdir():
        age_seconds = now - directory.stat().st_mtime
        restored = (directory / _RESTORED).exists()
        if age_seconds > (_RESTORED_SECONDS if restored else _KEPT_SECONDS):
            remove_tree(directory)
            removed.append(directory)
    return removed
