"""Template clusters: the result of initdb, made once and copied for every server.

A template is known by the programs that made it and the options they were given. Beside it lies
a manifest: the size and hash of every file, and the random password of its superuser.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
from hashlib import sha256
from pathlib import Path

from ..config import Settings
from ..errors import ServerError
from .binaries import Binaries
from .directories import (
    cache_directory,
    file_lock,
    private_directory,
    remove_tree,
)
from .processes import Account, clean_environment, run_program, server_account

PASSWORD_FILE = "a13-password"  # inside the cluster: a base backup carries it along
_KEPT_FOR_COPY = ("PG_VERSION", "global/pg_control")


def initdb_options(binaries: Binaries) -> tuple[str, ...]:
    """The options of every cluster: UTF-8, one collation everywhere, checksums, scram."""
    options = ["-U", "postgres", "-E", "UTF8", "--locale=C", "--auth=scram-sha-256"]
    options += ["--data-checksums", "--no-instructions", "--no-sync"]
    if binaries.major >= 17:  # the built-in provider came with 17
        options += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    return tuple(options)


def create_cluster(
    settings: Settings, binaries: Binaries, data: Path, *, rebuild: bool = False
) -> str:
    """Copy the cached template to `data` (which must not exist); the superuser's password.

    Makes the template first where it is missing or damaged. With `rebuild` every file of the
    template is compared with its hash, not only with its size.
    """
    key = _key(binaries)
    templates = cache_directory(settings, "templates")
    account = server_account(settings)
    for _ in range(3):
        with file_lock(settings, f"template-{key}", shared=True):
            manifest = None if rebuild else _read_manifest(templates, key)
            if manifest is not None and _intact(templates / key, manifest, hashes=False):
                _copy(account, templates / key, data)
                return str(manifest["password"])
        with file_lock(settings, f"template-{key}"):
            manifest = _read_manifest(templates, key)
            if manifest is None or not _intact(templates / key, manifest, hashes=rebuild):
                _build(settings, account, binaries, templates, key)
        rebuild = False
    raise ServerError(
        "The template cluster changes while it is being copied.",
        hint="Use a cache directory (A13_CACHE_DIR) that no other program writes to.",
    )


def template_is_damaged(settings: Settings, binaries: Binaries) -> bool:
    """Whether a file of the cached template is not what initdb made."""
    key = _key(binaries)
    templates = cache_directory(settings, "templates")
    with file_lock(settings, f"template-{key}", shared=True):
        manifest = _read_manifest(templates, key)
        return manifest is None or not _intact(templates / key, manifest, hashes=True)


def write_password(account: Account, data: Path, password: str) -> None:
    """Keep the superuser's password inside the cluster, readable by the server's user alone."""
    path = data / PASSWORD_FILE
    fresh = data / f"{PASSWORD_FILE}.new"
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as handle:
        handle.write(password)
    account.give(fresh)
    fresh.replace(path)


def _key(binaries: Binaries) -> str:
    stamp = Path(binaries.program("postgres")).stat()
    what = [binaries.bin_dir, binaries.version, stamp.st_size, stamp.st_mtime_ns]
    text = json.dumps([*what, *initdb_options(binaries)])
    return f"{binaries.version}-{sha256(text.encode()).hexdigest()[:12]}"


def _read_manifest(templates: Path, key: str) -> dict[str, object] | None:
    try:
        manifest = json.loads((templates / f"{key}.json").read_text())
    except (OSError, ValueError):
        return None
    return manifest if isinstance(manifest, dict) and "files" in manifest else None


def _files(cluster: Path, *, hashes: bool) -> dict[str, list[object]]:
    """Every file of a cluster with its size and, where asked, its hash."""
    found: dict[str, list[object]] = {}
    for folder, _, names in os.walk(cluster):
        for name in names:
            path = Path(folder, name)
            relative = str(path.relative_to(cluster))
            found[relative] = [path.lstat().st_size]
            if hashes:
                found[relative].append(sha256(path.read_bytes()).hexdigest())
    return found


def _intact(cluster: Path, manifest: dict[str, object], *, hashes: bool) -> bool:
    expected = manifest["files"]
    assert isinstance(expected, dict)
    if not hashes:
        expected = {name: facts[:1] for name, facts in expected.items()}
    try:
        return _files(cluster, hashes=hashes) == expected
    except OSError:
        return False


def _copy(account: Account, template: Path, data: Path) -> None:
    """Copy with cp(1), which clones blocks where the file system can."""
    done = subprocess.run(
        ["cp", "-R", "-p", str(template), str(data)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd="/",
        env=clean_environment(),
        **account.popen_arguments(),
    )
    if done.returncode != 0:
        raise ServerError(
            f"The template cluster could not be copied: {done.stderr.strip()[-500:]}",
            hint="Look for free space in the cache directory (A13_CACHE_DIR).",
        )


def _build(
    settings: Settings, account: Account, binaries: Binaries, templates: Path, key: str
) -> None:
    """initdb in a private directory, then one atomic rename; the manifest comes last."""
    (templates / f"{key}.json").unlink(missing_ok=True)
    remove_tree(templates / key)
    password = secrets.token_urlsafe(24)
    work = private_directory(settings)
    try:
        pwfile = work.path / "password"
        with os.fdopen(os.open(pwfile, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(password)
        account.give(pwfile)
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
        manifest = {"password": password, "files": _files(cluster, hashes=True)}
        cluster.rename(templates / key)
        fresh = templates / f"{key}.new"
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(manifest, file)
        fresh.replace(templates / f"{key}.json")
    finally:
        work.release()


def _initdb_hint(stderr: str) -> str:
    if "could not look up effective user" in stderr:
        return "initdb needs an entry for this user in the system's user database (/etc/passwd)."
    if "No space left" in stderr:
        return "Free some space, or set A13_CACHE_DIR to a larger file system."
    return "Run `a13 doctor` to see which programs are used."
