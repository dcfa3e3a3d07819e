"""The workspace: the folder of one run, with safe relative names, atomic writes and a lock.

Every file is reached component by component without following a symbolic link, so that neither a
name from a design nor a link made while the run works can lead a write out of the folder.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from ..domain.evidence import Subject
from ..domain.identifiers import snake_case
from ..domain.redaction import redact
from ..errors import LockedError, WorkspaceError
from .places import check_place

# The layout. Names of folders have no trailing slash.
PRD = "input/prd.md"
DESIGN = "design/design.json"
MIGRATIONS = "migrations"
DOCS = "docs"
SEED = "seed"
MODELS = "models.py"
LEDGER = "evidence/ledger.jsonl"
REPORTS = "evidence/reports"
LOGS = "evidence/logs"
PROGRESS = "task-progress.md"
PRIVATE = ".a13"
CHECKPOINTS = ".a13/checkpoints.sqlite"
RUN = ".a13/run.json"
LOCK = ".a13/lock"

_LONGEST_NAME_BYTES = 255
# A file that `Workspace.write` had not finished when its process died.
_TEMPORARY = re.compile(r"\..{1,60}\.[0-9a-f]{8}\.tmp", re.DOTALL)
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def safe_parts(relative: str) -> tuple[str, ...]:
    """The components of a relative name with forward slashes.

    Raises WorkspaceError for an absolute name, `..`, control characters or a backslash.
    """
    parts = tuple(relative.split("/"))
    for part in parts:
        if (
            part in ("", ".", "..")
            or "\\" in part
            or any(ord(c) < 32 or ord(c) == 127 for c in part)
            or len(part.encode(errors="surrogatepass")) > _LONGEST_NAME_BYTES
        ):
            raise WorkspaceError(
                f"{relative[:80]!r} is not a name inside the workspace.",
                hint="Use a relative name such as docs/notes.md.",
            )
    return parts


class Workspace:
    """The folder of one run. `root` is absolute and free of symbolic links."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def __repr__(self) -> str:
        return f"Workspace({str(self.root)!r})"

    @classmethod
    def create(cls, path: Path | str | None, name: str, run_id: str) -> Workspace:
        """A workspace at `path`, by default `a13-runs/<name>-<run id>` under the current folder.

        An existing workspace is used again. Raises WorkspaceError for a place that A13 must not
        write to (see `places`), a folder with other things in it, or one it cannot write.
        """
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", run_id):
            raise WorkspaceError(
                f"{run_id[:80]!r} is not a run id.", hint="Use letters and digits."
            )
        if path is None:
            label = snake_case(name).replace("_", "-") or "run"
            path = Path.cwd() / "a13-runs" / f"{label}-{run_id}"
        root = check_place(path)
        try:
            root.mkdir(parents=True, exist_ok=True)
            entries = () if _is_workspace(root) else root.iterdir()
            foreign = sorted(entry.name for entry in entries if entry.name != PRIVATE)
            if foreign:
                raise WorkspaceError(
                    f"{root} is not empty ({foreign[0]!r} lies there) and not a workspace of A13.",
                    hint="Name a new or an empty folder.",
                )
            (root / PRIVATE).mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise _unusable(root, error) from None
        return cls(check_place(root))

    @classmethod
    def open(cls, path: Path | str) -> Workspace:
        """The workspace that lies at `path`. Raises WorkspaceError where there is none."""
        root = check_place(path)
        if not _is_workspace(root):
            raise WorkspaceError(
                f"{root} is not a workspace of A13.",
                hint=f"A workspace holds a folder {PRIVATE}; a13 run makes one.",
            )
        return cls(root)

    # Names

    def path(self, relative: str) -> Path:
        """The absolute path of a name, for programs that need one. No link is on the way now."""
        parts = safe_parts(relative)
        here = self.root
        for part in parts:
            here = here / part
            if here.is_symlink():
                raise _linked(relative)
        return here

    def exists(self, relative: str) -> bool:
        """True where a regular file has that name."""
        try:
            return self.path(relative).is_file()
        except WorkspaceError:
            return False

    def files(self, under: str = "") -> tuple[str, ...]:
        """The names of the files below a folder ("" for all), sorted; links are not followed."""
        top = self.path(under) if under else self.root
        names: list[str] = []
        for folder, _, entries in os.walk(top):
            here = PurePosixPath(Path(folder).relative_to(self.root).as_posix())
            names += [str(here / entry) for entry in entries if not _TEMPORARY.fullmatch(entry)]
        return tuple(sorted(names))

    # Reading and writing

    def write(self, relative: str, content: str | bytes) -> Subject:
        """Write a file whole or not at all, and say what was written.

        A reader sees the old content or the new, also after a crash. Text is written as UTF-8.
        """
        data = content.encode(errors="backslashreplace") if isinstance(content, str) else content
        *folders, name = safe_parts(relative)
        temporary = f".{name[:60]}.{secrets.token_hex(4)}.tmp"
        folder = self._folder(relative, folders, make=True)
        try:
            if _is_link(name, folder):
                raise _linked(relative)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            _write_all(os.open(temporary, flags, 0o644, dir_fd=folder), data)
            os.replace(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
            os.fsync(folder)
        except OSError as error:
            with suppress(OSError):
                os.unlink(temporary, dir_fd=folder)
            raise self._refused(relative, error) from None
        finally:
            os.close(folder)
        return Subject(path=relative, sha256=hashlib.sha256(data).hexdigest())

    def append_line(self, relative: str, line: bytes) -> None:
        """Add one line to a file and wait until the disk has it."""
        descriptor = self._open(relative, os.O_WRONLY | os.O_CREAT | os.O_APPEND, make=True)
        _write_all(descriptor, line + b"\n")

    def truncate(self, relative: str, size_bytes: int) -> None:
        """Cut a file to its first `size_bytes` bytes."""
        descriptor = self._open(relative, os.O_WRONLY)
        try:
            os.ftruncate(descriptor, size_bytes)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def read_bytes(self, relative: str) -> bytes:
        """The content of a file. Raises WorkspaceError where there is none."""
        with open(self._open(relative, os.O_RDONLY), "rb") as file:  # noqa: PTH123 (a descriptor)
            return file.read()

    def read(self, relative: str) -> str:
        """The text of a UTF-8 file. Raises WorkspaceError where there is none."""
        try:
            return self.read_bytes(relative).decode()
        except UnicodeDecodeError:
            raise WorkspaceError(f"{self.root / relative} is not UTF-8 text.") from None

    def subject(self, relative: str) -> Subject:
        """A file of the workspace with its hash as it is now."""
        return Subject(path=relative, sha256=hashlib.sha256(self.read_bytes(relative)).hexdigest())

    def write_log(self, name: str, text: str) -> Subject:
        """Keep a log under `evidence/logs`, redacted."""
        return self.write(f"{LOGS}/{name}", redact(text))

    def write_report(self, name: str, content: str | bytes) -> Subject:
        """Keep a report of the run under `evidence/reports`."""
        return self.write(f"{REPORTS}/{name}", content)

    # The lock

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the workspace for this process, until the block ends or the process dies.

        What a dead holder left half-written is removed. Raises LockedError where another holds
        the lock; the message names its process id.
        """
        descriptor = self._open(LOCK, os.O_RDWR | os.O_CREAT, make=True)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if error.errno not in (errno.EAGAIN, errno.EACCES):
                    raise _unusable(self.root, error) from None
                holder = os.pread(descriptor, 20, 0).decode(errors="replace").strip()
                raise LockedError(
                    f"{self.root} is in use by process {holder or 'unknown'}.",
                    hint="Wait until it ends, or end it.",
                    pid=int(holder) if holder.isdigit() else None,
                ) from None
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
            for folder, _, entries in os.walk(self.root):
                for entry in entries:
                    if _TEMPORARY.fullmatch(entry):
                        (Path(folder) / entry).unlink(missing_ok=True)
            yield
        finally:
            os.close(descriptor)

    # Component by component

    def _folder(self, relative: str, folders: list[str], *, make: bool = False) -> int:
        """A descriptor of the folder that the components lead to, made where it is missing."""
        here = -1
        try:
            here = os.open(self.root, _FOLDER)
            for depth, part in enumerate(folders):
                if make:
                    with suppress(FileExistsError):
                        os.mkdir(
                            part, 0o700 if depth == 0 and part == PRIVATE else 0o755, dir_fd=here
                        )
                deeper = os.open(part, _FOLDER, dir_fd=here)
                os.close(here)
                here = deeper
        except OSError as error:
            if here >= 0:
                os.close(here)
            raise self._refused(relative, error) from None
        return here

    def _open(self, relative: str, flags: int, *, make: bool = False) -> int:
        """A descriptor of a regular file inside the workspace."""
        *folders, name = safe_parts(relative)
        folder = self._folder(relative, folders, make=make)
        try:
            # A named pipe would block for ever; nothing but a regular file is read or written.
            extra = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
            descriptor = os.open(name, flags | extra, 0o644, dir_fd=folder)
        except OSError as error:
            raise self._refused(relative, error) from None
        finally:
            os.close(folder)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise WorkspaceError(f"{relative!r} is not a regular file.")
        return descriptor

    def _refused(self, relative: str, error: OSError) -> WorkspaceError:
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            return _linked(relative)
        if error.errno == errno.ENOENT:
            return WorkspaceError(f"{self.root / relative} is missing.", errno=error.errno)
        return _unusable(self.root / relative, error)


def _is_workspace(root: Path) -> bool:
    private = root / PRIVATE
    return private.is_dir() and not private.is_symlink()


def _is_link(name: str, folder: int) -> bool:
    try:
        return stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return False


def _write_all(descriptor: int, data: bytes) -> None:
    """Write everything, wait until the disk has it, and close."""
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _linked(relative: str) -> WorkspaceError:
    return WorkspaceError(
        f"{relative[:80]!r} passes through a symbolic link or a file.",
        hint="Remove the link: A13 writes inside the workspace only.",
    )


def _unusable(path: Path, error: OSError) -> WorkspaceError:
    return WorkspaceError(
        f"{path} cannot be used: {error.strerror}.",
        hint="Choose another folder with --workspace, or free this one.",
        errno=error.errno,
    )
