"""The rows of the results table: what is measured, against what, and what it must reach.

One home for each promise. A benchmark says `record("load-rest", ratio, "what was seen")`; whether
the row holds is judged here. `missed` tells, where a row is known to miss, why and what was tried.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One promise. The measured ratio lies between `least` and `most`, where they are given."""

    key: str
    what: str
    against: str
    promise: str
    least: float = float("-inf")
    most: float = float("inf")
    missed: str = ""
    tried: str = ""

    def holds(self, ratio: float) -> bool:
        """Whether the measured ratio keeps the promise."""
        return self.least <= ratio <= self.most


ROWS = (
    Row(
        "load-rest", "REST load of 50,000 Contacts, emulator at 150 ms a call, Enterprise limits",
        "bound: sub-concurrency × 100 / latency", "90 % of the bound", least=0.9,
        missed="Of 8.4 s, 7.5 are the bound. 0.4 s go before the first call, in which the org is "
        "asked what it holds and the first rows are built; the rest are 4 ms a call, and the last "
        "ten calls, which do not end side by side.",
        tried="ten writers instead of four, batches ready with the workers, orjson on both sides, "
        "images sealed by the sheet, intents as one text a batch, plain tuples to the ledger, "
        "shorter turns of Python's lock, payloads of ten thousand rows instead of a whole part; "
        "the emulator's own work counts within its 150 ms.",
    ),
    Row(
        "load-sdk", "the same load", "Zoho's official SDK in a loop of 100, as its samples do",
        "8 × faster", least=8,
    ),
    Row(
        "load-bulk", "Bulk Write load of 250,000 Contacts, emulator job time as configured",
        "bound from job time and concurrency", "90 % of the bound", least=0.9,
    ),
    Row(
        "load-credits", "credits per 100,000 records, planner's choice", "REST upsert only",
        "≤ 0.25", most=0.25,
    ),
    Row(
        "load-cpu", "client CPU per 100-record upsert", "plain requests with json", "≤ 1.5 ×",
        most=1.5,
    ),
    Row(
        "load-ledger", "load with ledger, audit log and pre-images", "load without them",
        "≤ 1.15 ×", most=1.15,
        missed="Ledger and loader share one thread's time with encoding and sending.",
        tried="orjson, images sealed by the sheet, one text of intents a batch, plain tuples, one "
        "commit for several batches; each commit still waits for the disk, as it must.",
    ),
    Row(
        "snapshot-time", "snapshot of 2 million rows from SQLite: time",
        "pandas.read_sql + to_parquet", "2 × faster", least=2,
    ),
    Row(
        "snapshot-memory", "snapshot of 2 million rows from SQLite: peak memory",
        "pandas.read_sql + to_parquet", "≤ ¼", most=0.25,
    ),
    Row(
        "shaping", "shaping 1 million patients, all transforms of the default mapping",
        "the same rules row by row (petl)", "10 × faster", least=10,
    ),
    Row(
        "diff-time", "field diff of 2 million × 30: time", "datacompy's fastest backend",
        "2 × faster", least=2,
    ),
    Row(
        "diff-memory", "field diff of 2 million × 30: peak memory", "datacompy's fastest backend",
        "≤ ¼", most=0.25,
    ),
    Row(
        "audit-profile", "audit profile of 1 million × 30",
        "scan in pandas in the manner of fg-data-profiling and WhiteRabbit", "5 × faster", least=5,
    ),
    Row(
        "expectations-time", "20 expectations on 1 million × 30: time",
        "Great Expectations on one DataFrame", "not slower", most=1.0,
    ),
    Row(
        "expectations-memory", "20 expectations on 1 million × 30: peak memory",
        "Great Expectations on one DataFrame", "≤ ½", most=0.5,
        missed="The library itself takes 400 MB before it judges anything, and uniqueness needs "
        "the keys of the whole object at once.",
        tried="one part of 50,000 rows at a time, only the columns that rules read, only the "
        "columns of whole rules kept together, numbers for values that are only compared, failing "
        "rows by place.",
    ),
    Row(
        "chain-flat", "whole chain at 20 thousand and 200 thousand records: cost per record",
        "itself", "flat within 20 %", most=1.2,
    ),
    Row(
        "chain-flat-long", "whole chain at 200 thousand and 2 million records: cost per record",
        "itself", "flat within 20 %", most=1.2,
    ),
    Row(
        "chain-memory", "whole chain at 200 thousand records: peak memory of one process",
        "2 GB", "< 1 ×", most=1.0,
    ),
    Row(
        "chain-memory-long", "whole chain at 2 million records: peak memory of one process",
        "2 GB", "< 1 ×", most=1.0,
    ),
    Row(
        "notebooks", "notebook chain of five notebooks", "sum of its steps called from Python",
        "≤ 25 s more", most=25,
        missed="Each notebook pays for a kernel, for imports that the sum of steps pays once "
        "(Great Expectations in three of them), and for its page as HTML.",
        tried="libraries imported where they are used; the chain itself is one process; the "
        "kernel of the next notebook is started ahead; what libraries hold is kept from the "
        "collector; a grammar that jsonschema compiles when read, and nobody uses, is left out.",
    ),
    Row("start-up", "`migrator --help`", "`python -c pass`", "≤ 0.5 s more", most=0.5),
)  # fmt: skip
"""In the order of the table."""

BY_KEY = {row.key: row for row in ROWS}
