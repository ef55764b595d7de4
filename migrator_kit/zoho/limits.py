"""The one table of Zoho CRM's limits and prices: used by planner, pacer and client alike.

Sources: fact sheet 2.1 (calls), 2.10 (lists), 4 (mass delete), 5 (COQL), 6 and 7 (bulk), 8 (files),
9.3 (fields), 11.1 to 11.3 (credits, costs, concurrency).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

RECORDS_PER_CALL = 100
IDS_PER_DELETE = 100
IDS_PER_MASS_DELETE = 500
LIST_PAGE = 200
LIST_FIELDS = 50
LIST_ROWS = 100_000
"""Rows that one listing with page tokens gives before it ends."""
DISCRETE_ROWS = 2_000
"""Rows that the `page` parameter reaches without a token."""
COQL_PAGE = 2_000
COQL_FIELDS = 500
COQL_IN_VALUES = 50
"""Values of one COQL `in`. Zoho names no figure that we could confirm: a careful choice."""
USERS_PAGE = 200
BULK_ROWS = 25_000
BULK_BYTES = 25_000_000
BULK_COLUMNS = 200
BULK_READ_ROWS = 200_000
BULK_READ_FIELDS = 200
BULK_READ_PAGES = 500
ATTACHMENT_BYTES = 100_000_000
"""Zoho's documented limit of one attachment; settings may lower it."""
FIELDS_PER_CREATE = 5
UNIQUE_FIELDS = 2
LABEL_LENGTH = 25
STAGE_OPTIONS = 220
RESTORE_IDS = 200
TOKENS_PER_WINDOW = 10
TOKEN_WINDOW_SECONDS = 600.0
CREDIT_WINDOW_SECONDS = 86_400.0
SUB_CONCURRENCY = 10
SUB_CONCURRENCY_RECORDS = 10
"""Writes of more records than this count against the sub-concurrency."""

CREDITS_CALL = 1
CREDITS_DELETED_LIST = 2
CREDITS_RECORD_COUNT = 50
CREDITS_BULK_READ = 50
CREDITS_BULK_WRITE = 500
CREDITS_FIELD = 10

NO_UPSERT = frozenset({"Tasks", "Events", "Calls", "Notes", "Attachments"})
"""Modules whose records the upsert call refuses (fact sheet 2.4)."""
NO_BULK_WRITE = frozenset({"Events", "Calls", "Notes", "Attachments"})
NO_BULK_READ = frozenset({"Notes", "Attachments", "Emails"})
NO_COQL = frozenset({"Notes", "Attachments"})
NO_CUSTOM_FIELDS = frozenset({"Notes", "Attachments"})
ACTIVITIES = frozenset({"Tasks", "Events", "Calls"})
"""Modules that share one label space (fact sheet 9.3)."""
FIELD_LENGTHS = {
    "text": 255, "textarea": 50_000, "email": 100, "phone": 30, "website": 450, "integer": 9,
    "bigint": 18, "double": 18, "currency": 16, "percent": 5,
}  # fmt: skip
"""Longest length by data type that a custom field can be given."""
TEXTAREA_TYPES = {2_000: "small", 32_000: "large", 50_000: "rich_text"}


class Edition(StrEnum):
    """Zoho CRM's editions, cheapest first."""

    FREE = "free"
    STANDARD = "standard"
    PROFESSIONAL = "professional"
    ENTERPRISE = "enterprise"
    ULTIMATE = "ultimate"


@dataclass(frozen=True, slots=True)
class Limits:
    """What one edition allows. `credits_cap` None means without an upper bound."""

    edition: Edition
    credits_base: int
    credits_per_user: int
    credits_cap: int | None
    concurrency: int
    custom_fields: int
    custom_fields_activities: int
    sub_concurrency: int = SUB_CONCURRENCY

    def daily_credits(self, users: int) -> int:
        """Return the credits of a rolling 24 hours for an org with `users` licences."""
        total = self.credits_base + self.credits_per_user * max(users, 0)
        return total if self.credits_cap is None else min(total, self.credits_cap)

    def custom_fields_of(self, module: str) -> int:
        """Return how many custom fields `module` can hold."""
        return self.custom_fields_activities if module in ACTIVITIES else self.custom_fields

    @property
    def calls_in_flight(self) -> int:
        """Calls to keep in flight: a fifth below the edition's limit, for the org's other users."""
        return max(1, self.concurrency * 4 // 5)

    @property
    def writers_in_flight(self) -> int:
        """Calls under sub-concurrency to keep in flight: all of them (fact sheet 11.3).

        Zoho counts by org and application, so nobody else needs a share; should it refuse a call
        all the same, the gate halves.
        """
        return max(1, min(self.sub_concurrency, self.calls_in_flight))


EDITIONS: dict[Edition, Limits] = {
    limits.edition: limits
    for limits in (
        Limits(Edition.FREE, 5_000, 0, 5_000, 5, 25, 25),
        Limits(Edition.STANDARD, 50_000, 250, 100_000, 10, 10, 10),
        Limits(Edition.PROFESSIONAL, 50_000, 500, 3_000_000, 15, 155, 155),
        Limits(Edition.ENTERPRISE, 50_000, 1_000, 5_000_000, 20, 300, 230),
        Limits(Edition.ULTIMATE, 50_000, 2_000, None, 25, 500, 230),
    )
}

_ALIASES = {
    "starter": Edition.STANDARD,
    "zoho one": Edition.ENTERPRISE,
    "zohoone": Edition.ENTERPRISE,
    "crm plus": Edition.ULTIMATE,
    "crmplus": Edition.ULTIMATE,
    "developer": Edition.FREE,
}


def edition_of(name: str | None) -> Edition | None:
    """Return the edition a licence name stands for, whatever its case, or None if unknown."""
    key = str(name or "").strip().lower().replace("_", " ")
    if key in _ALIASES:
        return _ALIASES[key]
    return Edition(key) if key in set(Edition) else None


def limits_for(edition: str | Edition | None) -> Limits:
    """Return an edition's limits; an unknown edition gets the lowest ones, those of Free."""
    return EDITIONS[edition_of(edition) or Edition.FREE]


def credits_for_write(records: int) -> int:
    """Return the credits of inserting, updating or upserting `records` in calls of 100 or fewer."""
    full, rest = divmod(max(records, 0), RECORDS_PER_CALL)
    return full * (RECORDS_PER_CALL // 10) + math.ceil(rest / 10)


def credits_for_coql(limit: int) -> int:
    """Return the credits of one COQL call by its LIMIT."""
    return 1 if limit <= 200 else 2 if limit <= 1_000 else 3


def credits_for_mass_delete(ids: int) -> int:
    """Return the credits of one mass delete call."""
    return max(1, math.ceil(ids / 100))


def calls_for(records: int, per_call: int = RECORDS_PER_CALL) -> int:
    """Return how many calls `records` take."""
    return math.ceil(max(records, 0) / per_call)
