"""Nothing outlives its owner: no server, no socket, no directory, however the owner went."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from a13.config import Settings
from a13.database.directories import cache_directory, postmaster_pid, private_directory
from a13.database.owners import identity
from a13.database.server import Server, sweep, work_directory

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="looks at processes in /proc"
)

SMALL = 'parameters={"shared_buffers": "16MB"}'
PATIENCE_SECONDS = 30.0

Start = Callable[[str], "Owner"]


class Owner:
    """A Python process that owns servers. It prints one JSON line when it is ready."""

    def __init__(self, script: str, cache: Path) -> None:
        self.cache = cache
        self.process = subprocess.Popen(
            [sys.executable, "-c", script],
            env={**os.environ, "A13_CACHE_DIR": str(cache)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def facts(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            assert self.process.stderr is not None
            raise AssertionError(self.process.stderr.read().decode())
        return dict(json.loads(line))

    def end(self, number: int, *, group: bool = False) -> None:
        if group:
            os.killpg(self.process.pid, number)
        else:
            self.process.send_signal(number)
        self.process.wait(PATIENCE_SECONDS)

    def servers(self) -> list[int]:
        """The processes whose command line names this cache and a program `postgres`."""
        return [
            pid
            for pid, words in processes()
            if Path(words[0]).name == "postgres" and str(self.cache) in " ".join(words)
        ]


def processes() -> Iterator[tuple[int, list[str]]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
            except OSError:
                continue
            if words[0]:
                yield int(entry.name), words


def alive(pid: int) -> bool:
    return identity(pid)["start"] != ""


def eventually(true: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@pytest.fixture
def start(own_settings: Settings) -> Iterator[Start]:
    owners: list[Owner] = []

    def begin(script: str) -> Owner:
        owners.append(Owner(script, own_settings.cache_dir))
        return owners[-1]

    yield begin
    for owner in owners:
        if owner.process.poll() is None:
            owner.end(signal.SIGKILL)
        for stream in (owner.process.stdout, owner.process.stderr):
            assert stream is not None
            stream.close()


SLEEPER = f"""if True:
    import json, time
    from a13.database.server import Server
    with Server({SMALL}) as server:
        with server.connect() as connection:
            pid = connection.execute("SELECT pg_postmaster_start_time()").fetchone()
        print(json.dumps({{
            "postmaster": int((server.data_directory / "postmaster.pid").read_text().split()[0]),
            "folder": str(server.directory),
            "sockets": str(server.socket_directory),
        }}), flush=True)
        time.sleep(600)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_owner_leaves_no_server_and_the_next_start_sweeps(
    number: int, start: Start, own_settings: Settings
) -> None:
    owner = start(SLEEPER)
    facts = owner.facts()
    assert alive(facts["postmaster"])
    owner.end(number)
    assert eventually(lambda: not owner.servers())
    assert Path(facts["folder"]).exists()
    with Server(settings=own_settings) as server:
        left = {path.name for path in (own_settings.cache_dir / "run").iterdir()}
        assert left == {server.directory.name, f"{server.directory.name}.json"}
    assert not Path(facts["folder"]).exists()
    assert not Path(facts["sockets"]).exists()


@pytest.mark.parametrize("group", [False, True], ids=["process", "terminal"])
def test_ctrl_c_leaves_nothing(group: bool, start: Start, own_settings: Settings) -> None:
    owner = start(SLEEPER)
    facts = owner.facts()
    owner.end(signal.SIGINT, group=group)
    assert not alive(facts["postmaster"])
    assert list((own_settings.cache_dir / "run").iterdir()) == []
    assert owner.process.stderr is not None
    assert b"KeyboardInterrupt" in owner.process.stderr.read()


