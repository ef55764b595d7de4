"""What Zoho CRM answered: status and parsed JSON, and the usual ways to read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from migrator_kit.errors import AmbiguousError, TargetError, TerminalError
from migrator_kit.zoho.calls import Call
from migrator_kit.zoho.faults import READ_BACK
from migrator_kit.zoho.results import Action, ItemResult, items_of, parse_item


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. `body` is the parsed JSON, None where the answer was empty."""

    status: int
    body: object = field(repr=False)
    call: Call

    def listed(self, key: str) -> list[Mapping[str, Any]]:
        """Return the list of objects under `key`, empty where there is none."""
        found = self.value(key)
        if not isinstance(found, Sequence) or isinstance(found, str):
            return []
        return [item for item in found if isinstance(item, Mapping)]

    def value(self, key: str) -> Any:
        """Return the value under `key`, or None."""
        return self.body.get(key) if isinstance(self.body, Mapping) else None

    def info(self, name: str) -> str | None:
        """Return a value of the paging block, as text, or None."""
        info = self.value("info")
        value = info.get(name) if isinstance(info, Mapping) else None
        return None if value is None else str(value)

    @property
    def more_records(self) -> bool:
        """Whether the paging block says that more follows."""
        return self.info("more_records") == "True"

    def items(
        self, count: int, *, action: Action | None = None, order: Sequence[str] | None = None
    ) -> list[ItemResult]:
        """Return one result per record of the call, in request order.

        With `order`, results that name their ids are put in the order of these ids. An answer
        with fewer or more outcomes than records matches none of them: AmbiguousError for a write.
        """
        items = items_of(self.body, self.call.items_key)
        if items is None and count == 1 and self.call.envelope_ok:
            items = [self.body] if isinstance(self.body, Mapping) else None
        if items is None or len(items) != count:
            raise self._unmatched(0 if items is None else len(items), count)
        results = [parse_item(item, action) for item in items]
        if order is None:
            return results
        by_id = {result.id: result for result in results if result.id}
        if set(by_id) == set(order):
            return [by_id[identifier] for identifier in order]
        return results

    def _unmatched(self, found: int, count: int) -> TargetError:
        error = AmbiguousError if self.call.writes else TerminalError
        return error(
            f"{self.call.place}: {found} outcomes for {count} records.",
            status=self.status,
            hint=READ_BACK,
        )
