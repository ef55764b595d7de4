"""The command line: each command opens an engagement, calls one function, and shows its result.

Exit codes: 0 done; 1 failed; 2 wrong usage or input; 3 waits for a person.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from migrator_kit import __version__
from migrator_kit.cli_frame import Folder, Json, app, print_json, say
from migrator_kit.cli_mapping import mapping
from migrator_kit.cli_proof import proof
from migrator_kit.errors import MigratorError, ParameterError

_INTERRUPTED = 130
"""How the parser ends after an interrupt, by the custom of shells."""


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        print(__version__)
        raise typer.Exit


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder of the new engagement.")] = Path("demo"),
    patients: Annotated[int, typer.Option(min=20, help="Size of the sample practice.")] = 1_000,
    source: Annotated[str | None, typer.Option(help="Move this practice instead.")] = None,
    practices: Annotated[
        int, typer.Option(min=1, max=20, help="A group of so many, each of that size.")
    ] = 1,
    seed: Annotated[int, typer.Option(help="Seed of the sample practice.")] = 1,
    replace: Annotated[bool, typer.Option(help="Replace an earlier demo in that folder.")] = False,
) -> None:
    """Run the whole main job on the local Zoho CRM emulator."""
    from migrator_kit.demo import run_demo
    from migrator_kit.workbench.reports import status_text

    result = run_demo(
        out, patients=patients, source=source, practices=practices, seed=seed, replace=replace,
        say=say,
    )  # fmt: skip
    print(status_text(result.status))
    print(f"\nEvidence: {result.evidence}\nPack: {result.pack}")


@app.command()
def init(
    folder: Folder,
    source: Annotated[
        list[str] | None,
        typer.Option(
            help="Database or its URL, dump, exports, service.yml, carried file. Of a group each "
            "practice as NAME=PLACE."
        ),
    ] = None,
    profile: Annotated[str | None, typer.Option(help="dent_o_soft or open_dental.")] = None,
    client: Annotated[str | None, typer.Option(help="The practice's name.")] = None,
    time_zone: Annotated[str | None, typer.Option(help="The practice's time zone.")] = None,
    region: Annotated[str | None, typer.Option(help="Its country, such as US or GR.")] = None,
) -> None:
    """Make a new engagement; at a terminal, what no option says is asked for."""
    from migrator_kit.asking import complete, taken_for_granted
    from migrator_kit.demo import new_engagement, new_group, places_of

    place = places_of(source or [])
    said = {"profile": profile, "client": client, "time_zone": time_zone, "region": region}
    if isinstance(place, dict):
        engagement = new_group(folder, place, **said)
    else:
        known = complete(place, **said)
        time_zone, region = known.time_zone, known.region
        engagement = new_engagement(
            folder,
            known.source,
            profile=known.profile,
            client=known.client,
            time_zone=known.time_zone,
            region=known.region,
            look=known.look,
        )
    print(f"New engagement in {engagement.folder}")
    print(taken_for_granted(engagement.settings.source, time_zone, region), end="")
    print(f"Next: migrator run {folder}")


@app.command()
def snapshot(
    folder: Folder,
    only: Annotated[list[str] | None, typer.Option(help="Only this practice of a group.")] = None,
    to: Annotated[Path | None, typer.Option(help="Carry it away in this file.")] = None,
    encrypt: Annotated[
        bool, typer.Option("--encrypt", help="With a passphrase, or MIGRATOR_PASSPHRASE.")
    ] = False,
    full: Annotated[
        bool, typer.Option("--full", help="Read every table whole, not by watermark.")
    ] = False,
) -> None:
    """Take a new immutable snapshot of the source."""
    from migrator_kit.engagement import Engagement
    from migrator_kit.progress import for_terminal
    from migrator_kit.source import carry
    from migrator_kit.source.manifest import extraction_lines
    from migrator_kit.source.snapshot import take_snapshot

    if encrypt != (to is not None):
        raise ParameterError(
            "A snapshot is carried away encrypted.", hint="Give both: --to FILE --encrypt"
        )
    secret = carry.passphrase(again=True) if encrypt else ""
    taken = take_snapshot(
        Engagement.open(folder), full=full, only=only or (), progress=for_terminal()
    )
    rows = sum(table.rows for table in taken.manifest.tables.values())
    print(f"Snapshot {taken.snapshot_id}: {len(taken.tables())} tables, {rows:,} rows")
    print(f"Digest {taken.digest}")
    for line in extraction_lines(taken.manifest):
        print(line)
    if to is not None:
        packed = carry.pack(taken, to, secret, progress=for_terminal())
        print(f"Packed into {packed.path}: {packed.bytes:,} bytes, SHA-256 {packed.sha256}")


@app.command()
def audit(folder: Folder, as_json: Json = False) -> None:
    """Say what is in the snapshot: tables, columns, relations, files, rules."""
    from migrator_kit.engagement import Engagement
    from migrator_kit.workbench.reports import audit_report, audit_text

    report = audit_report(Engagement.open(folder))
    print_json(report) if as_json else print(audit_text(report))


@app.command()
def propose(
    folder: Folder,
    learn_from: Annotated[
        list[Path] | None,
        typer.Option(help="Earlier engagement whose confirmed names count."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Propose a mapping for the snapshot, and write it where the engagement has none yet."""
    from migrator_kit.engagement import Engagement
    from migrator_kit.mapping.propose.command import propose_for, report_text
    from migrator_kit.progress import for_answer, for_terminal

    progress = for_answer() if as_json else for_terminal()
    report = propose_for(Engagement.open(folder), learn_from=learn_from or (), progress=progress)
    print_json(report) if as_json else print(report_text(report))


