"""Tables of the ledger and the numbered migrations that make them.

Facts that happened (`outcome`, `audit`, `provisioning`) are only ever appended. `crosswalk`,
`mark` and `field_name` say how things stand now. Numbers are given out by the one writer, so the
same statements serve SQLite and PostgreSQL.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import BigInteger, Column, MetaData, Table, Text

metadata = MetaData()


def _table(name: str, keys: str, texts: str = "", numbers: str = "") -> Table:
    """Declare a table: `keys` begin with `#` where they are numbers."""
    columns = [
        Column(key.lstrip("#"), BigInteger if key.startswith("#") else Text, primary_key=True,
               autoincrement=False)
        for key in keys.split()
    ]  # fmt: skip
    columns += [Column(text, Text) for text in texts.split()]
    columns += [Column(number, BigInteger) for number in numbers.split()]
    return Table(name, metadata, *columns)


schema_version = _table("schema_version", "#number", "name applied_at")
setting = _table("setting", "name", "value")
run = _table("run", "run_id", "kind state org_id shaped mapping code_version started_at ended_at")
crosswalk = _table(
    "crosswalk",
    "object source_id",
    "module zoho_id state payload_digest link_digest modified_time run_id at",
)
batch = _table(
    "batch",
    "#batch_id",
    "run_id object module call state opened_at settled_at job_id intents",
    "rows",
)
outcome = _table(
    "outcome", "#seq", "run_id object source_id status reason code field payload_digest at"
)
mark = _table(
    "mark", "object source_id", "parent_module parent_id content_digest", "size modified_ns"
)
field_name = _table(
    "field_name", "module logical", "label api_name field_id data_type run_id", "created"
)
provisioning = _table("provisioning", "#seq", "run_id kind module label value field_id at")
org_state = _table("org_state", "run_id moment", "digest at")
audit = _table(
    "audit",
    "#seq",
    "at run_id action module source_id zoho_id before_digest after_digest previous_hash hash",
)


CREATE_SCHEMA_VERSION = (
    "CREATE TABLE IF NOT EXISTS schema_version"
    " (number BIGINT PRIMARY KEY, name TEXT, applied_at TEXT)"
)


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered step of the schema. Runs in one transaction with the row that records it."""

    number: int
    name: str
    statements: tuple[str, ...]
    forgets: str | None = None
    """Counts open batches that nobody could read back afterwards: with any, it is refused."""


MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        1,
        "runs, crosswalk, batches, outcomes, field names, audit log",
        (
            "CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT)",
            "CREATE TABLE run (run_id TEXT PRIMARY KEY, kind TEXT, state TEXT, org_id TEXT,"
            " shaped TEXT, mapping TEXT, code_version TEXT, started_at TEXT, ended_at TEXT)",
            "CREATE TABLE crosswalk (object TEXT NOT NULL, source_id TEXT NOT NULL, module TEXT,"
            " zoho_id TEXT, state TEXT, payload_digest TEXT, link_digest TEXT,"
            " modified_time TEXT, run_id TEXT, at TEXT, PRIMARY KEY (object, source_id))",
            "CREATE TABLE batch (batch_id BIGINT PRIMARY KEY, run_id TEXT, object TEXT,"
            " module TEXT, call TEXT, state TEXT, opened_at TEXT, settled_at TEXT, rows BIGINT)",
            "CREATE INDEX batch_by_state ON batch (state)",
            "CREATE TABLE batch_row (batch_id BIGINT NOT NULL, position BIGINT NOT NULL,"
            " source_id TEXT, intended TEXT, key_value TEXT, zoho_id TEXT,"
            " payload_digest TEXT, parent_module TEXT, parent_id TEXT, content_digest TEXT,"
            " size BIGINT,"
            " PRIMARY KEY (batch_id, position))",
            "CREATE TABLE outcome (seq BIGINT PRIMARY KEY, run_id TEXT, object TEXT,"
            " source_id TEXT, status TEXT, reason TEXT, code TEXT, field TEXT,"
            " payload_digest TEXT, at TEXT)",
            "CREATE INDEX outcome_by_record ON outcome (object, source_id, seq)",
            "CREATE TABLE mark (object TEXT NOT NULL, source_id TEXT NOT NULL,"
            " parent_module TEXT, parent_id TEXT, content_digest TEXT, size BIGINT,"
            " modified_ns BIGINT, PRIMARY KEY (object, source_id))",
            "CREATE TABLE field_name (module TEXT NOT NULL, logical TEXT NOT NULL, label TEXT,"
            " api_name TEXT, field_id TEXT, data_type TEXT, run_id TEXT, created BIGINT,"
            " PRIMARY KEY (module, logical))",
            "CREATE TABLE provisioning (seq BIGINT PRIMARY KEY, run_id TEXT, kind TEXT,"
            " module TEXT, label TEXT, value TEXT, field_id TEXT, at TEXT)",
            "CREATE TABLE audit (seq BIGINT PRIMARY KEY, at TEXT, run_id TEXT, action TEXT,"
            " module TEXT, source_id TEXT, zoho_id TEXT, before_digest TEXT, after_digest TEXT,"
            " previous_hash TEXT, hash TEXT)",
        ),
    ),
    Migration(
        2,
        "digests of the org at moments of a run",
        (
            "CREATE TABLE org_state (run_id TEXT NOT NULL, moment TEXT NOT NULL, digest TEXT,"
            " at TEXT, PRIMARY KEY (run_id, moment))",
            "CREATE INDEX outcome_by_run ON outcome (run_id)",
        ),
    ),
    Migration(3, "jobs of bulk writes", ("ALTER TABLE batch ADD COLUMN job_id TEXT",)),
    # One text a batch: nobody asks for a single row, and a hundred rows cost a hundred times more.
    Migration(
        4,
        "intents beside their batch",
        ("ALTER TABLE batch ADD COLUMN intents TEXT", "DROP TABLE batch_row"),
        forgets="SELECT count(*) FROM batch WHERE state <> 'settled'",
    ),
)
