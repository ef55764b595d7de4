"""What each edition of the vendor's product allows (fact sheet 9.3 and 11)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class EditionName(StrEnum):
    """Editions by the names that `--edition` takes; `basic` has no API access (a choice)."""

    BASIC = "basic"
    FREE = "free"
    STANDARD = "standard"
    PROFESSIONAL = "professional"
    ENTERPRISE = "enterprise"
    ULTIMATE = "ultimate"


@dataclass(frozen=True, slots=True)
class Edition:
    """Limits of one edition. `credits_max` None means unlimited."""

    name: EditionName
    api_access: bool
    credits_base: int
    credits_per_user: int
    credits_max: int | None
    concurrency: int
    custom_fields: int
    custom_fields_activity: int
    mass_delete_by_view: bool

    def credits(self, licences: int) -> int:
        """The credit budget of a rolling day for an org with that many user licences."""
        budget = self.credits_base + self.credits_per_user * licences
        return budget if self.credits_max is None else min(budget, self.credits_max)


SUB_CONCURRENCY = 10
UNIQUE_FIELDS = 2
FIELDS_PER_CALL = 5

_E = EditionName
EDITIONS: dict[EditionName, Edition] = {
    edition.name: edition
    for edition in (
        Edition(_E.BASIC, False, 0, 0, 0, 5, 0, 0, False),
        Edition(_E.FREE, True, 5_000, 0, 5_000, 5, 25, 25, False),
        Edition(_E.STANDARD, True, 50_000, 250, 100_000, 10, 10, 10, False),
        Edition(_E.PROFESSIONAL, True, 50_000, 500, 3_000_000, 15, 155, 155, False),
        Edition(_E.ENTERPRISE, True, 50_000, 1_000, 5_000_000, 20, 300, 230, True),
        Edition(_E.ULTIMATE, True, 50_000, 2_000, None, 25, 500, 230, True),
    )
}
