"""A practice that was loaded into an org over HTTP, with what reading it back takes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from migrator_kit.compare.datasets import Landed
from migrator_kit.compare.diff import DiffReport, field_diff
from migrator_kit.compare.own_files import own_files
from migrator_kit.compare.people import people_of
from migrator_kit.compare.readback import read_back
from migrator_kit.compare.sides import Scope
from migrator_kit.engagement import TargetKind
from migrator_kit.load.job import LoadJob
from migrator_kit.load.ledger import Ledger
from migrator_kit.load.loader import load
from migrator_kit.load.opening import new_job
from migrator_kit.load.owners import How, Owners
from migrator_kit.load.provision import apply_provisioning, field_names, provisioning_plan
from migrator_kit.load.target import Target
from migrator_kit.load.vault import Vault
from migrator_kit.mapping.model import ObjectName
from migrator_kit.zoho.client import ZohoClient
from migrator_kit.zoho.settings import ZohoSettings


@dataclass
class Moved:
    """A practice that was loaded into an org, and what reading it back takes."""

    practice: Any
    target: Target
    ledger: Ledger
    owners: Owners
    folder: Path
    job: LoadJob

    def read(self, name: str, scope: dict[ObjectName, list[str]] | None = None) -> Landed:
        names = field_names(self.ledger, self.practice.mapping)
        return read_back(
            self.target, self.ledger, self.practice.mapping, names, self.folder / name,
            scope=scope, shaped=self.practice,
        )  # fmt: skip

    def diff(self, landed: Landed, keys: pd.DataFrame | None = None) -> DiffReport:
        folder = self.folder / f"diff-{landed.folder.name}"
        scope = self.scope(keys)
        return field_diff(self.practice, landed, self.practice.mapping, folder, scope=scope)

    def scope(self, keys: pd.DataFrame | None = None) -> Scope:
        people = people_of(self.owners, self.target.users)
        return Scope(keys=keys, people=people, files=own_files(self.practice, self.documents))

    @property
    def documents(self) -> Path:
        return self.folder / "documents"

    def zoho_id(self, name: ObjectName, source_id: str) -> str:
        known = self.ledger.crosswalk(name).set_index("source_id")
        return str(known.loc[source_id, "zoho_id"])

    def api_name(self, module: str, logical: str) -> str:
        return field_names(self.ledger, self.practice.mapping)[module][logical]


def move(practice: Any, url: str, folder: Path) -> Moved:
    """Load a practice into the org at `url`."""
    for source_id, path in zip(
        *(practice.shaped[ObjectName.ATTACHMENT][c] for c in ("source_id", "file_path")),
        strict=True,
    ):
        file = folder / "documents" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(f"picture {source_id} ".encode() * 300)
    client = ZohoClient(ZohoSettings.for_emulator(url))
    org = client.require_org_kind("emulator")
    users = tuple(client.users("AllUsers"))
    target = Target(client, org, users, client.current_user(), TargetKind.EMULATOR, url)
    ledger = Ledger(f"sqlite:///{folder / 'ledger.db'}", "engagement")
    other = next(u for u in users if u.active and u.id != target.api_user.id)
    rows = [(f"DR{n:02d}", "", other.email, 1, other.id, How.EMAIL) for n in range(3)]
    rows.append(("DR03", "", "gone@example.org", 0, target.api_user.id, How.NO_USER))
    columns = ["owner_key", "name", "email", "active", "zoho_user_id", "how"]
    owners = Owners(pd.DataFrame(rows, columns=columns), target.api_user)
    plan = provisioning_plan(practice.mapping, target, practice, ledger=ledger)
    apply_provisioning(plan, target, ledger)
    job = new_job(
        practice, practice.mapping, target, ledger, Vault(folder / "images.db", b"k" * 32), owners,
        key=b"k" * 32,
        file_bytes=1_000_000, files_root=folder / "documents",
    )  # fmt: skip
    load(job, "run-1")
    return Moved(practice, target, ledger, owners, folder, job)
