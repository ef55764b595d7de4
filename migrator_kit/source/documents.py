"""The practice's files: where they lie, which rows point to them, what is missing or too large."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from migrator_kit.engagement import SourceSettings
from migrator_kit.errors import SourceError
from migrator_kit.source.group import DOCUMENTS
from migrator_kit.source.place import source_path

FOLDER_NAME = "documents"
_MEANT = {
    "dcm": "application/dicom", "pdf": "application/pdf", "jpg": "image/jpeg",
    "jpeg": "image/jpeg", "png": "image/png", "tif": "image/tiff", "tiff": "image/tiff",
    "gif": "image/gif", "bmp": "image/bmp",
}  # fmt: skip
"""What an extension promises, where one kind of content alone bears it."""


def documents_root(settings: SourceSettings, *, base: Path | None = None) -> Path | None:
    """Return the folder of the practice's files, or None where there is none.

    It is the configured folder, else `documents` beside a SQLite file or inside a folder of
    exports. Raises SourceError where a configured folder does not exist.
    """
    if settings.documents is not None:
        configured = settings.documents.expanduser()
        inside = base / configured if base is not None else configured
        found = inside if inside.is_dir() else configured
        if not found.is_dir():
            raise SourceError(
                f"The documents folder {configured} does not exist.",
                hint="Correct `documents:` under `source:` in engagement.yml.",
            )
        return found.resolve()
    path = source_path(settings, base=base)
    if path is None:
        return None
    beside = path / FOLDER_NAME if path.is_dir() else path.parent / FOLDER_NAME
    return beside if beside.is_dir() else None


def folders_of(root: Path) -> dict[str, Path]:
    """Return the folders behind `root` by what the paths below them begin with.

    A documents folder is one; of a group each practice's is, by the practice's name.
    """
    if root.name != DOCUMENTS:
        return {"": root.resolve()}
    return {f"{link.name}/": link.resolve() for link in sorted(root.iterdir()) if link.is_dir()}


def list_files(root: Path) -> pd.DataFrame:
    """Return every file below `root`: `path` (relative, with `/`) and `bytes`, by path."""
    rows = sorted(row for start, one in folders_of(root).items() for row in _walk(one, start))
    return pd.DataFrame(
        {
            "path": pd.Series([path for path, _ in rows], dtype="str"),
            "bytes": pd.Series([size for _, size in rows], dtype="int64"),
        }
    )


def _walk(folder: Path, prefix: str) -> list[tuple[str, int]]:
    found: list[tuple[str, int]] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                found += _walk(Path(entry.path), f"{prefix}{entry.name}/")
            elif entry.is_file():
                found.append((f"{prefix}{entry.name}", entry.stat().st_size))
    return found


def normalised(paths: pd.Series) -> pd.Series:
    """Return paths as the source writes them (`C:\\\\IMG\\\\a.jpg`) as relative paths with `/`."""
    plain = paths.astype("str").str.strip().str.replace("\\", "/", regex=False)
    plain = plain.str.replace(r"^[A-Za-z]:", "", regex=True)
    return plain.str.replace(r"/{2,}", "/", regex=True).str.replace(r"^(?:\.?/)+", "", regex=True)


def locate(paths: pd.Series, files: pd.DataFrame) -> pd.DataFrame:
    """Return for each path the file it means: `path`, `found` (null: missing) and `bytes`.

    A path matches as it is, then without regard to case, then by the longest ending that only one
    file has: programs store paths of the drive they were installed on.
    """
    wanted = normalised(paths)
    exact = pd.Series(files["path"].to_numpy(), index=files["path"].to_numpy(), dtype="str")
    folded = exact.copy()
    folded.index = folded.index.str.lower()
    folded = folded[~folded.index.duplicated(keep=False)]
    distinct = pd.Series(wanted.dropna().unique(), dtype="str")
    found = distinct.map(exact).fillna(distinct.str.lower().map(folded))
    tail = distinct.str.lower()
    while found.isna().any():
        open_ = found.isna() & tail.str.contains("/", regex=False)
        if not open_.any():
            break
        tail = tail.where(~open_, tail.str.replace(r"^[^/]*/", "", regex=True))
        found = found.fillna(tail.where(open_).map(folded))
    match = pd.Series(found.to_numpy(), index=distinct.to_numpy(), dtype="str")
    sizes = pd.Series(files["bytes"].to_numpy(), index=files["path"].to_numpy(), dtype="Int64")
    place = wanted.map(match)
    return pd.DataFrame(
        {"path": wanted, "found": place, "bytes": place.map(sizes).astype("Int64")},
        index=paths.index,
    )


@dataclass(frozen=True, slots=True)
class AttachmentInventory:
    """What the practice's files add up to."""

    root: Path | None
    files: int
    bytes: int
    by_extension: dict[str, tuple[int, int]]
    """Files and bytes by extension in lower case; `(none)` for names without one."""
    rows: int | None
    """Rows of the source that point to a file; None where no rows were given."""
    missing: int
    oversize: int
    empty: int
    unlisted: int
    """Files that no row points to."""
    shared: int
    """Files that more than one row points to."""
    limit_bytes: int
    by_kind: dict[str, int]
    """Files by media type, judged by their first bytes; empty where they were not examined."""
    duplicates: int
    """Files with the same content as an earlier one."""
    unreadable: int
    misnamed: int
    """Pictures and documents whose extension says another kind than their content."""

    def to_json(self) -> dict[str, object]:
        """Return counts alone, no path."""
        kinds = {k: {"files": n, "bytes": size} for k, (n, size) in self.by_extension.items()}
        return {
            "folder_found": self.root is not None,
            "files": self.files,
            "bytes": self.bytes,
            "by_extension": kinds,
            "rows": self.rows,
            "missing": self.missing,
            "oversize": self.oversize,
            "empty": self.empty,
            "unlisted": self.unlisted,
            "shared": self.shared,
            "limit_bytes": self.limit_bytes,
            "by_kind": self.by_kind,
            "duplicates": self.duplicates,
            "unreadable": self.unreadable,
            "misnamed": self.misnamed,
        }


