"""Where a workspace may lie: never in a folder of the system, the user's home itself, or A13."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import WorkspaceError

# Nothing inside these.
_TREES = (
    "/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/proc", "/sbin", "/sys", "/usr",
    "/Applications", "/Library", "/System", "/private/etc",
)  # fmt: skip
# Not these themselves; a folder inside is fine.
_PLACES = (
    "/", "/Users", "/Volumes", "/home", "/media", "/mnt", "/opt", "/private", "/private/tmp",
    "/private/var", "/root", "/run", "/srv", "/tmp", "/var", "/var/backups", "/var/cache",
    "/var/lib", "/var/log", "/var/run", "/var/spool", "/var/tmp",
)  # fmt: skip
_HOME_TREES = (".ssh", ".gnupg", ".aws", ".kube", ".config", ".local/bin")

_PACKAGE = Path(__file__).resolve().parents[1]
_RUNS = "a13-runs"


def check_place(path: Path | str) -> Path:
    """The absolute path without links, if a workspace may lie there; nothing is written.

    Raises WorkspaceError for a system folder, the user's home itself, a folder of the checkout
    (other than in an `a13-runs/`), a file, and a path through a symbolic link that leads out of the
    folder it lies in (such a path can be turned elsewhere between two runs).
    """
    text = os.fspath(path)
    if not text.strip() or any(ord(c) < 32 for c in text):
        raise WorkspaceError(f"{text[:80]!r} is not a path.", hint="Name a folder.")
    try:
        absolute = Path(os.path.normpath(Path(text).expanduser().absolute()))
        _refuse_links_out(absolute)
        real = absolute.resolve()
        is_file = real.exists() and not real.is_dir()
        home = Path.home().resolve()
    except (OSError, RuntimeError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise WorkspaceError(f"{text[:200]!r} cannot be used: {reason}.") from None
    if is_file:
        raise WorkspaceError(f"{real} is a file.", hint="Name a folder.")
    places = {Path(place) for place in _PLACES} | {home, *home.parents}
    trees = [Path(tree).resolve() for tree in _TREES] + [home / tree for tree in _HOME_TREES]
    trees += [Path(tree) for tree in _TREES]
    if real in places or any(real.is_relative_to(tree) for tree in trees):
        raise WorkspaceError(
            f"{real} belongs to the system or is a home; A13 does not write there.",
            hint="Name a new folder of your own.",
        )
    inside = real.is_relative_to(_PACKAGE)
    if (inside and _RUNS not in real.relative_to(_PACKAGE).parts) or real in _PACKAGE.parents:
        raise WorkspaceError(
            f"{real} belongs to A13's own code.",
            hint=f"Name another folder, or leave it out for {_RUNS}/ under the current one.",
        )
    return real


def _refuse_links_out(absolute: Path) -> None:
    here = Path(absolute.anchor)
    for part in absolute.parts[1:]:
        link = here / part
        if link.is_symlink():
            target = link.resolve()
            if not target.is_relative_to(here.resolve()):
                raise WorkspaceError(
                    f"{link} is a symbolic link that leads to {target}.",
                    hint=f"Name the real folder: {absolute.resolve()}.",
                )
        here = link
