"""Files of the documents folder: found, measured, digested. Paths come from the source as text."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from migrator_kit.engagement import digest_file
from migrator_kit.load.states import Reason


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
    _resolved: Path | None = field(default=None)

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
        if not found.resolve().is_relative_to(self._real_root()):
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

    def _real_root(self) -> Path:
        """Return the folder without links, which a file must not lead out of."""
        if self._resolved is None:
            self._resolved = (self.root or Path()).resolve()
        return self._resolved

    def _existing(self, relative: PurePosixPath) -> Path | None:
        if self.root is None:
            return None
        exact = self.root / relative
        if exact.is_file():
            return exact
        if self._by_folded_name is None:
            self._by_folded_name = {
                str(PurePosixPath(Path(folder, name).relative_to(self.root))).casefold(): Path(
                    folder, name
                )
                for folder, _, names in os.walk(self.root)
                for name in names
            }
        return self._by_folded_name.get(str(relative).casefold())
