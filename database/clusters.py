"""Template clusters: the result of initdb, made once, kept as one archive, unpacked per server.

A template is known by the programs that made it and the options they were given. Its manifest
names the archive, its size and hash, and the random password of its superuser. Both belong to the
user who runs A13; the server's user only gets the archive's bytes.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import subprocess
from pathlib import Path
from typing import IO

from ..config import Settings
from ..domain.base import Value, sha256_of_json
from ..errors import ServerError
from .binaries import Binaries
from .directories import (
    cache_directory,
    file_lock,
    make_directory,
    private_directory,
    remove_tree,
    spread_directories,
    write_private,
)
from .processes import Account, clean_environment, run_program, server_account

PASSWORD_FILE = "a13-password"  # inside the cluster: a base backup carries it along
_SPACE_HINT = "Look for free space there; A13_CACHE_DIR can name a place on another file system."


class Template(Value):
    """What is known of a cached template."""

    archive: str
    size_bytes: int
    sha256: str
    password: str


def initdb_options(binaries: Binaries) -> tuple[str, ...]:
    """The options of every cluster: UTF-8, one collation everywhere, checksums, scram."""
    options = ["-U", "postgres", "-E", "UTF8", "--locale=C", "--auth=scram-sha-256"]
    options += ["--data-checksums", "--no-instructions", "--no-sync"]
    if binaries.major >= 17:  # the built-in provider came with 17
        options += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    return tuple(options)


def create_cluster(settings: Settings, binaries: Binaries, data: Path) -> str:
    """Unpack the cached template to `data`, which must not exist; the superuser's password.

    Makes the template first where it is missing or was cut short.
    """
    account = server_account(settings)
    templates = cache_directory(settings, "templates")
    key = _key(binaries)
    for _ in range(3):
        template = _read(templates, key)
        if template is not None:
            try:
                with (templates / template.archive).open("rb") as archive:
                    if os.fstat(archive.fileno()).st_size == template.size_bytes:
                        _unpack(account, archive, data)
                        return template.password
            except FileNotFoundError:
                pass  # replaced just now
        with file_lock(settings, f"template-{key}"):
            if not _complete(templates, _read(templates, key), hashed=False):
                _build(settings, account, binaries, templates, key)
    raise ServerError(
        f"The template cluster in {templates} does not last.",
        hint="Use a cache directory (A13_CACHE_DIR) that no other program changes.",
    )


def drop_damaged_template(settings: Settings, binaries: Binaries) -> bool:
    """Forget the cached template if its archive is not what was written. True if so."""
    templates = cache_directory(settings, "templates")
    key = _key(binaries)
    with file_lock(settings, f"template-{key}"):
        template = _read(templates, key)
        if _complete(templates, template, hashed=True):
            return False
        _drop(templates, key)
        return True


def write_password(account: Account, data: Path, password: str) -> None:
    """Keep the superuser's password inside the cluster, readable by the server's user alone."""
    fresh = data / f"{PASSWORD_FILE}.{secrets.token_hex(4)}"
    write_private(fresh, password, account)
    fresh.replace(data / PASSWORD_FILE)


def read_password(data: Path) -> str:
    """The superuser's password of a cluster that A13 made, or of a base backup of one."""
    try:
        return (data / PASSWORD_FILE).read_text()
    except OSError as error:
        raise ServerError(
            f"{data} holds no cluster that A13 made: its password file is missing.",
            hint="Start from a base backup or a copy of a cluster of a private server.",
        ) from error


def _key(binaries: Binaries) -> str:
    stamp = Path(binaries.program("postgres")).stat()
    what = [binaries.bin_dir, binaries.version, stamp.st_size, stamp.st_mtime_ns]
    return f"{binaries.version}-{sha256_of_json([*what, *initdb_options(binaries)])[:12]}"


def _read(templates: Path, key: str) -> Template | None:
    try:
        return Template.model_validate_json((templates / f"{key}.json").read_bytes())
    except (OSError, ValueError):
        return None


def _complete(templates: Path, template: Template | None, *, hashed: bool) -> bool:
    if template is None:
        return False
    try:
        with (templates / template.archive).open("rb") as archive:
            if os.fstat(archive.fileno()).st_size != template.size_bytes:
                return False
            return not hashed or _sha256(archive) == template.sha256
    except OSError:
        return False


