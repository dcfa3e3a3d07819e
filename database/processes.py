"""Programs of PostgreSQL, run as the right user, with a clean environment and a guard.

PostgreSQL refuses to run as root. As root everything here runs as `Settings.server_user`; as
anybody else it runs as that person. Every process lies under a guard: a small shell that holds
the reading end of a pipe. When the process that started it is gone, however it went, the pipe
closes and the guard ends its program.
"""

from __future__ import annotations

import contextlib
import functools
import os
import pwd
import shlex
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from ..config import Settings
from ..domain.base import Value
from ..errors import ConfigError, ServerError

# The main shell waits for its program, a second one reads the pipe. Each line that arrives is the
# name of a signal; the end of the pipe means that the owner is gone. QUIT is sent again and again,
# because a server that has only just been started still ignores it. `kill 0` reaches the whole
# group: the program, what it forked, and the shells.
_SERVER_GUARD = """
exec 3<&0
"$@" </dev/null 3<&- &
pid=$!
(
    while read -r name <&3; do kill -s "$name" "$pid"; done
    tries=0
    while kill -s QUIT "$pid"; do
        sleep 1
        tries=$((tries + 1))
        if [ "$tries" -gt 9 ]; then kill -s KILL "$pid"; fi
    done
) >/dev/null 2>&1 &
watcher=$!
exec 3<&-
wait "$pid"
status=$?
kill -s KILL "$watcher" 2>/dev/null
exit "$status"
"""
_PROGRAM_GUARD = """
exec 3<&0
input=$1
shift
"$@" <"$input" 3<&- &
pid=$!
( read -r name <&3; kill -s KILL 0 ) >/dev/null 2>&1 &
watcher=$!
exec 3<&-
wait "$pid"
status=$?
kill -s KILL "$watcher" 2>/dev/null
exit "$status"
"""


class Account(Value):
    """The operating system's user who runs the private server."""

    name: str
    uid: int
    gid: int
    other: bool = False  # somebody else than the user of this process

    def popen_arguments(self) -> dict[str, Any]:
        """What `subprocess` needs to run a program as this user."""
        if not self.other:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def give(self, path: Path) -> None:
        """Make this user the owner of a file or a directory that we just created."""
        if self.other:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)


class ProgramRun(Value):
    """One finished run of a program. `command` holds no password.

    A program that ran out of time was killed: `timed_out` is set and `exit_code` is -9.
    """

    command: tuple[str, ...]
    exit_code: int
    stdout: str
    stderr: str
    seconds: float
    timed_out: bool = False

    @property
    def ok(self) -> bool:
        """The program ended with exit code 0."""
        return self.exit_code == 0

    @property
    def command_line(self) -> str:
        """The command as one would type it."""
        return shlex.join(self.command)


def server_account(settings: Settings) -> Account:
    """The user who runs the private server: this one, or `server_user` when this one is root.

    Raises ConfigError when root has no usable `server_user`.
    """
    uid = os.geteuid()
    if uid != 0:
        try:
            name = pwd.getpwuid(uid).pw_name
        except KeyError:
            name = str(uid)
        return Account(name=name, uid=uid, gid=os.getegid())
    try:
        entry = pwd.getpwnam(settings.server_user)
    except KeyError:
        raise ConfigError(
            f"PostgreSQL does not run as root, and there is no user {settings.server_user!r}.",
            hint=_USER_HINT,
        ) from None
    if entry.pw_uid == 0:
        raise ConfigError(
            f"PostgreSQL does not run as root, and {settings.server_user!r} is root.",
            hint=_USER_HINT,
        )
    account = Account(name=entry.pw_name, uid=entry.pw_uid, gid=entry.pw_gid, other=True)
    _try_to_become(account)
    return account


_USER_HINT = "Set A13_SERVER_USER to an existing unprivileged user, or run as a normal user."


@functools.cache
def _try_to_become(account: Account) -> None:
    """Find out once whether this root may run programs as another user (a container may forbid)."""
    try:
        can_reach(account, Path("/"))
    except OSError as error:
        raise ConfigError(
            f"This root may not run programs as the user {account.name}: {error.strerror}.",
            hint="Run as a normal user, or with the capabilities CAP_SETUID and CAP_SETGID.",
        ) from error


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of PostgreSQL's programs: no PG* variables, language C, time zone UTC."""
    kept = {
        name: text
        for name, text in os.environ.items()
        if not name.startswith(("PG", "LC_")) and name != "LANGUAGE"
    }
    return {**kept, "LC_ALL": "C", "LANG": "C", "TZ": "UTC", **(extra or {})}


def can_reach(account: Account, path: Path, access: str = "-x") -> bool:
    """Whether the user really can reach a path; `access` is a switch of test(1)."""
    done = subprocess.run(
        ["/bin/sh", "-c", f'test {access} "$1"', "sh", str(path)],
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=clean_environment(),
        **account.popen_arguments(),
    )
    return done.returncode == 0


def signal_as(account: Account, pid: int, name: str) -> None:
    """Send a signal with the rights of the server's user, never with those of root."""
    subprocess.run(
        ["/bin/sh", "-c", 'kill -s "$1" "$2"', "sh", name, str(pid)],
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=clean_environment(),
        **account.popen_arguments(),
    )


def spawn_server(
    account: Account, command: Sequence[str], *, log: IO[bytes], cwd: Path
) -> subprocess.Popen[bytes]:
    """Start a server under its guard, in a session of its own.

    The caller keeps `stdin` of the returned process open: writing a signal's name sends it.
    """
    return subprocess.Popen(
        ["/bin/sh", "-c", _SERVER_GUARD, "a13-guard", *command],
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=log,
        cwd=cwd,
        env=clean_environment(),
        start_new_session=True,
        **account.popen_arguments(),
    )


def run_program(
    account: Account,
    command: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    stdin: Path | None = None,
    timeout: float | None = None,
    cwd: Path | None = None,
    check: bool = False,
) -> ProgramRun:
    """Run a program to its end, or kill it and its children when `timeout` seconds are over.

    Raises ServerError when the program does not exist, or, with `check`, when it fails.
    """
    if not Path(command[0]).is_file():
        raise ServerError(
            f"There is no program {command[0]}.",
            hint="Use an installation of PostgreSQL that has it, named by A13_PG_BIN.",
        )
    began = time.monotonic()
    process = subprocess.Popen(
        ["/bin/sh", "-c", _PROGRAM_GUARD, "a13-guard", str(stdin or "/dev/null"), *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=cwd or "/",
        env=clean_environment(environment),
        start_new_session=True,
        **account.popen_arguments(),
    )
    # communicate() would close stdin at once, and the guard takes that for our death.
    lifeline, process.stdin = process.stdin, None
    timed_out = False
    try:
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            timed_out = True
            _kill_group(process)
            out, err = process.communicate()
        except BaseException:
            _kill_group(process)
            process.communicate()
            raise
    finally:
        if lifeline is not None:
            with contextlib.suppress(OSError):
                lifeline.close()
    done = ProgramRun(
        command=tuple(command),
        exit_code=-int(signal.SIGKILL) if timed_out else process.returncode,
        stdout=out.decode(errors="replace"),
        stderr=err.decode(errors="replace"),
        seconds=time.monotonic() - began,
        timed_out=timed_out,
    )
    if check and not done.ok:
        why = f"ran longer than {timeout} s" if timed_out else f"ended with {done.exit_code}"
        raise ServerError(
            f"{Path(command[0]).name} {why}: {done.stderr.strip()[-2000:]}",
            command=done.command_line,
        )
    return done


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
