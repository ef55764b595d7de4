"""The one hierarchy of errors. Every error says what a caller may do about it.

MigratorError                       exit 1
├── UsageError                      exit 2: the analyst can mend a file, a parameter, a URL
│   ├── ConfigError                 engagement.yml, owners.yml, credentials
│   ├── MappingError                mapping.yml; collects every finding with file and line
│   ├── ParameterError              an unknown or wrong notebook or command parameter
│   └── SourceError                 the practice's data: URL, table, column, file, encoding
├── GateClosed                      exit 3: waits for a person; names the command that opens it
├── SnapshotChanged                 a stored part no longer has the digest its manifest names
├── TargetError                     exit 1: Zoho CRM said no, or did not say
│   ├── TransientError              safe to send again (429, 5xx on a read, connect time-out)
│   ├── AmbiguousError              may have landed (read time-out, cut line after a write)
│   └── TerminalError               do not send again (scope, unknown module, wrong org)
├── BudgetExhausted                 stopped before the credit limit; carries the resume time
├── LedgerError                     the ledger is locked, damaged, or of another engagement
└── EvidenceError                   evidence incomplete, altered, or not free of patient data

Messages never hold field values: they name the place (file, table, row key, field), what was
expected, and what to do.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar


class MigratorError(Exception):
    """Base of all errors this package raises on purpose.

    `message` says what is wrong and where; `hint` says what to do next.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __reduce__(self) -> tuple[Any, ...]:
        """Keep every attribute when a worker in another process raises the error."""
        return _restored, (type(self), self.args, self.__dict__)

    def __str__(self) -> str:
        return f"{self.message}\n  {self.hint}" if self.hint else self.message


def _restored(
    kind: type[MigratorError], args: tuple[Any, ...], state: dict[str, Any]
) -> MigratorError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


class UsageError(MigratorError):
    """Wrong usage or input: the person who runs the tool can mend it."""

    exit_code = 2


class ConfigError(UsageError):
    """`engagement.yml`, `owners.yml` or the credentials are wrong or missing."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong in a file a person edits: where (file:line), what, what to do."""

    place: str
    problem: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.place}: {self.problem}" + (f" ({self.remedy})" if self.remedy else "")


class MappingError(UsageError):
    """`mapping.yml` cannot be used. Carries every finding, not only the first."""

    def __init__(
        self, message: str, *, findings: Iterable[Finding] = (), hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.findings = tuple(findings)

    def __str__(self) -> str:
        lines = [self.message, *(f"  - {finding}" for finding in self.findings)]
        if self.hint:
            lines.append(f"  {self.hint}")
        return "\n".join(lines)


class ParameterError(UsageError):
    """A notebook or command parameter is unknown or has a wrong value."""


class SourceError(UsageError):
    """The source cannot be read as asked: URL, table, column, file or encoding."""


class GateClosed(MigratorError):
    """A person has to decide first. `gate` is its name, `opens_with` the command that opens it."""

    exit_code = 3

    def __init__(self, message: str, *, gate: str, opens_with: str) -> None:
        super().__init__(message, hint=f"To open it: {opens_with}")
        self.gate = gate
        self.opens_with = opens_with


class SnapshotChanged(MigratorError):
    """A part of an immutable snapshot differs from its manifest."""


class TargetError(MigratorError):
    """Zoho CRM refused or did not answer. `code` is Zoho's code, `status` the HTTP status."""

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        status: int | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.code = code
        self.status = status


class TransientError(TargetError):
    """Nothing was written; the same call may be sent again."""


class AmbiguousError(TargetError):
    """The call may have been carried out: read back before anything is sent again."""


class TerminalError(TargetError):
    """Sending the same call again cannot help."""


class BudgetExhausted(MigratorError):
    """The credit budget is used up. `resume_at` is an ISO instant."""

    def __init__(self, message: str, *, resume_at: str) -> None:
        at = datetime.fromisoformat(resume_at).astimezone(UTC)
        super().__init__(message, hint=f"Run the same command again after {at:%Y-%m-%d %H:%M} UTC.")
        self.resume_at = resume_at


class LedgerError(MigratorError):
    """The ledger cannot be used: locked by another loader, damaged, or not this engagement's."""


class EvidenceError(MigratorError):
    """Evidence is incomplete, was altered, or holds what it must not hold."""
