"""Finding and reading the suites of `expectations/`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from pydantic import ValidationError

from migrator_kit.engagement import slug
from migrator_kit.errors import ConfigError
from migrator_kit.mapping.model import ObjectName
from migrator_kit.quality.model import Stage, Suite

FOLDER_VARIABLE = "MIGRATOR_EXPECTATIONS"


def expectations_folder() -> Path:
    """Return the folder of the suites: the one named by MIGRATOR_EXPECTATIONS, else the project's.

    Raises ConfigError where there is none.
    """
    named = os.environ.get(FOLDER_VARIABLE)
    package = Path(__file__).parents[1]
    places = (
        [Path(named)] if named else [package.parent / "expectations", package / "_expectations"]
    )
    for folder in places:
        if all((folder / stage).is_dir() for stage in Stage):
            return folder
    if named:
        raise ConfigError(
            f"{FOLDER_VARIABLE} names {named}, which has no folders {', '.join(Stage)}.",
            hint="Name a folder of expectation suites, or unset the variable to use the project's.",
        )
    raise ConfigError(
        "The expectation suites are not beside the package.",
        hint=f"Install from a checkout with `pip install -e .`, or set {FOLDER_VARIABLE}.",
    )


def suite_path(stage: Stage, name: ObjectName, folder: Path | None = None) -> Path:
    """Return where the suite of an object at a stage is kept."""
    return (folder or expectations_folder()) / stage / f"{slug(name)}.json"


def load_suites(stage: Stage, folder: Path | None = None) -> Mapping[ObjectName, Suite]:
    """Return the suites of a stage by object, in the objects' order.

    Raises ConfigError where a file is no suite, is misnamed, or belongs to no object.
    """
    root = folder or expectations_folder()
    known = {suite_path(stage, name, root): name for name in ObjectName}
    for path in sorted((root / stage).glob("*.json")):
        if path not in known:
            raise ConfigError(
                f"{stage}/{path.name} is a suite of no object.",
                hint=f"Known files: {', '.join(known_path.name for known_path in known)}",
            )
    return {name: _read(path, stage) for path, name in known.items() if path.is_file()}


def _read(path: Path, stage: Stage) -> Suite:
    suite = _parse(path, path.stat().st_mtime_ns)
    expected = f"{stage}.{path.stem}"
    if suite.name != expected:
        raise ConfigError(f"{stage}/{path.name}: the suite's name must be {expected!r}.")
    return suite


@cache
def _parse(path: Path, modified: int) -> Suite:  # noqa: ARG001 (part of the cache's key)
    try:
        return Suite.model_validate_json(path.read_text(encoding="utf-8"))
    except (ValidationError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path.parent.name}/{path.name} is not a suite of expectations: {_problems(error)}",
            hint="Each rule has type, kwargs, severity, and meta with why and owner.",
        ) from None


def _problems(error: ValidationError | UnicodeDecodeError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    found = error.errors(include_input=False, include_url=False)
    return "; ".join(f"{'.'.join(str(part) for part in e['loc'])}: {e['msg']}" for e in found[:5])
