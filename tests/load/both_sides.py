"""A model of source and org on a page: what has to be true, by the rules of the design alone.

For each field of a record it knows three values: what we wrote last, what the source says, what the
org holds. For each file it knows the versions that we uploaded. What people add is nobody else's.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, field
from typing import Any

from migrator_kit.mapping.model import OnConflict

Fields = dict[str, Any]
Stood = tuple[Fields, Fields] | None
"""Base and org of a record before a run wrote it; None: the run created it."""


@dataclass
class Records:
    """The records of one object, each field with its policy."""

    policies: dict[str, str]
    source: dict[str, Fields]
    base: dict[str, Fields] = field(default_factory=dict)
    org: dict[str, Fields] = field(default_factory=dict)
    runs: list[dict[str, Stood]] = field(default_factory=list)
    staff_wrote_last: set[str] = field(default_factory=set)
    stuck: dict[str, int] = field(default_factory=dict)
    """Records whose undo was held: earlier runs, up to that number, cannot be undone for them."""

    def edit(self, key: str, name: str, value: Any) -> None:
        """A person changes a field in the org."""
        self.org[key][name] = value
        self.staff_wrote_last.add(key)

    def load(self) -> set[tuple[str, str]]:
        """Move what changed; return the conflicts that are held."""
        held: set[tuple[str, str]] = set()
        wrote: dict[str, Stood] = {}
        for key, source in self.source.items():
            if key not in self.base:
                self.base[key], self.org[key], wrote[key] = dict(source), dict(source), None
                self.staff_wrote_last.discard(key)
                continue
            stood = (dict(self.base[key]), dict(self.org[key]))
            held |= {(key, name) for name in self.policies if self._merge(key, name)}
            if stood[1] != self.org[key]:
                # Nothing is to be undone where nothing was sent.
                wrote[key] = stood
                self.staff_wrote_last.discard(key)
        self.runs.append(wrote)
        return held

    def _merge(self, key: str, name: str) -> bool:
        """Bring one field up to date. True where it waits for a person."""
        base, org, fresh = self.base[key], self.org[key], self.source[key][name]
        if fresh == base[name]:
            return False
        if org[name] not in (base[name], fresh) and self.policies[name] != OnConflict.SOURCE:
            if self.policies[name] == OnConflict.ASK:
                return True
        else:
            org[name] = fresh
        base[name] = fresh
        return False

    def undo_last(self, held: Set[str]) -> None:
        """Take the last run back; `held` is what the real undo left to a person."""
        written = self.runs.pop()
        assert held <= set(written), "nothing else is looked at"
        for key, stood in written.items():
            if stood is None:
                assert (key in held) == (key in self.staff_wrote_last)
            elif len(self.runs) < self.stuck.get(key, 0):
                assert key in held, "a later run wrote it too, and is not undone"
            elif key in held:
                assert self._edited(key, stood), "held without an edit"
            else:
                self._restore(key, stood)
            if key in held:
                self.stuck[key] = len(self.runs)
            elif stood is None:
                del self.base[key], self.org[key]

    def _edited(self, key: str, stood: tuple[Fields, Fields]) -> bool:
        """Tell whether a person changed what is to be restored."""
        now, was = self.org[key], self.base[key]
        return any(stood[1][name] != now[name] != was[name] for name in self.policies)

    def _restore(self, key: str, stood: tuple[Fields, Fields]) -> None:
        (base, org), now, was = stood, self.org[key], self.base[key]
        back = {name: org[name] for name in self.policies if org[name] != now[name] == was[name]}
        now |= back
        self.base[key] = base
        if back:
            self.staff_wrote_last.discard(key)

    def undo_all(self, hanging: Set[str] = frozenset()) -> set[str]:
        """Take back what we created; return what stays: worked on since, or something hangs on."""
        held = set(self.base) & (self.staff_wrote_last | hanging)
        for key in set(self.base) - held:
            del self.base[key], self.org[key]
        self.runs.clear()
        self.stuck.clear()
        return held


@dataclass
class Files:
    """The files of one object, whose newer versions are kept beside the older ones."""

    source: dict[str, bytes]
    versions: dict[str, list[tuple[int, bytes]]] = field(default_factory=dict)
    runs: int = 0

    def load(self) -> None:
        """Upload what is new or differs from the newest version."""
        self.runs += 1
        for key, content in self.source.items():
            mine = self.versions.setdefault(key, [])
            if not mine or mine[-1][1] != content:
                mine.append((self.runs, content))

    def undo_last(self) -> None:
        """Take the last run's uploads back."""
        for key, mine in self.versions.items():
            self.versions[key] = [one for one in mine if one[0] != self.runs]
        self.runs -= 1

    def undo_all(self) -> None:
        """Take every upload back."""
        self.versions.clear()
        self.runs = 0

    def contents(self) -> list[bytes]:
        """Return everything of ours that hangs in the org."""
        return [content for mine in self.versions.values() for _, content in mine]
