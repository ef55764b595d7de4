"""Paths of files as Windows programs write them."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

import pandas as pd

from migrator_kit.mapping.rejects import RejectReason
from migrator_kit.mapping.transforms.registry import (
    Options,
    Transformed,
    no_reasons,
    one_column,
)


class PathOptions(Options):
    """`root`: a folder at the start of every path that the documents folder stands for."""

    root: str = ""


@one_column("posix_path", version=1, options=PathOptions)
def posix_path(values: pd.Series, options: PathOptions) -> Transformed:
    """A path below the documents folder with `/`; drives and shares go, `..` is refused."""
    read = [_relative(value, options.root) for value in values]
    refused = pd.Series([path is None for path in read], index=values.index, dtype=bool)
    return Transformed(
        pd.Series(read, index=values.index, dtype="str"),
        no_reasons(values.index).mask(refused, str(RejectReason.BAD_PATH)),
    )


@one_column("file_name", version=1, options=PathOptions)
def file_name(values: pd.Series, options: PathOptions) -> Transformed:
    """The name of the file at the end of a path."""
    read = [_relative(value, options.root) for value in values]
    names = [PurePosixPath(path).name if path else None for path in read]
    return Transformed(pd.Series(names, index=values.index, dtype="str"), no_reasons(values.index))


def _relative(value: str, root: str) -> str | None:
    """Return a path relative to the documents folder, or None where it leads out of it."""
    path = _slashes(value)
    start = _slashes(root).rstrip("/")
    if start and path.casefold().startswith(f"{start.casefold()}/"):
        path = path[len(start) :]
    path = re.sub(r"^(?:[A-Za-z]:)?/*", "", path)
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if not parts or ".." in parts or any("\x00" in part for part in parts):
        return None
    return "/".join(parts)


def _slashes(value: str) -> str:
    return value.strip().replace("\\", "/")