def _drop(templates: Path, key: str) -> None:
    (templates / f"{key}.json").unlink(missing_ok=True)
    for rest in templates.glob(f"{key}.*"):
        rest.unlink(missing_ok=True)


def _unpack(account: Account, archive: IO[bytes], data: Path) -> None:
    """Unpack beside `data` as the server's user, then one atomic rename."""
    fresh = data.with_name(f"{data.name}.new")
    try:
        make_directory(fresh, account)
        done = _tar(account, ["-xpf", "-"], fresh, stdin=archive)
        if done.returncode != 0:
            why = done.stderr.decode(errors="replace").strip()[-500:]
            raise ServerError(
                f"The template cluster could not be unpacked to {data}: "
                f"{why or f'tar ended with {done.returncode}'}",
                hint=_SPACE_HINT,
            )
        spread_directories(fresh / "base")  # databases come and go as well
        fresh.rename(data)
    except OSError as error:
        raise ServerError(
            f"A cluster could not be made at {data}: {error.strerror}.",
            hint="Name a folder that does not exist yet, or one that holds a cluster.",
        ) from error
    finally:
        remove_tree(fresh)


def _tar(
    account: Account,
    options: list[str],
    folder: Path,
    *,
    stdin: IO[bytes] | None = None,
    stdout: IO[bytes] | None = None,
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["tar", "-C", str(folder), *options],
        stdin=stdin or subprocess.DEVNULL,
        stdout=stdout or subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        cwd="/",
        env=clean_environment(),
        **account.popen_arguments(),
    )


def _build(
    settings: Settings, account: Account, binaries: Binaries, templates: Path, key: str
) -> None:
    """initdb in a private directory, pack the result; the manifest comes last, atomically."""
    _drop(templates, key)
    password = secrets.token_urlsafe(24)
    work = private_directory(settings)
    try:
        pwfile = work.path / "password"
        write_private(pwfile, password, account)
        cluster = work.path / "cluster"
        command = [binaries.program("initdb"), "-D", str(cluster), f"--pwfile={pwfile}"]
        done = run_program(
            account, [*command, *initdb_options(binaries)], timeout=300, cwd=work.path
        )
        if not done.ok:
            raise ServerError(
                f"initdb failed: {(done.stderr or done.stdout).strip()[-1500:]}",
                hint=_initdb_hint(done.stderr),
            )
        _pack(account, cluster, templates, key, password)
    finally:
        work.release()


def _pack(account: Account, cluster: Path, templates: Path, key: str, password: str) -> None:
    """Write archive and manifest. Each archive has a new name: no reader sees a wrong pair."""
    archive = templates / f"{key}.{secrets.token_hex(4)}.tar"
    try:
        with archive.open("xb") as out:
            archive.chmod(0o600)
            packed = _tar(account, ["-cf", "-", "."], cluster, stdout=out)
        if packed.returncode != 0:
            why = packed.stderr.decode(errors="replace").strip()[-500:]
            raise ServerError(
                f"The template cluster could not be packed to {archive}: "
                f"{why or f'tar ended with {packed.returncode}'}",
                hint=_SPACE_HINT,
            )
        with archive.open("rb") as written:
            template = Template(
                archive=archive.name,
                size_bytes=os.fstat(written.fileno()).st_size,
                sha256=_sha256(written),
                password=password,
            )
        fresh = templates / f"{key}.{secrets.token_hex(4)}.new"
        write_private(fresh, template.model_dump_json(), None)
        fresh.replace(templates / f"{key}.json")
    except BaseException as error:
        archive.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise ServerError(
                f"The template cluster could not be kept in {templates}: {error.strerror}.",
                hint=_SPACE_HINT,
            ) from error
        raise


def _sha256(handle: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while block := handle.read(1 << 20):
        digest.update(block)
    return digest.hexdigest()


def _initdb_hint(stderr: str) -> str:
    if "could not look up effective user" in stderr:
        return "initdb needs an entry for this user in the system's user database (/etc/passwd)."
    if "No space left" in stderr:
        return _SPACE_HINT
    return "Run `a13 doctor` to see which programs are used."