def test_an_exception_and_a_forgotten_server_leave_nothing(
    start: Start, own_settings: Settings
) -> None:
    for last in ("raise SystemExit(3)", "pass", "del server"):
        owner = start(
            f"from a13.database.server import Server\nserver = Server({SMALL}).start()\n{last}"
        )
        assert owner.process.wait(PATIENCE_SECONDS) == (3 if "raise" in last else 0)
        assert owner.servers() == []
        assert list((own_settings.cache_dir / "run").iterdir()) == []


def test_a_kill_at_any_moment_of_the_start_leaves_no_server(
    start: Start, own_settings: Settings
) -> None:
    script = f"""if True:
        from a13.database.server import Server
        server = Server({SMALL})
        print("{{}}", flush=True)
        server.start()
        import time; time.sleep(600)
    """
    for milliseconds in (0, 15, 30, 45, 60, 75, 90, 105, 120, 140, 160):
        owner = start(script)
        owner.facts()
        time.sleep(milliseconds / 1000)
        owner.end(signal.SIGKILL)
    assert eventually(lambda: not owner.servers())
    time.sleep(0.2)  # nothing may come up late either
    assert owner.servers() == []
    assert sweep(own_settings)
    assert list((own_settings.cache_dir / "run").iterdir()) == []


def test_a_kill_while_the_template_is_made_leaves_nothing(
    start: Start, own_settings: Settings
) -> None:
    for path in (own_settings.cache_dir / "templates").iterdir():
        path.unlink()
    owner = start(SLEEPER)

    def initdb() -> list[int]:
        return [
            pid
            for pid, words in processes()
            if Path(words[0]).name == "initdb" and str(owner.cache) in " ".join(words)
        ]

    assert eventually(lambda: bool(initdb()))
    owner.end(signal.SIGKILL)
    assert eventually(lambda: not initdb() and not owner.servers())
    with Server(settings=own_settings):
        pass
    assert list((own_settings.cache_dir / "run").iterdir()) == []


def test_other_children_do_not_keep_a_server_alive(start: Start) -> None:
    """Neither a second server, nor a program, nor a fork holds the first server's pipe."""
    owner = start(f"""if True:
        import json, os, subprocess, time
        from a13.database.server import Server
        one = Server({SMALL}).start()
        two = Server({SMALL}).start()
        program = subprocess.Popen(["sleep", "600"])
        fork = os.fork()
        if fork == 0:
            time.sleep(600)
        three = Server({SMALL}).start()
        print(json.dumps({{"program": program.pid, "fork": fork}}), flush=True)
        time.sleep(600)
    """)
    facts = owner.facts()
    assert len(owner.servers()) >= 3
    owner.end(signal.SIGKILL)
    try:
        assert eventually(lambda: not owner.servers())
        assert alive(facts["program"]) and alive(facts["fork"])
    finally:
        os.kill(facts["program"], signal.SIGKILL)
        os.kill(facts["fork"], signal.SIGKILL)


def test_a_fork_does_not_stop_its_parents_server(own_settings: Settings) -> None:
    with Server(settings=own_settings) as server:
        child = os.fork()
        if child == 0:
            server.stop()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        assert sweep(own_settings) == []
        with server.connect() as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_program_ends_with_its_owner(start: Start, own_settings: Settings) -> None:
    owner = start(f"""if True:
        from a13.database.server import Server
        with Server({SMALL}) as server:
            print("{{}}", flush=True)
            server.run("pg_receivewal", "-D", ".", "--verbose")
            server.run("psql", "-c", "SELECT pg_sleep(600)")
    """)
    owner.facts()
    cache = str(own_settings.cache_dir).encode()

    def programs() -> list[int]:
        found = []
        for pid, words in processes():
            try:
                environment = Path(f"/proc/{pid}/environ").read_bytes()
            except OSError:
                continue
            if Path(words[0]).name in ("psql", "pg_receivewal") and cache in environment:
                found.append(pid)
        return found

    assert eventually(lambda: bool(programs()))
    owner.end(signal.SIGKILL)
    assert eventually(lambda: not programs() and not owner.servers())


