"""The private server: what it is, what it refuses, what it leaves (nothing)."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import threading
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import sql

from a13.config import Settings
from a13.database import profiles
from a13.database.connections import connect_arguments
from a13.database.directories import postmaster_pid
from a13.database.facts import describe
from a13.database.server import Server, work_directory
from a13.errors import ConfigError, ServerError

LINUX = Path("/proc/self/stat").exists()
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")
needs_linux = pytest.mark.skipif(not LINUX, reason="reads /proc")


def value(server: Server, query: str, database: str = "postgres") -> object:
    with server.connect(database) as connection:
        row = connection.execute(sql.SQL(query)).fetchone()
        return row[0] if row else None


def test_it_answers_with_the_version_of_its_programs(server: Server) -> None:
    assert str(value(server, "SHOW server_version")).startswith(server.version)
    assert value(server, "SELECT current_user") == "postgres"


def test_scratch_does_not_sync_and_has_checksums(server: Server) -> None:
    seen = {
        name: value(server, f"SHOW {name}")
        for name in ("fsync", "wal_level", "jit", "data_checksums", "max_connections", "TimeZone")
    }
    assert seen == {
        "fsync": "off",
        "wal_level": "minimal",
        "jit": "off",
        "data_checksums": "on",
        "max_connections": "100",
        "TimeZone": "UTC",
    }
    assert value(server, "SHOW shared_buffers") == "256MB"


def test_text_is_utf8_and_sorts_by_code_point(server: Server, database: str) -> None:
    assert value(server, "SHOW server_encoding", database) == "UTF8"
    assert value(server, "SELECT 'a' > 'B'", database) is True
    expected = "Ä" if server.binaries.major >= 17 else "ä"  # libc's C knows ASCII only
    assert value(server, "SELECT upper('ä')", database) == expected


# -- who can reach it ------------------------------------------------------------------------


def test_the_socket_and_the_cluster_are_private(server: Server) -> None:
    for folder in (server.socket_directory, server.data_directory, server.directory):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert (server.socket_directory / ".s.PGSQL.5432").is_socket()
    assert value(server, "SHOW listen_addresses") == ""


@needs_linux
def test_no_process_of_the_server_has_a_tcp_socket(server: Server) -> None:
    pid = postmaster_pid(server.data_directory)
    held = {str(fd.readlink()) for fd in Path(f"/proc/{pid}/fd").iterdir()}
    tables = [Path("/proc/net/tcp"), Path("/proc/net/tcp6")]
    lines = [line for table in tables if table.exists() for line in table.read_text().split("\n")]
    inodes = {f"socket:[{line.split()[9]}]" for line in lines[1:] if len(line.split()) > 9}
    assert not held & inodes


@needs_linux
def test_it_never_runs_as_root_and_no_command_line_shows_the_password(server: Server) -> None:
    pid = postmaster_pid(server.data_directory)
    assert Path(f"/proc/{pid}").stat().st_uid != 0
    password = server.url().password
    assert password is not None and len(password) >= 32
    shown = Path(f"/proc/{pid}/cmdline").read_bytes() + Path(f"/proc/{pid}/environ").read_bytes()
    assert password.encode() not in shown
    assert password not in repr(server.url())
    assert password not in server.log_path.read_text()


def test_a_wrong_password_is_refused(server: Server) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(
            host=str(server.socket_directory), user="postgres", password="guess", dbname="postgres"
        )


def test_no_password_is_refused(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSFILE", "/nonexistent")
    with pytest.raises(psycopg.OperationalError, match="no password supplied"):
        psycopg.connect(host=str(server.socket_directory), user="postgres", dbname="postgres")


@needs_root
def test_another_local_user_cannot_connect(server: Server) -> None:
    command = [
        server.binaries.program("psql"),
        "-h",
        str(server.socket_directory),
        "-U",
        "postgres",
    ]
    done = subprocess.run(
        [*command, "-c", "SELECT 1", "postgres"],
        user=54321,
        group=54321,
        extra_groups=[],
        cwd="/",
        env={"PGPASSWORD": str(server.url().password), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "Permission denied" in done.stderr


def test_each_server_has_its_own_password(server: Server) -> None:
    with Server() as other:
        assert other.url().password != server.url().password


# -- use -------------------------------------------------------------------------------------


def test_databases_are_created_copied_and_dropped(server: Server, database: str) -> None:
    with server.connect(database) as connection:
        connection.execute("CREATE TABLE t AS SELECT 7 AS n")
    copy = f'{database} "copy"'
    server.create_database(copy, template=database)
    try:
        assert value(server, "SELECT n FROM t", copy) == 7
        with pytest.raises(ServerError, match="already exists"):
            server.create_database(copy)
        with server.connect(copy):  # a session does not keep it
            server.drop_database(copy)
    finally:
        server.drop_database(copy)  # and once more is fine


def test_a_copy_of_a_database_in_use_is_refused(server: Server, database: str) -> None:
    with server.connect(database), pytest.raises(ServerError, match="being accessed"):
        server.create_database(f"{database}_copy", template=database)


def test_the_url_serves_sqlalchemy_also_as_another_role(server: Server, database: str) -> None:
    role = f"{database} odd\\role"
    with server.connect(database) as connection:
        connection.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(role)))
    for wanted, expected in ((None, "postgres"), (role, role)):
        engine = sa.create_engine(server.url(database, role=wanted))
        with engine.connect() as session:
            assert session.scalar(sa.text("SELECT current_user")) == expected
            assert session.scalar(sa.text("SELECT current_database()")) == database
        engine.dispose()


def test_variables_of_the_environment_lead_nowhere_else(
    server: Server, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGHOSTADDR", "192.0.2.1")
    monkeypatch.setenv("PGOPTIONS", "-c search_path=elsewhere")
    monkeypatch.setenv("PGDATABASE", "elsewhere")
    monkeypatch.setenv("PGPORT", "1")
    monkeypatch.setenv("PGTARGETSESSIONATTRS", "standby")
    monkeypatch.setenv("PGCHANNELBINDING", "require")
    monkeypatch.setenv("PGREQUIREPEER", "somebody")
    monkeypatch.setenv("PGSSLNEGOTIATION", "direct")
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    assert "elsewhere" not in str(value(server, "SHOW search_path", database))
    url = server.url(database)
    engine = sa.create_engine(url, connect_args=connect_arguments(url))
    with engine.connect() as session:
        assert "elsewhere" not in str(session.scalar(sa.text("SHOW search_path")))
        assert session.scalar(sa.text("SHOW client_encoding")) == "UTF8"
    engine.dispose()
    done = server.run("psql", "-Atc", "SHOW search_path", database=database, check=True)
    assert "elsewhere" not in done.stdout
    with Server() as other:
        assert value(other, "SELECT 1") == 1


def test_a_program_runs_as_the_servers_user(server: Server, database: str) -> None:
    done = server.run("psql", "-At", database=database, stdin="SELECT 'grün', current_database();")
    assert (done.exit_code, done.ok) == (0, True)
    assert done.stdout == f"grün|{database}\n"
    assert done.seconds > 0
    assert done.command[0].endswith("/psql")
    assert str(server.url().password) not in done.model_dump_json()
    assert not list(server.directory.glob("stdin-*"))
    dump = server.run("pg_dump", "-f", "out.sql", database=database, check=True)
    assert dump.stderr == ""
    owner = (server.directory / "out.sql").stat().st_uid
    assert owner == server.data_directory.stat().st_uid
    (server.directory / "out.sql").unlink()


def test_a_failing_program_is_a_value_unless_checked(server: Server) -> None:
    done = server.run("psql", "-c", "SELEKT")
    assert done.exit_code == 1
    assert "syntax error" in done.stderr
    with pytest.raises(ServerError, match="psql ended with 1"):
        server.run("psql", "-c", "SELEKT", check=True)
    with pytest.raises(ServerError, match="no program") as missing:
        server.run("pg_nothing")
    assert "A13_PG_BIN" in missing.value.hint


def test_a_program_that_takes_too_long_is_killed(server: Server, database: str) -> None:
    done = server.run("psql", "-c", "SELECT pg_sleep(600)", database=database, timeout=0.3)
    assert (done.timed_out, done.exit_code, done.ok) == (True, -9, False)
    assert done.seconds < 60
    with pytest.raises(ServerError, match=r"longer than 0\.3 s"):
        server.run("psql", "-c", "SELECT pg_sleep(600)", timeout=0.3, check=True)


def test_parameters_come_before_the_profile() -> None:
    with Server(parameters={"work_mem": "3MB", "shared_buffers": "32MB"}) as other:
        assert value(other, "SHOW work_mem") == "3MB"
        assert value(other, "SHOW shared_buffers") == "32MB"
        assert value(other, "SHOW fsync") == "off"


def test_the_settings_hash_tells_behaviour_apart_but_not_paths() -> None:
    plain = Server().settings_sha256
    assert plain == Server().settings_sha256
    assert plain != Server(profile="durable").settings_sha256
    assert plain != Server(parameters={"work_mem": "3MB"}).settings_sha256
    one = Server(parameters={"archive_command": "cp %p /a/%f"})
    assert one.settings_sha256 == Server(parameters={"archive_command": "/b/%f"}).settings_sha256


# -- life ------------------------------------------------------------------------------------


def test_stop_is_idempotent_and_start_may_follow() -> None:
    server = Server()
    server.stop()
    server.start()
    assert server.start() is server and server.started
    folder, sockets = server.directory, server.socket_directory
    server.stop()
    server.stop("immediate")
    assert not server.started
    assert not folder.exists() and not sockets.exists()
    assert not folder.with_suffix(".json").exists()
    with pytest.raises(ServerError, match="not started"):
        server.connect()
    with pytest.raises(ServerError, match="not started"):
        _ = server.data_directory
    with server:
        assert value(server, "SELECT 1") == 1


def test_programs_without_a_server_run_while_it_is_stopped() -> None:
    assert "pg_verifybackup" in Server().run("pg_verifybackup", "--version").stdout
    assert Server().run("psql", "--help", stdin="").ok


def test_an_exception_stops_it() -> None:
    with pytest.raises(ZeroDivisionError), Server() as server:
        folder = server.directory
        raise ZeroDivisionError
    assert not folder.exists()


def test_a_stop_ends_open_sessions() -> None:
    with Server() as server:
        connection = server.connect()
    with pytest.raises(psycopg.OperationalError):
        connection.execute("SELECT 1")


@pytest.mark.parametrize(
    "parameters, said",
    [
        ({"no_such_parameter": "1"}, "unrecognized configuration parameter"),
        ({"shared_buffers": "many"}, "invalid value for parameter"),
        ({"shared_buffers": "900TB"}, "outside the valid range|could not map|exceeds"),
    ],
)
def test_what_keeps_it_from_starting_is_told_from_its_log(
    parameters: dict[str, str], said: str, own_settings: Settings
) -> None:
    with pytest.raises(ServerError, match=said) as error:
        Server(parameters=parameters, settings=own_settings).start()
    assert error.value.facts["version"]
    assert list((own_settings.cache_dir / "run").iterdir()) == []


@needs_root
def test_a_full_disk_is_told(own_settings: Settings) -> None:
    run = own_settings.cache_dir / "run"
    run.mkdir(mode=0o711)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=60m,mode=0711", "tmpfs", str(run)], capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip("mounting a small file system is not allowed here")
    try:
        with Server(settings=own_settings) as server:
            server.create_database("big")
            with (
                server.connect("big") as connection,
                pytest.raises(psycopg.errors.DiskFull),
            ):
                connection.execute("CREATE TABLE t AS SELECT g FROM generate_series(1, 3e6) g")
            assert "No space left" in server.log_tail()
            with pytest.raises(ServerError, match="No space left") as error:
                Server(settings=own_settings).start()
            assert "A13_CACHE_DIR" in error.value.hint
            assert value(server, "SELECT 1") == 1
    finally:
        subprocess.run(["umount", str(run)], check=True)


def test_a_given_cluster_stays_and_keeps_its_rows() -> None:
    settings = Settings()
    with work_directory(settings) as folder:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        server = Server(profile="durable", data_directory=folder / "data")
        with server:
            assert value(server, "SHOW fsync") == "on"
            assert value(server, "SHOW wal_level") == "replica"
            assert value(server, "SHOW archive_mode") == "on"
            with server.connect() as connection:
                connection.execute("CREATE TABLE t AS SELECT 1 AS n")
            server.stop("immediate")  # a crash: the commit is on disk
        assert (folder / "data" / "PG_VERSION").exists()
        with server:
            assert value(server, "SELECT n FROM t") == 1
    assert not folder.exists()


def test_a_base_backup_runs_as_a_second_server() -> None:
    with (
        work_directory(Settings()) as folder,
        Server(profile="durable") as first,
    ):
        with first.connect() as connection:
            connection.execute("CREATE TABLE t AS SELECT generate_series(1, 1000) AS n")
        first.run("pg_basebackup", "-D", folder / "copy", "-c", "fast", check=True, timeout=120)
        with Server(profile="durable", data_directory=folder / "copy") as second:
            assert value(second, "SELECT count(*) FROM t") == 1000
        (folder / "copy" / "standby.signal").touch()
        with Server(profile="durable", data_directory=folder / "copy") as standby:
            assert value(standby, "SELECT pg_is_in_recovery()") is True


def test_a_recovery_counts_as_started_when_it_waits_at_its_target() -> None:
    with work_directory(Settings()) as folder, Server(profile="durable") as first:
        first.run("pg_basebackup", "-D", folder / "copy", "-c", "fast", check=True, timeout=120)
        (folder / "copy" / "recovery.signal").touch()
        target = {"restore_command": "false", "recovery_target": "immediate"}
        paused = Server(profile="durable", data_directory=folder / "copy", parameters=target)
        with paused:
            assert value(paused, "SELECT pg_get_wal_replay_pause_state()") == "paused"
        promoted = Server(
            profile="durable",
            data_directory=folder / "copy",
            parameters={**target, "recovery_target_action": "promote"},
        )
        with promoted:
            assert value(promoted, "SELECT pg_is_in_recovery()") is False


def test_a_recovery_that_misses_its_target_is_told_from_its_log() -> None:
    with work_directory(Settings()) as folder, Server(profile="durable") as first:
        first.run("pg_basebackup", "-D", folder / "copy", "-c", "fast", check=True, timeout=120)
        (folder / "copy" / "recovery.signal").touch()
        beyond = {"restore_command": "false", "recovery_target_name": "never"}
        second = Server(profile="durable", data_directory=folder / "copy", parameters=beyond)
        with pytest.raises(ServerError, match="before configured recovery target was reached"):
            second.start()
        assert (folder / "copy" / "PG_VERSION").exists()


def test_a_small_shared_memory_is_avoided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profiles, "_SHARED_MEMORY_BYTES", 1 << 60)
    with Server() as server:
        expected = "mmap" if Path("/dev/shm").is_dir() else "posix"
        assert value(server, "SHOW dynamic_shared_memory_type") == expected


def test_a_folder_that_is_no_cluster_is_refused() -> None:
    with work_directory(Settings()) as folder:
        (folder / "data").mkdir()
        (folder / "data" / "letter.txt").write_text("hello")
        with pytest.raises(ServerError, match="could not be made") as error:
            Server(data_directory=folder / "data").start()
        assert "does not exist yet" in error.value.hint
        assert (folder / "data" / "letter.txt").read_text() == "hello"
        (folder / "data" / "PG_VERSION").write_text("18")
        with pytest.raises(ServerError, match="no cluster that A13 made"):
            Server(data_directory=folder / "data").start()
        assert (folder / "data" / "letter.txt").exists()


# -- the cache -------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", ["zeroed", "cut", "gone", "no manifest", "garbled manifest"])
def test_a_damaged_template_is_made_again(damage: str, own_settings: Settings) -> None:
    with Server(settings=own_settings):
        pass
    templates = own_settings.cache_dir / "templates"
    for archive in templates.glob("*.tar"):
        size = archive.stat().st_size
        if damage == "zeroed":
            archive.write_bytes(bytes(size))
        elif damage == "cut":
            os.truncate(archive, size // 2)
        elif damage == "gone":
            archive.unlink()
    for manifest in templates.glob("*.json"):
        if damage == "no manifest":
            manifest.unlink()
        elif damage == "garbled manifest":
            manifest.write_text("{")
    with Server(settings=own_settings) as server:
        assert value(server, "SELECT 1") == 1


def test_the_cache_keeps_its_secrets(own_settings: Settings) -> None:
    with Server(settings=own_settings) as server:
        files = [*(own_settings.cache_dir / "templates").iterdir()]
        files += [*(own_settings.cache_dir / "run").glob("*.json")]
        assert len(files) >= 3
        for path in files:
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            assert path.stat().st_uid == os.geteuid()
            assert str(server.url().password).encode() not in path.read_bytes()


@pytest.mark.parametrize("name", ["with spaces, commas and 'quotes'", "long-" * 30])
def test_odd_and_long_paths_serve(name: str, own_cache: Path, own_settings: Settings) -> None:
    moved = own_cache / name
    own_settings.cache_dir.rename(moved)
    with Server(settings=Settings(cache_dir=moved)) as server:
        assert len(os.fsencode(server.socket_directory)) < 93
        assert stat.S_IMODE(server.socket_directory.stat().st_mode) == 0o700
        assert server.data_directory.is_relative_to(moved)
        done = server.run("psql", "-Atc", "SELECT 1", stdin="")
        assert done.stdout == "1\n"
        sockets = server.socket_directory
    assert not sockets.exists()


def test_a_cache_that_others_can_write_to_is_refused(own_cache: Path) -> None:
    cache = own_cache / "cache"
    cache.mkdir()
    cache.chmod(0o777)
    with pytest.raises(ConfigError, match="Everybody can write") as error:
        Server(settings=Settings(cache_dir=cache)).start()
    assert "A13_CACHE_DIR" in error.value.hint
    assert stat.S_IMODE(cache.stat().st_mode) == 0o777
    cache.chmod(0o711)


@needs_root
def test_a_cache_of_somebody_else_is_refused(own_cache: Path) -> None:
    cache = own_cache / "cache"
    cache.mkdir()
    os.chown(cache, 54321, 54321)
    with pytest.raises(ConfigError, match="somebody else"):
        Server(settings=Settings(cache_dir=cache)).start()
    os.chown(cache, 0, 0)


@needs_root
def test_a_cache_that_the_servers_user_cannot_reach_is_refused(own_cache: Path) -> None:
    closed = own_cache / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(ConfigError, match="cannot reach"):
        Server(settings=Settings(cache_dir=closed / "cache")).start()
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    assert list((closed / "cache" / "run").iterdir()) == []


def test_a_cache_that_cannot_be_made_is_told(own_cache: Path) -> None:
    (own_cache / "file").touch()
    with pytest.raises(ConfigError, match="cannot be used"):
        Server(settings=Settings(cache_dir=own_cache / "file" / "cache")).start()


@needs_root
@pytest.mark.parametrize("user", ["root", "no-such-user"])
def test_root_needs_an_unprivileged_user(user: str) -> None:
    with pytest.raises(ConfigError, match="does not run as root") as error:
        Server(settings=Settings(server_user=user))
    assert "A13_SERVER_USER" in error.value.hint


@needs_root
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="setpriv is not installed")
def test_a_root_that_may_not_change_users_is_told(own_cache: Path) -> None:
    script = """if True:
        from a13.database.server import Server
        from a13.errors import ConfigError
        try:
            Server()
        except ConfigError as error:
            print(error)
    """
    done = subprocess.run(
        ["setpriv", "--bounding-set", "-setuid,-setgid", sys.executable, "-c", script],
        env={**os.environ, "A13_CACHE_DIR": str(own_cache / "cache")},
        capture_output=True,
        text=True,
    )
    assert "may not run programs as the user nobody" in done.stdout, done.stderr


# -- several at once -------------------------------------------------------------------------


def test_several_threads_start_servers_on_an_empty_cache(own_cache: Path) -> None:
    settings = Settings(cache_dir=own_cache / "cache")
    barrier = threading.Barrier(3)
    seen: list[str] = []

    def work() -> None:
        server = Server(settings=settings, parameters={"shared_buffers": "16MB"})
        barrier.wait()
        with server:
            assert value(server, "SELECT 1") == 1
            seen.append(str(server.directory))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(seen)) == 3
    assert len(list((settings.cache_dir / "templates").glob("*.tar"))) == 1
    assert list((settings.cache_dir / "run").iterdir()) == []


def test_several_processes_start_servers_on_an_empty_cache(own_cache: Path) -> None:
    script = """if True:
        from a13.database.server import Server
        with Server(parameters={"shared_buffers": "16MB"}) as server:
            with server.connect() as connection:
                print(connection.execute("SELECT 1").fetchone()[0])
    """
    env = {**os.environ, "A13_CACHE_DIR": str(own_cache / "cache")}
    processes = [
        subprocess.Popen([sys.executable, "-c", script], env=env, stdout=subprocess.PIPE)
        for _ in range(3)
    ]
    assert [process.communicate()[0] for process in processes] == [b"1\n"] * 3
    assert len(list((own_cache / "cache" / "templates").glob("*.tar"))) == 1
    assert list((own_cache / "cache" / "run").iterdir()) == []


@needs_root
def test_it_works_as_a_normal_user(own_cache: Path) -> None:
    """The interpreter may lie in root's home: it is started as root and gives its rights up."""
    script = """if True:
        import os
        import psycopg
        from a13.config import Settings
        from a13.database.server import Server
        os.setgroups([]); os.setgid(65534); os.setuid(65534)
        with Server(settings=Settings(), parameters={"shared_buffers": "16MB"}) as server:
            with server.connect() as connection:
                print(connection.execute("SELECT 1").fetchone()[0])
            print(server.run("psql", "-Atc", "SELECT 2").stdout, end="")
            print(server.data_directory.stat().st_uid, server.settings.cache_dir)
    """
    home = own_cache / "home of nobody"
    home.mkdir(mode=0o700)
    os.chown(home, 65534, 65534)
    env = {**os.environ, "HOME": str(home)}
    env.pop("XDG_CACHE_HOME", None)
    env["A13_CACHE_DIR"] = str(home / ".cache" / "a13")
    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True)
    assert done.stderr == ""
    assert done.stdout == f"1\n2\n65534 {home}/.cache/a13\n"
    assert list((home / ".cache" / "a13" / "run").iterdir()) == []
    shutil.rmtree(home)


def test_the_facts_for_the_doctor_are_of_real_starts(own_settings: Settings) -> None:
    facts = describe(own_settings)
    assert facts.problem == ""
    assert facts.start_seconds is not None and facts.stop_seconds is not None
    assert "plpgsql" in facts.extensions
    assert facts.cache_size_bytes > 20_000_000
    broken = describe(own_settings.model_copy(update={"pg_bin": Path("/nonexistent")}))
    assert "A13_PG_BIN" in broken.problem
    assert broken.start_seconds is None