@app.command()
def confirm(
    folder: Folder,
    fields: Annotated[list[str] | None, typer.Argument(help="Rows as Object.Field.")] = None,
    by: Annotated[str, typer.Option(help="Who confirms.")] = "",
    everything: Annotated[bool, typer.Option("--all", help="Confirm every open row.")] = False,
    note: Annotated[str, typer.Option(help="Why.")] = "",
) -> None:
    """Confirm mapping rows: nothing moves before a person did."""
    from migrator_kit.engagement import Engagement
    from migrator_kit.mapping.decisions import decide

    if not by.strip():
        raise ParameterError("Who confirms?", hint="Name the person: --by NAME")
    if bool(fields) == everything:
        raise ParameterError("Name the rows to confirm, or give --all.")
    done = decide(Engagement.open(folder), by=by.strip(), rows=fields or None, note=note)
    print(f"{len(done)} mapping {'row' if len(done) == 1 else 'rows'} confirmed by {by}.")


@app.command()
def run(
    folder: Folder,
    first: Annotated[str, typer.Option("--from", help="First step.")] = "audit",
    last: Annotated[str, typer.Option("--to", help="Last step.")] = "reconcile",
    mode: Annotated[str, typer.Option(help="initial, or delta: what changed since.")] = "initial",
) -> None:
    """Run the notebooks as a chain; steps whose inputs did not change are skipped."""
    from migrator_kit.chain import Step, run_chain, run_delta_chain
    from migrator_kit.engagement import Engagement
    from migrator_kit.workbench.reports import status_report, status_text

    if mode not in ("initial", "delta"):
        raise ParameterError(f"There is no mode {mode!r}.", hint="Modes: initial, delta.")
    engagement = Engagement.open(folder)
    start = "mapping" if (mode, first) == ("delta", "audit") else first
    run_steps = run_chain if mode == "initial" else run_delta_chain
    run_steps(engagement, first=_step(Step, start), last=_step(Step, last), say=say)
    print(status_text(status_report(engagement)))


@app.command()
def status(folder: Folder, as_json: Json = False) -> None:
    """Say where the engagement stands: gates, counts for each object, failures by cause."""
    from migrator_kit.engagement import Engagement
    from migrator_kit.workbench.reports import status_report, status_text

    report = status_report(Engagement.open(folder))
    print_json(report) if as_json else print(status_text(report))


@app.command()
def plan(folder: Folder, as_json: Json = False) -> None:
    """Count creates, updates, calls, credits and minutes before anything is written."""
    from migrator_kit.engagement import Engagement
    from migrator_kit.workbench.reports import plan_report, plan_text

    report = plan_report(Engagement.open(folder))
    print_json(report) if as_json else print(plan_text(report))


@app.command(name="sign-off")
def sign_off(
    folder: Folder,
    by: Annotated[str, typer.Option(help="Who signs.")] = "",
    note: Annotated[str, typer.Option(help="Why.")] = "",
) -> None:
    """Sign off the sample, its comparison and its undo: the full load waits for it."""
    from migrator_kit.engagement import Engagement
    from migrator_kit.workbench.gates import sign
    from migrator_kit.workbench.reports import open_session

    session = open_session(Engagement.open(folder))
    if not by.strip():
        raise ParameterError("Who signs off?", hint="Name the person: --by NAME")
    seal = sign(session, by, note)
    print(f"Signed off by {seal.by}, {seal.when:%Y-%m-%d %H:%M} UTC.\nNext: migrator run {folder}")