def guards(server_pid: int) -> list[int]:
    """The shells that watch a server: all in its process group."""
    group = os.getpgid(server_pid)
    return [
        pid for pid, words in processes() if words[0].endswith("sh") and os.getpgid(pid) == group
    ]


def test_a_server_whose_guard_was_killed_still_stops(own_settings: Settings) -> None:
    server = Server(settings=own_settings).start()
    pid = postmaster_pid(server.data_directory)
    assert pid is not None
    for shell in guards(pid):
        os.kill(shell, signal.SIGKILL)
    assert eventually(lambda: not server.started)
    assert alive(pid)
    server.stop()
    assert not alive(pid)


def test_a_server_that_survived_owner_and_guard_is_stopped_by_the_sweep(
    start: Start, own_settings: Settings
) -> None:
    owner = start(SLEEPER)
    pid = owner.facts()["postmaster"]
    for shell in guards(pid):
        os.kill(shell, signal.SIGKILL)
    owner.end(signal.SIGKILL)
    assert alive(pid)
    assert len(sweep(own_settings)) == 1
    assert not alive(pid)
    assert list((own_settings.cache_dir / "run").iterdir()) == []


def test_a_crashed_server_is_seen_and_cleared(own_settings: Settings) -> None:
    with Server(settings=own_settings) as server:
        pid = postmaster_pid(server.data_directory)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        assert eventually(lambda: not server.started)
    assert list((own_settings.cache_dir / "run").iterdir()) == []


# -- the sweep -------------------------------------------------------------------------------


def test_a_sweep_leaves_living_owners_alone(start: Start, own_settings: Settings) -> None:
    owner = start(SLEEPER)
    facts = owner.facts()
    with work_directory(own_settings) as mine:
        assert sweep(own_settings) == []
        assert mine.exists()
    assert not mine.exists()
    assert alive(facts["postmaster"]) and Path(facts["folder"]).exists()


def test_a_reused_process_id_does_not_keep_a_directory(own_settings: Settings) -> None:
    run = cache_directory(own_settings, "run")
    for name, facts in {
        "reused": {"pid": os.getpid(), **identity(os.getpid()), "start": "12345"},
        "otherboot": {"pid": os.getpid(), **identity(os.getpid()), "boot": "before"},
        "gone": {"pid": 2**22 + 1, "start": "1", "boot": ""},
        "garbled": "{",
        "stray": None,
    }.items():
        (run / name).mkdir()
        if facts is not None:
            text = facts if isinstance(facts, str) else json.dumps(facts)
            (run / f"{name}.json").write_text(text)
    (run / "living").mkdir()
    living = {"pid": os.getpid(), **identity(os.getpid())}
    (run / "living.json").write_text(json.dumps(living))  # its lock was lost, its owner lives
    swept = {Path(path).name for path in sweep(own_settings)}
    assert swept == {"reused", "otherboot", "gone", "garbled", "stray"}
    assert {path.name for path in run.iterdir()} == {"living", "living.json"}


def test_a_socket_directory_elsewhere_is_swept_too(own_cache: Path, start: Start) -> None:
    long = own_cache / ("long-" * 20) / "cache"
    long.parent.mkdir(mode=0o711)
    owner = Owner(SLEEPER, long)
    try:
        sockets = Path(owner.facts()["sockets"])
        assert not sockets.is_relative_to(long)
    finally:
        owner.end(signal.SIGKILL)
        assert owner.process.stdout is not None and owner.process.stderr is not None
        owner.process.stdout.close()
        owner.process.stderr.close()
    assert eventually(lambda: not owner.servers())
    assert str(sockets) in sweep(Settings(cache_dir=long))
    assert not sockets.exists()


def test_a_private_directory_is_of_the_servers_user(own_settings: Settings) -> None:
    directory = private_directory(own_settings)
    assert stat.S_IMODE(directory.path.stat().st_mode) == 0o700
    if os.geteuid() == 0:
        assert directory.path.stat().st_uid != 0
    directory.release()
    directory.release()
    assert not directory.path.exists()