def take_stock(
    root: Path | None,
    paths: pd.Series | None = None,
    *,
    limit_mb: float = 25,
    examined: pd.DataFrame | None = None,
) -> AttachmentInventory:
    """Return the inventory of the files below `root` and of the rows that point to them.

    `paths` are the paths as the source writes them, one for each row; null or empty counts as
    missing. Oversize counts the files above `limit_mb`, whether or not a row points to them.
    `examined` is what `document_files.examine` found below `root`.
    """
    listed = list_files(root) if root is not None and examined is None else _no_files()
    files = listed if examined is None else examined
    limit = int(limit_mb * 2**20)
    kinds = files["path"].str.extract(r"\.([^./]{1,10})$", expand=False).str.lower()
    grouped = files.groupby(kinds.fillna("(none)").rename("kind"))["bytes"].agg(["count", "sum"])
    by_extension = {
        str(kind): (int(row["count"]), int(row["sum"]))
        for kind, row in grouped.sort_values("sum", ascending=False).iterrows()
    }
    places = locate(paths, files)["found"] if paths is not None else None
    pointed = places.dropna() if places is not None else None
    return AttachmentInventory(
        root=root,
        files=len(files),
        bytes=int(files["bytes"].sum()),
        by_extension=by_extension,
        rows=None if paths is None else len(paths),
        missing=0 if places is None else int(places.isna().sum()),
        oversize=int((files["bytes"] > limit).sum()),
        empty=int((files["bytes"] == 0).sum()),
        unlisted=0 if pointed is None else len(files) - int(pointed.nunique()),
        shared=0 if pointed is None else int((pointed.value_counts() > 1).sum()),
        limit_bytes=limit,
        **_contents(files, kinds),
    )


def _contents(files: pd.DataFrame, extensions: pd.Series) -> dict[str, Any]:
    """Count what reading the files told, where they were read."""
    if "kind" not in files:
        return {"by_kind": {}, "duplicates": 0, "unreadable": 0, "misnamed": 0}
    meant = extensions.map(_MEANT)
    other = meant.notna() & files["kind"].notna() & (meant != files["kind"]) & (files["bytes"] > 0)
    held = files["sha256"].notna() & (files["bytes"] > 0)
    kinds = files.loc[files["bytes"] > 0, "kind"].value_counts()
    return {
        "by_kind": {str(kind): int(count) for kind, count in kinds.items()},
        "duplicates": int(files.loc[held, "sha256"].duplicated().sum()),
        "unreadable": int(files["sha256"].isna().sum()),
        "misnamed": int(other.sum()),
    }


def _no_files() -> pd.DataFrame:
    return pd.DataFrame({"path": pd.Series([], dtype="str"), "bytes": pd.Series([], dtype="int64")})