@app.command()
def retry(
    folder: Folder,
    module: Annotated[str | None, typer.Option(help="Only this module.")] = None,
    values: Annotated[bool, typer.Option("--values", help="List patient data too.")] = False,
    as_json: Json = False,
) -> None:
    """Send the records again that failed, and only these. What is left is listed."""
    from migrator_kit.engagement import Engagement
    from migrator_kit.workbench.undoing import retry_failures, retry_text

    report = retry_failures(Engagement.open(folder), module=module, values=values)
    print_json(report) if as_json else print(retry_text(report))


@app.command()
def rollback(
    folder: Folder,
    run: Annotated[str | None, typer.Option(help="Only what this run did.")] = None,
    module: Annotated[str | None, typer.Option(help="Only this module.")] = None,
    record: Annotated[list[str] | None, typer.Option(help="Only this OBJECT/ID.")] = None,
    force: Annotated[list[str] | None, typer.Option(help="This OBJECT/ID goes anyhow.")] = None,
    provisioning: Annotated[bool, typer.Option("--provisioning", help="Our fields too.")] = False,
    by: Annotated[str, typer.Option(help="Who asks for it.")] = "",
    note: Annotated[str, typer.Option(help="Why.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only look ahead.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Undo it.")] = False,
    as_json: Json = False,
) -> None:
    """Undo what was loaded; records that people worked on since are held and listed."""
    from migrator_kit.engagement import Engagement
    from migrator_kit.workbench.undoing import Asked, look_ahead, require_yes, roll_back, undo_text

    engagement = Engagement.open(folder)
    asked = Asked(run or "", module or "", record or [], force or [], provisioning)
    undone = yes and not dry_run
    report = (
        roll_back(engagement, asked, by=by, note=note) if undone else look_ahead(engagement, asked)
    )
    print_json(report) if as_json else print(undo_text(report))
    if not (yes or dry_run):
        require_yes(asked)


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    add_help_option=False,
)
def emulator(context: typer.Context) -> None:
    """Run the local Zoho CRM: --port, --db, --edition, --latency-ms, --faults."""
    from migrator_kit.emulator.__main__ import main as serve

    raise typer.Exit(serve(context.args))


@app.command()
def sample(
    folder: Annotated[Path, typer.Argument(help="Where to make it.", metavar="DIR")],
    patients: Annotated[int, typer.Option(min=20)] = 1_000,
    seed: Annotated[int, typer.Option()] = 1,
) -> None:
    """Generate a Dent-O-Soft practice: database, files, rules, and dirt."""
    from migrator_kit.progress import for_terminal
    from migrator_kit.sample import generate

    made = generate(folder, patients=patients, seed=seed, progress=for_terminal())
    for table, rows in made.counts.items():
        print(f"{table:<20} {rows:>10,}")
    print(f"Database: {made.database}")


@app.command()
def lab(
    folder: Folder,
    port: Annotated[
        int | None, typer.Option(min=1, max=65_535, help="Listen on this port or on none.")
    ] = None,
    browser: Annotated[bool, typer.Option(help="Open a browser window.")] = True,
) -> None:
    """Open JupyterLab on the engagement with its notebooks."""
    from migrator_kit.engagement import Engagement
    from migrator_kit.workbench.lab import open_lab

    raise typer.Exit(open_lab(Engagement.open(folder), port=port, browser=browser))


app.add_typer(mapping)
app.add_typer(proof)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code. Errors are one message, never a traceback."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        app(args=arguments, prog_name="migrator")
    except SystemExit as end:
        # The parser has said what is wrong with the command; a stopped one has said nothing yet.
        if end.code == _INTERRUPTED:
            return _complain("stopped; the same command goes on from here", 1)
        return end.code if isinstance(end.code, int) else 0
    except MigratorError as error:
        return _complain(f"error: {error}", error.exit_code)
    except OSError as error:
        if error.errno is None:
            raise
        place = f"{error.filename}: " if error.filename else ""
        return _complain(f"error: {place}{error.strerror}", 1)
    return 0


def _complain(message: str, code: int) -> int:
    print(message, file=sys.stderr)
    return code


def _step(steps: Any, name: str) -> Any:
    try:
        return steps(name)
    except ValueError:
        raise ParameterError(f"There is no step {name!r}.", hint=" → ".join(steps)) from None


if __name__ == "__main__":
    sys.exit(main())
