"""What a rule counted, how counts of parts add up, and the verdict on them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from migrator_kit.quality.model import Outcome

KEY_LIMIT = 1_000
"""How many failing keys one rule keeps; the count is always complete."""

_TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True)
class Tally:
    """What running one rule gave. Holds counts and record keys, never values.

    `holds` is set by rules about a whole table or column, which have no rows to count. `reason`
    says why nothing could be judged, `error` names what stopped the rule.
    """

    considered: int = 0
    unexpected: int = 0
    keys: tuple[str, ...] = ()
    holds: bool | None = None
    reason: str = ""
    error: str = ""

    @property
    def share(self) -> float | None:
        """Share of the considered rows that are not as expected; None without rows."""
        return self.unexpected / self.considered if self.considered else None


def merge(parts: Sequence[Tally]) -> Tally:
    """Return the tally of a whole object from those of its parts."""
    if len(parts) == 1:
        return parts[0]
    error = next((part.error for part in parts if part.error), "")
    keys = tuple(key for part in parts for key in part.keys)[:KEY_LIMIT]
    total = Tally(
        considered=sum(part.considered for part in parts),
        unexpected=sum(part.unexpected for part in parts),
        keys=keys,
        error=error,
    )
    if not total.considered and not error:
        return replace(total, reason=parts[0].reason if parts else "no rows")
    return total


def judge(tally: Tally, mostly: float) -> Outcome:
    """Return the verdict on a tally where the share `mostly` has to be as expected."""
    if tally.error:
        return Outcome.ERROR
    if tally.holds is not None:
        return Outcome.PASSED if tally.holds else Outcome.FAILED
    if not tally.considered:
        return Outcome.NOT_APPLICABLE
    allowed = tally.considered * (1 - mostly) + _TOLERANCE
    return Outcome.PASSED if tally.unexpected <= allowed else Outcome.FAILED
