"""The order of the load, from the lookups of the mapping: parents first, cycles in a second pass.

Pure: a mapping goes in, steps come out.
"""

from __future__ import annotations

from dataclasses import dataclass

from migrator_kit.mapping.model import Landing, Mapping, ObjectMapping, ObjectName

_RANK = {Landing.RECORDS: 0, Landing.NOTES: 1, Landing.FILES: 2}
"""Notes hang on records, files on both: they come last whatever their lookups say."""


@dataclass(frozen=True, slots=True)
class LoadStep:
    """One object to load. `deferred` are lookups that only a second pass can fill."""

    mapping: ObjectMapping
    deferred: tuple[str, ...] = ()

    @property
    def object(self) -> ObjectName:
        """The object this step loads."""
        return self.mapping.object

    @property
    def module(self) -> str:
        """The Zoho module the object lands in."""
        return module_of(self.mapping)


def module_of(mapping: ObjectMapping) -> str:
    """Return the module an object lands in: notes and files have one of their own."""
    if mapping.landing is Landing.NOTES:
        return "Notes"
    if mapping.landing is Landing.FILES:
        return "Attachments"
    return mapping.module or ""


def load_order(mapping: Mapping) -> tuple[LoadStep, ...]:
    """Return the steps of a load in dependency order.

    An object comes after every object it points to. Where objects point at each other, or at
    themselves, the lookup that closes the circle is deferred.
    """
    waiting = sorted(
        (one for one in mapping.objects if one.landing in _RANK),
        key=lambda one: (_RANK[one.landing], list(ObjectName).index(one.object)),
    )
    moving = {one.object for one in waiting}
    steps: list[LoadStep] = []
    done: set[ObjectName] = set()
    while waiting:
        rank = _RANK[waiting[0].landing]
        peers = [one for one in waiting if _RANK[one.landing] == rank]
        # The first that waits for nothing; in a circle, the one that waits for least.
        following = min(peers, key=lambda one: len(_open(one, moving, done)))
        steps.append(LoadStep(following, _deferred(following, moving, done)))
        done.add(following.object)
        waiting.remove(following)
    return tuple(steps)


def _open(one: ObjectMapping, moving: set[ObjectName], done: set[ObjectName]) -> set[ObjectName]:
    """Return the objects that `one` still waits for; pointing at itself is no reason to wait."""
    parents = {parent for row in one.fields for parent in row.lookup}
    return (parents & moving) - done - {one.object}


def _deferred(
    one: ObjectMapping, moving: set[ObjectName], done: set[ObjectName]
) -> tuple[str, ...]:
    """Return the lookups whose parents come later. Notes and files take theirs at creation only."""
    if one.landing is not Landing.RECORDS:
        return ()
    return tuple(row.target for row in one.fields if (set(row.lookup) & moving) - done)
