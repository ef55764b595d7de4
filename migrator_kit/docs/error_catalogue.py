"""The error catalogue: every error class, gate, reason and code of Zoho CRM as one page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from migrator_kit import errors
from migrator_kit.errors import MigratorError
from migrator_kit.load.states import REMEDIES
from migrator_kit.load.states import Reason as LoadReason
from migrator_kit.mapping.rejects import EXPLANATIONS, RejectReason
from migrator_kit.zoho.reasons import Reason, documented_codes, reason_of, remedy_of

_HEAD = """\
# Error catalogue

Every message names the place, what was expected, and what to do; none holds a value of a patient.
`migrator status DIR` groups what failed by cause, `migrator retry DIR` sends it again once the
cause is cured.

## Errors that stop a command

The exit code tells a script what kind it is: 1 failed, 2 wrong usage or input, 3 waits for a
person.

"""
_CLASSES = {
    "MigratorError": ("any error raised on purpose", "Read its second line."),
    "UsageError": ("a wrong command or file", "Correct what the message names; nothing was done."),
    "ConfigError": (
        "engagement.yml, owners.yml or another file beside it, or the credentials",
        "Correct the lines named; each is listed with what is expected there.",
    ),
    "MappingError": (
        "mapping.yml, a mapping list, or a transform and its options",
        "Correct the lines named: all findings are listed at once.",
    ),
    "ParameterError": (
        "an unknown or wrong option of a command, or parameter of a notebook",
        "Give one of the values that the message lists.",
    ),
    "SourceError": (
        "the practice's data: a path, URL, table, column, file or encoding",
        "Correct the place named, or export the file again; set what was found out wrongly under "
        "`source:` in engagement.yml.",
    ),
    "GateClosed": (
        "a person has to decide first",
        "Run the command after `To open it:` in the message. The gates are listed below.",
    ),
    "SnapshotChanged": (
        "a stored part no longer has the digest that its manifest names",
        "Restore the snapshot from a copy, or take a new one: `migrator snapshot DIR`.",
    ),
    "TargetError": ("Zoho CRM refused, or did not answer", "See code and reason below."),
    "TransientError": (
        "Zoho CRM was busy or not to be reached; nothing was written",
        "Run the same command again: it goes on where it stopped.",
    ),
    "AmbiguousError": (
        "the answer to a write was lost: it may have been carried out",
        "Run the same command again: it reads back and decides record by record.",
    ),
    "TerminalError": (
        "sending again cannot help: scope, module, wrong kind of org",
        "Cure the cause; `migrator doctor DIR` names most of them.",
    ),
    "BudgetExhausted": (
        "the credits of 24 hours are used up, short of the org's own limit",
        "Run the same command after the time in the message, or free credits.",
    ),
    "LedgerError": (
        "the ledger is locked by another loader, damaged, or of another engagement",
        "Wait for the other loader, or restore ledger.db from a copy; never edit it.",
    ),
    "EvidenceError": (
        "evidence is incomplete, was altered, or holds patient data",
        "Run the step again that the message names; the pack is not written before.",
    ),
}
"""Cause and remedy of each class of `migrator_kit.errors`."""

GATES = {
    "snapshot": ("no snapshot was taken yet", "migrator snapshot DIR"),
    "audit": ("the audit did not run on this snapshot", "migrator run DIR"),
    "mapping": ("rows without a decision", "migrator confirm DIR --by NAME --all, or notebook 02"),
    "quality": ("critical expectations fail", "cure the source, or waive them by name"),
    "shape": ("nothing is shaped for this mapping", "migrator run DIR"),
    "shaped": ("nothing is shaped for this mapping", "migrator run DIR"),
    "provisioning": ("fields or stages are missing in the org", "the step that the message names"),
    "sample": ("no sample, or it was not compared or undone", "migrator run DIR --to sample"),
    "rehearsal": ("the sample was not taken back", "migrator run DIR --to sample"),
    "sign-off": (
        "nobody signed, or what was signed changed",
        "migrator sign-off DIR --by NAME",
    ),
    "load": ("the load did not run", "migrator run DIR"),
    "reconcile": ("the books are not closed", "migrator run DIR"),
    "step": (
        "a long step was stopped before its end",
        "the same notebook cell, or migrator run DIR",
    ),
    "rollback": ("an undo was asked for without saying yes", "migrator rollback DIR --yes"),
    "wizard": ("no package was written yet", "migrator wizard-package DIR"),
}
"""Gates by name: why one is closed, and what opens it."""


def error_catalogue() -> str:
    """Return the page as Markdown."""
    return _HEAD + "\n".join(
        [
            *_table(("Error", "Exit", "Cause", "Remedy"), _classes()),
            "",
            "## Gates",
            "",
            *_table(
                ("Gate", "Closed because", "Opens with"),
                ((f"`{name}`", *told) for name, told in GATES.items()),
            ),
            "",
            "## Reasons of shaping: what is wrong with a value or record of the source",
            "",
            "They stand in `rejects.csv` with object, key and field. `excluded`: the record does "
            "not move; `emptied`: the field arrives empty; `adjusted`: it arrives changed.",
            "",
            *_table(
                ("Reason", "Expected", "Remedy"),
                ((f"`{one}`", *EXPLANATIONS[one]) for one in RejectReason),
            ),
            "",
            "## Reasons of the load: why a record did not land as planned",
            "",
            *_table(("Reason", "Remedy"), ((f"`{one}`", REMEDIES[one]) for one in LoadReason)),
            "",
            "## Refusals of Zoho CRM",
            "",
            "Zoho's codes are many; each has one reason, and each reason a remedy. A code that is "
            "not documented counts as `other` and is shown as it came.",
            "",
            *_table(("Reason", "Codes of Zoho CRM", "Remedy"), _refusals()),
            "",
        ]
    )


def classes() -> list[type[MigratorError]]:
    """Return every error class, in the order in which the module defines them."""
    found = [one for one in vars(errors).values() if isinstance(one, type)]
    return [one for one in found if issubclass(one, MigratorError)]


def _classes() -> Iterator[tuple[str, ...]]:
    for one in classes():
        cause, remedy = _CLASSES[one.__name__]
        yield f"`{one.__name__}`", str(one.exit_code), cause, remedy


def _refusals() -> Iterator[tuple[str, ...]]:
    codes: dict[Reason, list[str]] = {}
    for code in documented_codes():
        codes.setdefault(reason_of(code), []).append(f"`{code}`")
    for reason in Reason:
        yield (
            f"`{reason}`",
            ", ".join(codes.get(reason, _BY_DETAILS.get(reason, []))),
            remedy_of(reason),
        )


_BY_DETAILS = {
    Reason.TOO_LONG: ["`INVALID_DATA` with `maximum_length`"],
    Reason.VALUE_NOT_ALLOWED: ["`INVALID_DATA` with `supported_values`"],
    Reason.WRONG_TYPE: ["`INVALID_DATA` with `expected_data_type`"],
    Reason.UNKNOWN_RECORD: ["`INVALID_DATA` naming the record's own id"],
    Reason.UNKNOWN_PARENT: ["`INVALID_DATA` naming a lookup's id"],
    Reason.CREDITS: ["429 with no credits left"],
    Reason.JOB: ["a bulk job that ended as failed"],
    Reason.OTHER: ["any other"],
}
"""Reasons that no code of their own tells: what tells them apart."""


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    yield from (f"| {' | '.join(row)} |" for row in rows)
