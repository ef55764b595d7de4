"""Opens a load or its plan: checks the gates, reads the org, resolves owners."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from migrator_kit.engagement import Engagement
from migrator_kit.load.job import LoadJob, Scope
from migrator_kit.load.ledger import Ledger, open_ledger
from migrator_kit.load.owners import Owners, resolve_owners
from migrator_kit.load.provision import field_names, provisioning_plan, require_provisioned
from migrator_kit.load.provision_plan import ShapedParts
from migrator_kit.load.target import Target, open_target
from migrator_kit.load.vault import Vault, open_vault
from migrator_kit.mapping.decisions import require_confirmed
from migrator_kit.mapping.files import load_mapping
from migrator_kit.mapping.model import Mapping
from migrator_kit.mapping.shape import open_shaped
from migrator_kit.source.snapshot import latest_snapshot


@contextmanager
def open_job(
    engagement: Engagement,
    *,
    scope: Scope | None = None,
    target: Target | None = None,
    retry: bool = False,
    planning: bool = False,
) -> Iterator[LoadJob]:
    """Open everything a load of this engagement needs; close at the end what was opened here.

    Raises GateClosed where the mapping is not confirmed or, unless `planning`, the org is not
    provisioned; MappingError, ConfigError, LedgerError and TargetError as the parts do.
    """
    snapshot, mapping = latest_snapshot(engagement), load_mapping(engagement)
    if not planning:
        require_confirmed(mapping, snapshot)
    shaped = open_shaped(engagement)
    with ExitStack() as stack:
        ledger = open_ledger(engagement)
        stack.callback(ledger.close)
        vault = open_vault(engagement)
        stack.callback(vault.close)
        opened = target or open_target(engagement)
        if target is None:
            stack.callback(opened.close)
        yield new_job(
            shaped,
            mapping,
            opened,
            ledger,
            vault,
            resolve_owners(engagement, snapshot, mapping, opened),
            key=engagement.key(),
            file_bytes=int(engagement.settings.target.file_limit_mb * 1024 * 1024),
            files_root=snapshot.files_root(),
            scope=scope,
            retry=retry,
            planning=planning,
            scratch=engagement.private,
            mapping_file=engagement.mapping_path,
        )


def new_job(
    shaped: ShapedParts,
    mapping: Mapping,
    target: Target,
    ledger: Ledger,
    vault: Vault,
    owners: Owners,
    *,
    key: bytes,
    file_bytes: int,
    files_root: Path | None = None,
    scope: Scope | None = None,
    retry: bool = False,
    planning: bool = False,
    scratch: Path | None = None,
    mapping_file: Path | None = None,
) -> LoadJob:
    """Return a job for these parts, after a look at the org.

    Raises GateClosed or MappingError where the org does not have what the load needs.
    """
    plan = provisioning_plan(mapping, target, shaped, ledger=ledger, file=mapping_file)
    if not planning:
        require_provisioned(plan, ledger, mapping)
    return LoadJob(
        shaped, mapping, target, ledger, vault,
        field_names(ledger, mapping), plan.schema, owners, key,
        file_bytes, files_root, scope, retry, planning, scratch=scratch,
    )  # fmt: skip
