"""The repository as a whole: files that must agree, layout, directions of imports."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "migrator_kit"
PROMISED = ("jupyterlab", "papermill", "pandas", "ipywidgets", "great-expectations", "requests")
TOP_LEVEL = {
    ".ci", ".gitattributes", ".gitignore", "CHANGELOG.md", "LICENSE", "Makefile", "NOTICE",
    "README.md", "environment.yml", "expectations", "migrator_kit", "notebooks", "pyproject.toml",
    "requirements.lock", "tests",
}  # fmt: skip
LONGEST_FILE = 400

FLOW = ("source", "quality", "mapping", "load", "estimate", "compare", "evidence", "wizard")
LEAVES = {
    "compute", "errors", "engagement", "privacy", "yamlfile", "progress", "spelling",
    "rest_settings", "migrator_kit",
}  # fmt: skip
# The typed model of mapping.yml is a vocabulary that rooms before the mapping room speak as well.
VOCABULARY = {"migrator_kit.mapping.model"}


def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def direct_requirements() -> list[Requirement]:
    project = pyproject()["project"]
    extras = (line for lines in project["optional-dependencies"].values() for line in lines)
    return [Requirement(line) for line in (*project["dependencies"], *extras)]


def locked() -> dict[str, list[tuple[Version, str]]]:
    """Return each locked package's versions, with the marker each is for."""
    found: dict[str, list[tuple[Version, str]]] = {}
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    for name, version, marker in re.findall(r"^([\w.-]+)==(\S+)(?: ; (.*?))? \\$", text, re.M):
        found.setdefault(canonicalize_name(name), []).append((Version(version), marker))
    return found


def environment() -> dict[str, Any]:
    tree: dict[str, Any] = YAML(typ="safe").load(ROOT / "environment.yml")
    return tree


def test_every_direct_dependency_admits_the_locked_version() -> None:
    lock = locked()
    for requirement in direct_requirements():
        versions = lock.get(canonicalize_name(requirement.name), [])
        assert versions, f"{requirement.name} is not in requirements.lock"
        for version, _ in versions:
            assert requirement.specifier.contains(version), (
                f"{requirement} does not admit {version}"
            )


def test_the_lock_is_fully_hashed_and_names_no_host() -> None:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    entries = [block for block in re.split(r"\n(?=\S)", text) if not block.startswith("#")]
    assert len(entries) > 100
    unhashed = [block.splitlines()[0] for block in entries if "--hash=sha256:" not in block]
    assert not unhashed
    assert not re.findall(r"://|^-[a-z]|^--", text, re.M)


def test_conda_environment_names_the_toolset_and_admits_the_lock() -> None:
    entries = environment()["dependencies"]
    specs = {}
    for entry in entries:
        if isinstance(entry, str):
            name, _, ranges = entry.partition(" ")
            specs[name] = Requirement(f"{name}{ranges}").specifier
    assert set(PROMISED) <= set(specs)
    lock = locked()
    for name in PROMISED:
        assert all(specs[name].contains(version) for version, _ in lock[name]), name
    assert specs["python"].contains(default_environment()["python_full_version"])
    assert str(specs["python"]) == pyproject()["project"]["requires-python"]


def test_conda_environment_asks_for_what_the_project_asks_for() -> None:
    ranges = {
        requirement.name: requirement.specifier
        for requirement in map(Requirement, pyproject()["project"]["dependencies"])
    }
    for entry in environment()["dependencies"]:
        if isinstance(entry, str):
            name, _, wanted = entry.partition(" ")
            assert name not in ranges or ranges[name] == Requirement(name + wanted).specifier


def test_conda_environment_takes_the_rest_from_the_lock() -> None:
    (pip,) = [e["pip"] for e in environment()["dependencies"] if isinstance(e, dict)]
    # pip refuses an editable package beside hashed requirements: it stands in a command of its own.
    assert pip == ["-r requirements.lock"]


def test_every_imported_library_is_a_direct_dependency() -> None:
    requirements = [Requirement(line) for line in _runtime_dependencies()]
    named = {canonicalize_name(name) for r in requirements for name in (r.name, *r.extras)}
    owners = packages_distributions()
    missing: dict[str, list[str]] = {}
    for path, module in _imports():
        top = module.split(".")[0]
        if top in sys.stdlib_module_names or top == "migrator_kit":
            continue
        distributions = {canonicalize_name(name) for name in owners.get(top, [top])}
        if not distributions & named:
            missing.setdefault(top, []).append(path.relative_to(ROOT).as_posix())
    assert not missing, f"add to [project].dependencies: {missing}"


