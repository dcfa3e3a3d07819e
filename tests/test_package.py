"""What ships: the wheel, the sdist, the cost of an import, and the README's test command."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

import a13

ROOT = Path(__file__).resolve().parent.parent

NOT_COPIED = shutil.ignore_patterns(
    ".git", ".venv", "venv", "build", "dist", "*.egg-info", "__pycache__", ".*_cache", "a13-runs"
)


def run(*command: object, cwd: Path, timeout_seconds: float = 600) -> str:
    """The output of a command that must succeed; its whole output stands in the failure."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout_seconds,
    )
    assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout[-4000:]}"
    return done.stdout


def build(source: Path, out: Path, *kinds: str) -> None:
    """Build with the installed setuptools when it is new enough, else in pip's isolation."""
    here = int(version("setuptools").split(".")[0]) >= 77
    how = ["--no-isolation"] if here else []
    run(sys.executable, "-m", "build", *how, *kinds, "--outdir", out, source, cwd=source)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout, because a build leaves folders behind where it runs."""
    copy = tmp_path_factory.mktemp("checkout with a space") / "a13 copy"
    shutil.copytree(ROOT, copy, ignore=NOT_COPIED, symlinks=True)
    return copy


@pytest.fixture(scope="module")
def wheel(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    build(checkout, out, "--wheel")
    (path,) = out.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def sdist(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("sdist")
    build(checkout, out, "--sdist")
    (path,) = out.glob("*.tar.gz")
    return path


def contents(wheel: Path) -> dict[str, int]:
    """File names in a wheel with their CRC, without its own list of contents."""
    with zipfile.ZipFile(wheel) as archive:
        return {
            info.filename: info.CRC
            for info in archive.infolist()
            if not info.filename.endswith("/RECORD")
        }


def shipped(checkout: Path) -> set[str]:
    """What the wheel must hold of the package: every module, template and the marker of types."""
    rooms = {path.parent for path in checkout.rglob("__init__.py")}
    rooms = {
        r for r in rooms if r.relative_to(checkout).parts[:1] not in {(".typing",), ("build",)}
    }
    files = {file for room in rooms for file in room.glob("*.py")}
    files |= set((checkout / "templates").rglob("*.j2")) | {checkout / "py.typed"}
    return {f"a13/{file.relative_to(checkout).as_posix()}" for file in files}


@pytest.mark.slow
def test_the_wheel_holds_the_package_and_nothing_else(checkout: Path, wheel: Path) -> None:
    names = set(contents(wheel))
    package = {name for name in names if not name.split("/")[0].endswith(".dist-info")}
    assert package == shipped(checkout)
    assert any(name.endswith(".j2") for name in package)
    assert "a13/py.typed" in package
    assert {name.split("/")[0] for name in package} == {"a13"}
    assert any(name.endswith("dist-info/licenses/LICENSE") for name in names)


@pytest.mark.slow
def test_the_sdist_builds_the_same_wheel(sdist: Path, wheel: Path, tmp_path: Path) -> None:
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    (source,) = (tmp_path / "unpacked").iterdir()
    build(source, tmp_path / "again", "--wheel")
    (again,) = (tmp_path / "again").glob("*.whl")
    assert contents(again) == contents(wheel)


@pytest.mark.slow
def test_the_installed_wheel_works_on_its_own(wheel: Path, tmp_path: Path) -> None:
    """In an environment of its own: only the libraries come from the one that runs the tests."""
    venv.create(tmp_path / "env", with_pip=False)
    python = tmp_path / "env" / "bin" / "python"
    purelib = Path(
        run(
            python, "-c", "import sysconfig as s; print(s.get_path('purelib'))", cwd=tmp_path
        ).strip()
    )
    pip = (sys.executable, "-m", "pip", "--python", python)
    run(*pip, "install", "--quiet", "--no-deps", "--no-index", wheel, cwd=tmp_path)
    # The libraries of this environment, after the wheel. Its own .pth files are not read from
    # there, so that an editable install of the checkout stays out.
    libraries = {path for path in sys.path if path.endswith(("site-packages", "dist-packages"))}
    (purelib / "libraries.pth").write_text("\n".join(sorted(libraries)) + "\n", encoding="utf-8")

    where = run(python, "-c", "import a13, a13.agent; print(a13.agent.__file__)", cwd=tmp_path)
    assert Path(where.strip()).is_relative_to(purelib)
    run(python, "-c", "from a13 import A13Agent; A13Agent().graph", cwd=tmp_path)
    for start in ((python, "-m", "a13"), (python.parent / "a13",)):
        told = run(*start, "--help", cwd=tmp_path)
        for command in ("run", "plan", "resume", "serve", "verify", "doctor"):
            assert command in told
    rendered = run(
        python,
        "-c",
        "from importlib.resources import files; "
        "print(sum(1 for d in files('a13.templates').iterdir() if d.is_dir() "
        "for f in d.iterdir() if f.name.endswith('.j2')))",
        cwd=tmp_path,
    )
    assert int(rendered) > 0


@pytest.mark.parametrize(
    "statement", ["import a13", "import a13.config", "import a13.apps.cli"], ids=lambda s: s[7:]
)
def test_start_loads_no_heavy_library(statement: str, tmp_path: Path) -> None:
    """`import a13` and `a13 --help` stay quick because these wait for their first use."""
    heavy = ("langgraph", "langchain_core", "openai", "sqlalchemy", "alembic", "psycopg", "sqlglot")
    loaded = run(
        sys.executable,
        "-c",
        f"import sys\n{statement}\nprint([name for name in {heavy!r} if name in sys.modules])",
        cwd=tmp_path,
    )
    assert loaded.strip() == "[]"


def readme_test_command() -> str:
    """The README's test command, as .ci/run takes it out."""
    return run("bash", ROOT / ".ci" / "run", "--print-test-command", cwd=ROOT).strip()


def test_ci_runs_the_test_command_of_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    between = re.search(r"<!-- test-command -->\n+```\w*\n(.+?)\n```", readme, re.DOTALL)
    assert between, "README.md has no code block after <!-- test-command -->"
    assert readme_test_command() == between[1].strip()
    assert "pytest" in between[1]


def test_every_version_is_the_same() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert a13.__version__ == project["version"]
    licence = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in licence and "Version 2.0" in licence
    assert "## [Unreleased]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
