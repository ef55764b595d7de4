"""The price: a tariff applied to the figures, line by line."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pandas as pd

from migrator_kit.estimate.figures import Figures, Fit
from migrator_kit.estimate.tariff import Tariff

_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class PriceLine:
    """One line of the price: so many units at so much."""

    item: str
    quantity: int
    unit_price: Decimal

    @property
    def amount(self) -> Decimal:
        """What the line comes to."""
        return self.quantity * self.unit_price


@dataclass(frozen=True, slots=True)
class Price:
    """A price with its lines. Without lines it is scoped individually."""

    currency: str
    lines: tuple[PriceLine, ...]
    rush_share: Decimal
    scoped_above: int

    @property
    def total(self) -> Decimal | None:
        """The sum; None where the size asks for an offer of its own."""
        return sum((line.amount for line in self.lines), Decimal()) if self.lines else None

    @property
    def rushed(self) -> Decimal | None:
        """The sum with the surcharge for a rush."""
        total = self.total
        return None if total is None else (total * (1 + self.rush_share)).quantize(
            _CENT, ROUND_HALF_UP
        )  # fmt: skip

    def words(self) -> str:
        """Return the price as a person writes it."""
        if self.total is None:
            return f"scoped individually (above {self.scoped_above:,} records)"
        return f"{self.total:,.0f} {self.currency}, or {self.rushed:,.0f} with a rush"

    def table(self) -> pd.DataFrame:
        """Return one row for each line, without those that come to nothing."""
        rows = [
            (line.item, line.quantity, float(line.unit_price), float(line.amount))
            for line in self.lines
            if line.quantity
        ]
        unit, amount = f"Unit price {self.currency}", f"Amount {self.currency}"
        return pd.DataFrame(rows, columns=["item", "quantity", unit, amount])

    def to_json(self) -> dict[str, Any]:
        """Return the price for `audit --json`; `total` is null where it is scoped individually."""
        total, rushed = self.total, self.rushed
        return {
            "currency": self.currency,
            "total": None if total is None else float(total),
            "with_rush": None if rushed is None else float(rushed),
            "scoped_individually": total is None,
            "lines": [
                {
                    "item": line.item, "quantity": line.quantity,
                    "unit_price": float(line.unit_price), "amount": float(line.amount),
                }
                for line in self.lines
            ],
        }  # fmt: skip


def price_of(figures: Figures, tariff: Tariff) -> Price:
    """Return what the tariff asks for these figures; no lines above its limit of records."""
    known = sum(one.fit not in (Fit.MISSING, Fit.UNMAPPED) for one in figures.objects)
    lines = (
        PriceLine("Audit, mapping, sample, sign-off", 1, tariff.base),
        PriceLine("Objects in the source", known, tariff.per_object),
        PriceLine("Columns to be decided by a person", len(figures.unclear),
                  tariff.per_unclear_column),
        PriceLine("Reminder and recall rules", figures.rules, tariff.per_reminder_rule),
        PriceLine("Thousands of records", _begun(figures.records, 1_000), tariff.per_1000_records),
        PriceLine("Gigabytes of files", _begun(figures.file_bytes, 10**9), tariff.per_gb_files),
        PriceLine("Hundreds of rows to look at", _begun(figures.dirty, 100),
                  tariff.dirt_per_100_rows),
    )  # fmt: skip
    scoped = figures.records > tariff.scoped_above_records
    return Price(
        tariff.currency, () if scoped else lines, tariff.rush_share, tariff.scoped_above_records
    )


def _begun(count: int, unit: int) -> int:
    """Return how many units were begun."""
    return math.ceil(count / unit)