def test_the_wheel_carries_suites_notebooks_and_profiles(tmp_path: Path) -> None:
    pytest.importorskip("hatchling", reason="hatchling is not installed: run `make setup`")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    packed = set(zipfile.ZipFile(wheel).namelist())
    needed = {
        f"migrator_kit/_{folder}/{path.relative_to(ROOT / folder).as_posix()}"
        for folder in ("expectations", "notebooks")
        for path in (ROOT / folder).rglob("*.[ij]*")
        if ".ipynb_checkpoints" not in path.parts
    }
    needed |= {
        path.relative_to(ROOT).as_posix()
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert needed <= packed


def test_top_level_is_as_agreed() -> None:
    ignored = _ignored_names()
    extra = {
        path.name
        for path in ROOT.iterdir()
        if path.name not in TOP_LEVEL | ignored | {".git"} and not path.name.endswith(".log")
    }
    assert not extra
    needed = TOP_LEVEL - {".gitattributes", "CHANGELOG.md", "NOTICE"}
    assert all((ROOT / name).exists() for name in needed)


def test_make_help_lists_every_target() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.search(r"^\.PHONY: (.*)$", text, re.M)
    assert targets
    for target in targets[1].split():
        assert re.search(rf"^{target}:[^\n]*## \S", text, re.M), f"{target} has no help text"


def test_notebooks_are_committed_without_outputs() -> None:
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        assert "papermill" not in notebook["metadata"], path.name
        assert "widgets" not in notebook["metadata"], path.name
        for cell in notebook["cells"]:
            assert "injected-parameters" not in cell["metadata"].get("tags", []), path.name
            if cell["cell_type"] == "code":
                assert not cell["outputs"], path.name
                assert cell["execution_count"] is None, path.name


def test_no_file_is_too_long_to_read() -> None:
    lengths = {path: len(path.read_text("utf-8").splitlines()) for path in _sources()}
    long = {p.relative_to(ROOT).as_posix(): n for p, n in lengths.items() if n > LONGEST_FILE}
    assert not long


def test_rooms_import_in_one_direction() -> None:
    wrong = []
    for path, module in _imports():
        room, target = _room(path), _room_of_module(module)
        if room in FLOW and target in FLOW and module not in VOCABULARY:
            if FLOW.index(target) > FLOW.index(room):
                wrong.append(f"{path.relative_to(ROOT)} imports {module}")
        elif room in FLOW and target not in {*LEAVES, *FLOW, "zoho", None}:
            wrong.append(f"{path.relative_to(ROOT)} imports {module}")
    assert not wrong


def test_leaves_import_only_leaves() -> None:
    wrong = [
        f"{path.name} imports {module}"
        for path, module in _imports()
        if _room(path) in LEAVES and _room_of_module(module) not in {*LEAVES, None}
    ]
    assert not wrong


def test_the_client_knows_no_engagement() -> None:
    allowed = {"zoho", "errors", "progress", "migrator_kit", None}
    wrong = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path, module in _imports()
        if _room(path) == "zoho" and _room_of_module(module) not in allowed
    ]
    assert not wrong


def test_the_emulator_stands_alone() -> None:
    inside = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path, module in _imports()
        if _room(path) == "emulator" and _room_of_module(module) not in {"emulator", None}
    ]
    # The command line starts it; everybody else reaches it over HTTP.
    outside = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path, module in _imports()
        if _room(path) not in ("emulator", "cli") and _room_of_module(module) == "emulator"
    ]
    assert not inside
    assert not outside


def test_nothing_names_a_place_on_this_machine() -> None:
    places = [str(path) for path in (ROOT, Path.home()) if len(path.parts) > 1]
    named = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in _texts()
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if any(f"{place}/" in line for place in places)
    ]
    assert not named


def _runtime_dependencies() -> list[str]:
    project = pyproject()["project"]
    return [*project["dependencies"], *project["optional-dependencies"]["databases"]]


def _sources() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def _texts() -> Iterator[Path]:
    kinds = {".py", ".ipynb", ".md", ".toml", ".yml", ".json", ".js", ".css", ".j2"}
    for folder in ("migrator_kit", "notebooks", "expectations", "tests", ".ci"):
        yield from (p for p in (ROOT / folder).rglob("*") if p.suffix in kinds and p.is_file())
    yield from (ROOT / name for name in ("README.md", "pyproject.toml", "environment.yml"))


@cache
def _imports() -> tuple[tuple[Path, str], ...]:
    """Return every import of the package, also those inside functions: file and full module."""
    found: list[tuple[Path, str]] = []
    for path in _sources():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found += [(path, alias.name) for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.append((path, node.module))
                if node.module == "migrator_kit":
                    found += [(path, f"migrator_kit.{alias.name}") for alias in node.names]
    return tuple(found)


def _room(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def _room_of_module(module: str) -> str | None:
    parts = module.split(".")
    if parts[0] != "migrator_kit":
        return None
    room = parts[1] if len(parts) > 1 else "migrator_kit"
    return "migrator_kit" if room == "__version__" else room


def _ignored_names() -> set[str]:
    lines = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    return {line.strip().strip("/") for line in lines if line.strip()}
