"""The practice's side: the source within reach and read-only, its files, snapshot, mapping."""

from __future__ import annotations

from migrator_kit.engagement import Engagement
from migrator_kit.errors import GateClosed, MigratorError, SourceError
from migrator_kit.mapping.decisions import pending
from migrator_kit.mapping.files import load_mapping
from migrator_kit.mapping.model import Mapping
from migrator_kit.source.connect import open_source
from migrator_kit.source.documents import documents_root
from migrator_kit.source.snapshot import Snapshot, latest_snapshot
from migrator_kit.source.sql import SqlSource
from migrator_kit.workbench.doctor.checks import Check, fail, ok, warn

_ONLY_BY_ROLE = ("mssql", "access", "oracle")
"""Databases without a read-only session: what stands between us and a write is the user's role."""


def practice_checks(
    engagement: Engagement,
) -> tuple[list[Check], Snapshot | None, Mapping | None]:
    """Look at the practice's side; return what is there of snapshot and mapping as well."""
    taken, snapshot = _snapshot(engagement)
    mapped, mapping = _mapping(engagement)
    source = _source(engagement, has_snapshot=snapshot is not None)
    return [*source, _documents(engagement), taken, mapped], snapshot, mapping


def read_only_check(kind: str, too_many_rights: str | None = None) -> Check:
    """Check what keeps this kind of source from being written to.

    `too_many_rights` is how to make another user, where the source's own one may write.
    """
    if kind.lower().startswith(_ONLY_BY_ROLE):
        return warn(
            "Source read-only",
            f"{kind} has no read-only session; statements other than SELECT are refused here",
            "Use a user that may only read (db_datareader).",
        )
    if too_many_rights is not None:
        return warn(
            "Source read-only",
            "opened for reading alone, but this user can write",
            f"Make a read-only one and name it in `url:` under `source:`: {too_many_rights}",
        )
    return ok("Source read-only", "opened for reading alone")


def _source(engagement: Engagement, *, has_snapshot: bool) -> list[Check]:
    settings = engagement.settings.source
    try:
        with open_source(settings, base=engagement.folder) as source:
            tables = len(source.describe())
            kind = source.kind
            rights = source.too_many_rights() if isinstance(source, SqlSource) else None
    except SourceError as error:
        remedy = error.hint or "Correct `url:` under `source:` in engagement.yml."
        if has_snapshot:
            told = f"{error.message} The snapshot is there; a delta needs the source."
            return [warn("Source", told, remedy)]
        return [fail("Source", error.message, remedy)]
    return [ok("Source", f"{kind}, {tables} tables"), read_only_check(kind, rights)]


def _documents(engagement: Engagement) -> Check:
    source = engagement.settings.source
    remedy = "Name the folder as `documents:` under `source:` in engagement.yml."
    try:
        root = documents_root(source, base=engagement.folder)
    except SourceError as error:
        return fail("Documents", error.message, error.hint or remedy)
    if root is not None:
        return ok("Documents", "folder found")
    if source.blobs is not None:
        return ok("Documents", f"in the table {source.blobs.table}")
    return warn("Documents", "no folder of X-rays and documents", remedy)


def _snapshot(engagement: Engagement) -> tuple[Check, Snapshot | None]:
    try:
        snapshot = latest_snapshot(engagement)
    except GateClosed as error:
        return warn("Snapshot", "none yet", error.opens_with), None
    except MigratorError as error:
        return fail("Snapshot", error.message, error.hint or "Take a new one."), None
    return ok("Snapshot", snapshot.snapshot_id), snapshot


def _mapping(engagement: Engagement) -> tuple[Check, Mapping | None]:
    if not engagement.mapping_path.exists():
        return warn("Mapping", "none yet", f"migrator propose {engagement.folder}"), None
    try:
        mapping = load_mapping(engagement)
    except MigratorError as error:
        return fail("Mapping", error.message, "Mend mapping.yml as `migrator confirm` says."), None
    if rows := len(pending(mapping)):
        confirm = f"migrator confirm {engagement.folder} --by NAME --all"
        return warn("Mapping", f"{rows} rows wait for confirmation", confirm), mapping
    return ok("Mapping", "every row is confirmed"), mapping
