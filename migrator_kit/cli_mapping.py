"""Commands on the mapping beside proposing and confirming it: a list taken in, a document made."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from migrator_kit.cli_frame import Folder

mapping = typer.Typer()


@mapping.command("mapping-import")
def mapping_import(
    folder: Folder,
    file: Annotated[
        Path, typer.Argument(help="table,column,object,field,transform", metavar="LIST.csv")
    ],
) -> None:
    """Lay a mapping that somebody keeps as a CSV list over mapping.yml."""
    from migrator_kit.engagement import Engagement
    from migrator_kit.mapping.csv_import import import_csv
    from migrator_kit.source.snapshot import latest_snapshot

    engagement = Engagement.open(folder)
    changed = import_csv(engagement, file, latest_snapshot(engagement))
    if not changed:
        print(f"mapping.yml says all that {file.name} does already.")
        return
    print(*changed, sep="\n")
    print(f"{len(changed)} rows of mapping.yml changed and wait for a person's decision.")
    print(f"Next: migrator confirm {folder} --by NAME (--all | Object.Field…)")


@mapping.command("mapping-document")
def mapping_document(
    folder: Folder,
    to: Annotated[
        Path | None, typer.Option(help="A file ending in .html or .xlsx; else DIR/mapping.html.")
    ] = None,
) -> None:
    """Write the mapping as a page or a workbook for the client."""
    from migrator_kit.engagement import Engagement
    from migrator_kit.workbench.mapping_document import write_document

    engagement = Engagement.open(folder)
    path = write_document(engagement, to or engagement.folder / "mapping.html")
    print(f"Mapping document: {path}")
