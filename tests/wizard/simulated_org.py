"""An org as the wizard fills it: takes a package's files in, gives its data backup out.

Ids become the org's own, links are found by Migration ID, and the backup has the columns that
exports of real orgs have: `Record Id`, `<label>.id`, ids with the prefix `zcrm_`.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

Rows = list[dict[str, str]]
Change = Callable[[dict[str, Rows]], None]


def read_csv(path: Path) -> Rows:
    """Read a file as a stranger's program would."""
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def backup(package: Path, archive: Path, change: Change | None = None) -> Path:
    """Import a package, let somebody change what stands there, and write the org's backup."""
    modules: dict[str, Rows] = {}
    for path in sorted((package / "data").glob("*.csv")):
        modules.setdefault(path.stem.partition("_")[0], []).extend(read_csv(path))
    ids = {
        row["Migration ID"]: f"zcrm_{4_000_000_000_000 + number}"
        for number, row in enumerate(row for rows in modules.values() for row in rows)
    }
    assert len(ids) == sum(map(len, modules.values()))
    exported = {
        module: [_exported(row, ids) for row in rows]
        for module, rows in modules.items()
        if module != "Users"
    }
    if change is not None:
        change(exported)
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
        for module, rows in exported.items():
            text = io.StringIO(newline="")
            header = list(dict.fromkeys(name for row in rows for name in row))
            writer = csv.DictWriter(text, header, lineterminator="\r\n")
            writer.writeheader()
            writer.writerows(rows)
            target.writestr(f"Data/{module}_001.csv", "\ufeff" + text.getvalue())
    return archive


def _exported(row: dict[str, str], ids: dict[str, str]) -> dict[str, str]:
    found = {"Record Id": ids[row["Migration ID"]]}
    for name, value in row.items():
        if name in ("Migration ID", "Parent Module"):
            continue
        if value in ids:
            found[f"{name}.id"] = ids[value]
            found[name] = "somebody's name"
        else:
            found[name] = value
    return found
