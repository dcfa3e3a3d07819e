"""The two profiles of a private server, as server parameters."""

from __future__ import annotations

import os
from typing import Literal

Profile = Literal["scratch", "durable"]

_COMMON = {
    "max_connections": "100",
    "shared_buffers": "256MB",
    "maintenance_work_mem": "256MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "30min",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "datestyle": "ISO, MDY",
    "lc_messages": "C",
    "log_min_messages": "warning",
    "log_line_prefix": "%m [%p] ",
}
_SCRATCH = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}
_DURABLE = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "wal_level": "replica",
    "max_wal_senders": "10",
    # Archiving can then be pointed somewhere without a restart; until then WAL only gathers.
    "archive_mode": "on",
}
_SHARED_MEMORY_BYTES = 512 * 1024 * 1024


def profile_parameters(profile: Profile, major: int) -> dict[str, str]:
    """The server parameters of a profile for a major version of PostgreSQL.

    An immediate stop or a crash loses committed work under "scratch" (fsync is off): it is never
    for drills of durability.
    """
    parameters = {**_COMMON, **(_SCRATCH if profile == "scratch" else _DURABLE)}
    if major >= 18 and profile == "scratch":
        parameters["file_copy_method"] = "copy"
    if not _shared_memory_suffices():
        # A container's /dev/shm is often 64 MB, too little for a parallel index build.
        parameters["dynamic_shared_memory_type"] = "mmap"
    return parameters


def _shared_memory_suffices() -> bool:
    try:
        room = os.statvfs("/dev/shm")
    except OSError:
        return True  # not Linux: PostgreSQL chooses
    return room.f_frsize * room.f_blocks >= _SHARED_MEMORY_BYTES
