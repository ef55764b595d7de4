"""Transforms that one engagement brings along: `transforms.py` beside its mapping.

The file is Python and is run whenever the mapping is read. It registers transforms as this package
does, under names of its own:

    @one_column("insurer_code", version=1)
    def insurer_code(values: pd.Series, options: Options) -> Transformed:
        \"\"\"The insurer's number without its check digit.\"\"\"
        return Transformed(values.str.slice(0, -1), no_reasons(values.index))

Its digest is part of what is signed: a changed file shapes anew and breaks the seal.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from threading import RLock
from types import ModuleType

from migrator_kit.engagement import digest_text
from migrator_kit.errors import Finding, MappingError
from migrator_kit.mapping.transforms.registry import OWN_FILE, REGISTRY, Transform, line_in_own_file

_MODULE = "migrator_engagement_transforms"
_LOCK = RLock()


def own_text(folder: Path) -> str:
    """Return the engagement's transforms as they are written, empty where it has none.

    Raises MappingError for a file that cannot be read as text.
    """
    try:
        return (folder / OWN_FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError):
        raise MappingError(f"{OWN_FILE} cannot be read.", hint="Save it as UTF-8.") from None


def use_own(text: str) -> None:
    """Make exactly these transforms known beside the packaged ones; those of before go.

    Raises MappingError with the line where the file cannot be run, takes a name of a packaged
    transform, or registers none.
    """
    digest = digest_text(text) if text.strip() else ""
    with _LOCK:
        known = {transform.origin for transform in REGISTRY.values() if transform.origin}
        if known == ({digest} if digest else set()):
            return
        packaged = {name: one for name, one in REGISTRY.items() if not one.origin}
        _only(packaged)
        if digest:
            try:
                _run(text)
                own = _registered(packaged)
            except MappingError:
                _only(packaged)
                raise
            _only(packaged | {name: replace(one, origin=digest) for name, one in own.items()})


def _only(known: Mapping[str, Transform]) -> None:
    for name in [name for name in REGISTRY if name not in known]:
        del REGISTRY[name]
    REGISTRY.update(known)


def _run(text: str) -> None:
    module = ModuleType(_MODULE)
    sys.modules[_MODULE] = module  # where option models look up the names of their types
    try:
        exec(compile(text, OWN_FILE, "exec"), module.__dict__)  # noqa: S102 (the analyst's own)
    except SyntaxError as error:
        raise _unusable(f"{OWN_FILE}:{error.lineno}", str(error.msg)) from None
    except Exception as error:  # noqa: BLE001 (whatever a person's code raises)
        place = f"{OWN_FILE}:{line_in_own_file(error)}"
        raise _unusable(place, f"{type(error).__name__}: {error}") from None


def _registered(packaged: Mapping[str, Transform]) -> dict[str, Transform]:
    """Return what the file has registered. Raises MappingError for nothing, or a taken name."""
    taken = [name for name, one in packaged.items() if REGISTRY[name] is not one]
    if taken:
        raise _unusable(OWN_FILE, f"there is a packaged transform {taken[0]!r}", "another name")
    own = {name: one for name, one in REGISTRY.items() if name not in packaged}
    if not own:
        remedy = "put @one_column or @many_columns above a function, or remove the file"
        raise _unusable(OWN_FILE, "it registers no transform", remedy)
    return own


def _unusable(place: str, problem: str, remedy: str = "") -> MappingError:
    found = Finding(place, problem, remedy)
    return MappingError(f"{OWN_FILE} cannot be used.", findings=[found])
