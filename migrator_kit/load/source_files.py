"""Files of the documents folder: found, measured, digested. Paths come from the source as text."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from migrator_kit.engagement import digest_file
from migrator_kit.load.states import Reason
from migrator_kit.source.documents import folders_of


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file that can be read: where, how large, when it was last changed."""

    path: Path
    size: int
    modified_ns: int

    def sha256(self) -> str | None:
        """Return the content's SHA-256, or None where it cannot be read."""
        try:
            return digest_file(self.path)
        except OSError:
            return None


@dataclass(slots=True)
class Documents:
    """The documents folder. Windows paths ignore case: so does the search, where need be."""

    root: Path | None
    _by_folded_name: dict[str, Path] | None = field(default=None)
    _folders: dict[str, Path] | None = field(default=None)

    def find(self, path: str | None) -> FoundFile | Reason:
        """Return the file a source path names, or why there is none to move."""
        if self.root is None or not path:
            return Reason.FILE_MISSING
        relative = PurePosixPath(path)
        if relative.is_absolute() or ".." in relative.parts:
            return Reason.FILE_OUTSIDE
        found = self._existing(relative)
        if found is None:
            return Reason.FILE_MISSING
        homes = [home for start, home in self._homes().items() if path.startswith(start)]
        if not any(found.resolve().is_relative_to(home) for home in homes):
            return Reason.FILE_OUTSIDE
        try:
            facts = found.stat()
        except OSError:
            return Reason.FILE_UNREADABLE
        if not os.access(found, os.R_OK):
            return Reason.FILE_UNREADABLE
        if facts.st_size == 0:
            return Reason.FILE_EMPTY
        return FoundFile(found, facts.st_size, facts.st_mtime_ns)

    def _homes(self) -> dict[str, Path]:
        """Return the folders without links, by start of path, which a file must not lead out of."""
        if self._folders is None:
            self._folders = folders_of(self.root) if self.root else {}
        return self._folders

    def _existing(self, relative: PurePosixPath) -> Path | None:
        if self.root is None:
            return None
        exact = self.root / relative
        if exact.is_file():
            return exact
        if self._by_folded_name is None:
            self._by_folded_name = {
                f"{start}{PurePosixPath(Path(folder, name).relative_to(home))}".casefold(): Path(
                    folder, name
                )
                for start, home in self._homes().items()
                for folder, _, names in os.walk(home)
                for name in names
            }
        return self._by_folded_name.get(str(relative).casefold())
