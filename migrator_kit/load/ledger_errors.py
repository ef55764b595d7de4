"""The database's errors as LedgerError: what happened and what to do, no statement, no value."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DatabaseError, SQLAlchemyError

from migrator_kit.errors import LedgerError

_KNOWN = {
    "locked": ("The ledger is locked by another program.", "Close it and run again."),
    "lock timeout": ("The ledger is locked by another program.", "Close it and run again."),
    "is full": ("The disk is full: the ledger cannot be written.", "Free space and run again."),
    "no space left": ("The disk of the ledger is full.", "Free space and run again."),
    "not a database": ("The ledger file is no database.", "Restore it from a backup."),
    "malformed": ("The ledger file is damaged.", "Restore it from a backup."),
    "readonly": ("The ledger may not be written.", "Check the file's permissions."),
    "read-only": ("The ledger may not be written.", "Check the rights of its database user."),
    "unable to open": ("The ledger cannot be opened.", "Check that its folder exists."),
    "disk i/o": ("The ledger's disk does not answer.", "Check the disk, then run again."),
    "connection": ("The ledger's database does not answer.", "Check `ledger:` and run again."),
}


@contextmanager
def ledger_errors() -> Iterator[None]:
    """Turn SQLAlchemy's errors inside the block into LedgerError."""
    try:
        yield
    except DatabaseError as error:
        raise explained(str(error.orig).lower()) from None
    except SQLAlchemyError as error:
        raise LedgerError(f"The ledger cannot be used ({type(error).__name__}).") from None


def explained(problem: str) -> LedgerError:
    """Return a database's complaint, in lower case, as what happened and what to do."""
    for sign, (message, hint) in _KNOWN.items():
        if sign in problem:
            return LedgerError(message, hint=hint)
    return LedgerError("The ledger refused a statement.", hint="See whether it is damaged.")
