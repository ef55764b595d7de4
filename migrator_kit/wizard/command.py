"""`migrator wizard-package`: an engagement in, a package with its page out."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from migrator_kit.engagement import Engagement
from migrator_kit.errors import GateClosed
from migrator_kit.mapping.dataset import ShapedDataset, read_dataset
from migrator_kit.mapping.decisions import require_confirmed
from migrator_kit.mapping.files import load_mapping
from migrator_kit.mapping.model import Mapping, ObjectName
from migrator_kit.mapping.objects import object_rows
from migrator_kit.mapping.shape import shape
from migrator_kit.progress import SILENT, Progress
from migrator_kit.source.rule_reference import write_reference
from migrator_kit.source.rules import Rule, rules_from
from migrator_kit.source.snapshot import Snapshot, latest_snapshot
from migrator_kit.wizard.guide import REFERENCE, guide, pages
from migrator_kit.wizard.package import Package, Settings, require_free, write_package
from migrator_kit.wizard.people import wizard_owners
from migrator_kit.wizard.writing import WIZARD, WizardLimits, private_file

FOLDER = "wizard"
_RECORD = "wizard-package.json"
_MEGABYTE = 1024 * 1024


def package_for(
    engagement: Engagement,
    to: Path | None = None,
    *,
    limits: WizardLimits = WIZARD,
    progress: Progress = SILENT,
) -> Package:
    """Write the package of an engagement, `wizard` in its folder unless told, and return it.

    Raises GateClosed where the mapping is not confirmed, ConfigError where the folder is in use.
    """
    folder = (to or engagement.folder / FOLDER).expanduser().resolve()
    require_free(folder)
    snapshot, mapping = latest_snapshot(engagement), load_mapping(engagement)
    require_confirmed(mapping, snapshot)
    shaped = shape(engagement, snapshot, mapping, progress=progress)
    owners = wizard_owners(engagement, snapshot, mapping)
    settings = Settings(
        client=engagement.settings.client,
        zone=engagement.settings.source.time_zone,
        file_bytes=int(engagement.settings.target.file_limit_mb * _MEGABYTE),
        documents=snapshot.files_root(),
        limits=limits,
    )
    package = write_package(shaped, mapping, owners, folder, settings, progress=progress)
    if rules := _rules(snapshot, mapping):
        write_reference(rules, (folder / REFERENCE).parent)
    sections = guide(package, mapping, shaped, settings, owners.without_user)
    for name, text in zip(("GUIDE.md", "GUIDE.html"), pages(sections, package, settings.client),
                          strict=True):  # fmt: skip
        with private_file(folder / name) as stream:
            stream.write(text.encode())
    record = {"dataset": shaped.digest, "folder": str(folder)}
    (engagement.private / _RECORD).write_text(json.dumps(record), encoding="utf-8")
    return package


def _rules(snapshot: Snapshot, mapping: Mapping) -> list[Rule]:
    if ObjectName.RULE not in {one.object for one in mapping.objects}:
        return []
    parts = object_rows(snapshot, mapping, ObjectName.RULE)
    return rules_from(pd.concat(list(parts), ignore_index=True))


def newest_package(engagement: Engagement) -> tuple[ShapedDataset, Path]:
    """Return the dataset of the newest package and the package's folder. Raises GateClosed."""
    try:
        record = json.loads((engagement.private / _RECORD).read_bytes())
    except FileNotFoundError:
        raise GateClosed(
            "No package was written yet, so there is nothing to compare an export with.",
            gate="wizard",
            opens_with=f"migrator wizard-package {engagement.folder}",
        ) from None
    dataset = read_dataset(engagement.shaped / str(record["dataset"])[:16])
    return dataset, Path(str(record["folder"]))


def package_text(package: Package) -> str:
    """Return what was written, for a terminal."""
    lines = [f"{'File':<32}{'Records':>12}{'Bytes':>16}"]
    lines += [f"{file.path:<32}{file.rows:>12,}{file.bytes:>16,}" for file in package.files]
    lines += [
        f"{name:<32}{count:>12,}{size:>16,}" for name, (count, size) in package.folders.items()
    ]
    runs = len(package.rounds)
    lines += [
        "",
        f"{runs} run{'s' if runs != 1 else ''} of the wizard. The folder holds patient data.",
        f"Begin with {package.folder / 'GUIDE.html'}",
    ]
    return "\n".join(lines)
