"""What is known of the private server on this machine, for `a13 doctor`."""

from __future__ import annotations

import os
import time
from pathlib import Path

from ..config import Settings
from ..domain.base import Value
from ..errors import A13Error
from .binaries import available_extensions, find_binaries
from .processes import server_account
from .server import Server


class ServerFacts(Value):
    """Which programs are used and whether a server really starts.

    `start_seconds` and `stop_seconds` are of a start and stop that were done just now, with the
    template cluster in the cache; None where it failed, and `problem` says why.
    """

    version: str = ""
    bin_dir: str = ""
    origin: str = ""
    extensions: tuple[str, ...] = ()
    cache_dir: str
    cache_size_bytes: int
    server_user: str = ""
    template_seconds: float | None = None
    start_seconds: float | None = None
    stop_seconds: float | None = None
    problem: str = ""


def describe(settings: Settings) -> ServerFacts:
    """Look for the programs, start a scratch server twice, and say what was seen.

    The first start makes the template cluster if there is none (`template_seconds`), the second
    is the usual one. A problem is a value here, not an exception.
    """
    known: dict[str, object] = {}
    problem = ""
    try:
        account = server_account(settings)
        known["server_user"] = account.name
        binaries = find_binaries(settings)
        known |= {
            "version": binaries.version,
            "bin_dir": binaries.bin_dir,
            "origin": binaries.origin,
            "extensions": available_extensions(binaries, account),
        }
        for name in ("template_seconds", "start_seconds"):
            began = time.monotonic()
            server = Server(settings=settings, binaries=binaries).start()
            known[name] = time.monotonic() - began
            began = time.monotonic()
            server.stop()
            known["stop_seconds"] = time.monotonic() - began
    except A13Error as error:
        problem = str(error)
    return ServerFacts.model_validate(
        {
            **known,
            "problem": problem,
            "cache_dir": str(settings.cache_dir),
            "cache_size_bytes": _size(settings.cache_dir),
        }
    )


def _size(folder: Path) -> int:
    """The bytes on disk below a folder; files that vanish meanwhile count nothing."""
    total = 0
    for path, _, names in os.walk(folder):
        for name in names:
            try:
                total += Path(path, name).lstat().st_blocks * 512
            except OSError:
                continue
    return total
