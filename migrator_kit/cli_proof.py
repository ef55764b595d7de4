"""Commands that prove what was moved, or that it can be: lineage, evidence, exports, checks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from migrator_kit.cli_frame import Folder, Json, print_json
from migrator_kit.errors import ParameterError

proof = typer.Typer()


@proof.command()
def quality(
    folder: Folder,
    stage: Annotated[str, typer.Option(help="source, shaped or target.")] = "source",
    data_docs: Annotated[
        Path | None,
        typer.Option(help="Run the rules and write Great Expectations' own pages here."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Judge anew what was counted, under the thresholds and waivers of now; nothing runs."""
    from migrator_kit.engagement import Engagement
    from migrator_kit.quality.model import Stage
    from migrator_kit.workbench.judging import data_docs as pages
    from migrator_kit.workbench.judging import judged_anew
    from migrator_kit.workbench.quality import told
    from migrator_kit.workbench.reports import open_session

    if stage not in tuple(Stage):
        raise ParameterError(f"There is no stage {stage!r}.", hint=", ".join(Stage))
    engagement = Engagement.open(folder)
    if data_docs is not None:
        print(f"Data Docs: {pages(open_session(engagement), Stage(stage), data_docs)}")
        return
    report = judged_anew(engagement, Stage(stage))
    print_json(report.to_json()) if as_json else print(repr(told(report)))
    report.require_passed()


@proof.command()
def explain(
    folder: Folder,
    module: Annotated[str, typer.Argument(help="Module or object.", metavar="MODULE")],
    source_id: Annotated[str, typer.Argument(metavar="SOURCE_ID")],
    field: Annotated[str | None, typer.Argument(metavar="[FIELD]")] = None,
    reveal: Annotated[bool, typer.Option("--reveal", help="Show patient data readably.")] = False,
    as_json: Json = False,
) -> None:
    """Follow one record or value: source, transforms, sent, answered, now, every write."""
    from migrator_kit.engagement import Engagement
    from migrator_kit.workbench.explain import explain_record, explain_text

    told = explain_record(Engagement.open(folder), module, source_id, field, reveal=reveal)
    print_json({"records": told}) if as_json else print(explain_text(told))


@proof.command()
def pack(
    folder: Folder,
    to: Annotated[Path | None, typer.Option(help="The pack; else beside the pages.")] = None,
    sign: Annotated[Path | None, typer.Option(help="Ed25519 private key (PEM).")] = None,
    with_pdf: Annotated[bool, typer.Option("--pdf/--no-pdf", help="Pages as PDF too.")] = True,
    revealed: Annotated[
        bool, typer.Option("--revealed", help="Pack pages that show patient data on request.")
    ] = False,
) -> None:
    """Pack the evidence as one file, after a scan for patient values."""
    from migrator_kit.engagement import Engagement
    from migrator_kit.progress import for_terminal
    from migrator_kit.workbench.packing import pack_evidence

    packed = pack_evidence(
        Engagement.open(folder), to=to, key=sign, with_pdf=with_pdf, revealed=revealed,
        progress=for_terminal(),
    )  # fmt: skip
    print(f"Evidence pack: {packed.path} ({packed.files} files)")
    print(f"Digest to write down: {packed.digest}")


@proof.command()
def verify(
    file: Annotated[Path, typer.Argument(help="The evidence pack.", metavar="PACK.zip")],
    as_json: Json = False,
) -> None:
    """Check an evidence pack offline: every byte of every file, and the log of writes."""
    from migrator_kit.evidence.verify import verify_pack, verify_text

    checked = verify_pack(file)
    print_json(checked.to_json()) if as_json else print(verify_text(checked))
    raise typer.Exit(0 if checked.ok else 1)


@proof.command("wizard-package")
def wizard_package(
    folder: Folder,
    to: Annotated[Path | None, typer.Option(help="The package's folder; else DIR/wizard.")] = None,
    as_json: Json = False,
) -> None:
    """Write files for Zoho's Data Migration wizard, for orgs without API access."""
    from migrator_kit.engagement import Engagement
    from migrator_kit.progress import for_terminal
    from migrator_kit.wizard.command import package_for, package_text

    package = package_for(Engagement.open(folder), to, progress=for_terminal())
    print_json(package.to_json()) if as_json else print(package_text(package))


@proof.command()
def reconcile(
    folder: Folder,
    from_export: Annotated[
        list[Path] | None,
        typer.Option(help="Zip of the org's own data backup; give each part.", metavar="ZIP"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Check what the wizard brought in, by the org's own data backup."""
    from migrator_kit.engagement import Engagement
    from migrator_kit.progress import for_terminal
    from migrator_kit.wizard.check import check_export, check_text

    if not from_export:
        raise ParameterError(
            "Which export?",
            hint="Give the backup: --from-export Data_001.zip. After a load through the API: "
            "migrator run DIR --from reconcile",
        )
    check = check_export(Engagement.open(folder), from_export, progress=for_terminal())
    print_json(check.to_json()) if as_json else print(check_text(check))
    raise typer.Exit(0 if check.ok else 1)


@proof.command()
def doctor(
    folder: Annotated[
        Path | None, typer.Argument(help="The engagement's folder.", metavar="[DIR]")
    ] = None,
    as_json: Json = False,
) -> None:
    """Check the machine, the source and the org: each line ok, warn or fail, with the remedy."""
    from migrator_kit.workbench.doctor import examine, report, report_text

    checks = examine(folder)
    found = report(checks)
    print_json(found) if as_json else print(report_text(checks))
    raise typer.Exit(0 if found["ok"] else 1)


@proof.command()
def docs(
    page: Annotated[str | None, typer.Argument(help="A page; else their list.")] = None,
) -> None:
    """Read the documentation: a page as Markdown, or the list of pages."""
    from migrator_kit.docs import contents, read_page

    print(read_page(page) if page else contents())
