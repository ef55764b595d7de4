"""The closed lists of the load. The words are the same in code, ledger, notebook and evidence."""

from __future__ import annotations

from enum import StrEnum


class Action(StrEnum):
    """What plan or undo want done with one record."""

    CREATE = "create"
    UPDATE = "update"
    SKIP = "skip"
    HOLD = "hold"
    DELETE = "delete"
    RESTORE = "restore"
    REPLACE = "replace"
    """A newer version of a file goes in, and the one that we had uploaded goes."""


class Call(StrEnum):
    """What kind of API call a batch makes."""

    INSERT = "insert"
    UPSERT = "upsert"
    BULK = "bulk"
    """Bulk write of new records, an upsert by their unique key."""
    UPDATE = "update"
    LINK = "link"
    """Second pass: self references and cycles."""
    NOTE = "note"
    FILE = "file"
    DELETE = "delete"
    RESTORE = "restore"
    """Undo of an update: the fields get back what stood there."""


class BatchState(StrEnum):
    """How far a batch got. What is not settled is read back before anything is sent again."""

    INTENT = "intent"
    """Committed before the call. The call may have been made."""
    SENT = "sent"
    """The call was made and its answer is lost."""
    SETTLED = "settled"
    """Every record of the batch has its outcome, or is known not to have landed."""
    READ_BACK = "read back"
    """Settled by reading back: the org may have carried the call out again, or later."""


class Status(StrEnum):
    """What became of one record. `created`, `updated` and `matched` say how it landed."""

    CREATED = "created"
    UPDATED = "updated"
    MATCHED = "matched"
    EXCLUDED = "excluded"
    FAILED = "failed"
    HELD = "held"
    ROLLED_BACK = "rolled_back"
    RESTORED = "restored"
    """An update was undone: the record stands as it did before."""


LANDED = frozenset({Status.CREATED, Status.UPDATED, Status.MATCHED})
"""The outcomes after which the record stands in Zoho CRM as planned."""


REPLACED_FILES, EARLIER_FILES = "Replaced file", "Earlier version of a file"
"""What the ledger calls attachments of ours that have a newer version: one that is to be removed,
and one that stays. Their source ids end in `#` and the id of the attachment."""


class Reason(StrEnum):
    """Why the load itself did not land a record. Zoho's refusals: `zoho.reasons.Reason`."""

    PARENT_NOT_LANDED = "parent_not_landed"
    KEYS_COLLIDE = "keys_collide"
    SEVERAL_MATCHES = "several_matches"
    DELETED_IN_TARGET = "deleted_in_target"
    FILE_MISSING = "file_missing"
    FILE_UNREADABLE = "file_unreadable"
    FILE_OUTSIDE = "file_outside_documents"
    FILE_EMPTY = "file_empty"
    FILE_OVERSIZE = "file_oversize"
    FILE_REFUSED = "file_refused_by_org"
    FILE_DIFFERS = "file_differs_after_upload"
    FILE_CHANGED = "file_changed_since_upload"
    FILE_REPLACED = "file_replaced_by_this_run"
    REBUILD_REFERENCE = "rebuild_reference"
    CONFLICT = "changed_on_both_sides"
    MATCH_TAKEN = "match_of_several_sources"
    ONLY_CREATE = "stands_already_create_only"
    ONLY_UPDATE = "not_there_update_only"
    LATER_RUN = "written_by_a_later_run"
    NOT_RESTORED = "not_restored"
    HIDDEN = "hidden_in_target"
    EDITED_SINCE = "edited_since"
    LINKED_SINCE = "linked_since"
    NOT_DELETED = "not_deleted"


KEPT_OUTSIDE = frozenset({Reason.FILE_OVERSIZE, Reason.FILE_REFUSED})
"""Files that stay outside Zoho CRM and leave a reference note on their record."""

REMEDIES: dict[Reason, str] = {
    Reason.PARENT_NOT_LANDED: "Cure the parent first; the record is driven again on the next run.",
    Reason.KEYS_COLLIDE: "Zoho's unique fields ignore case: make these source keys differ more.",
    Reason.SEVERAL_MATCHES: "Several records of the org match: merge them in Zoho CRM.",
    Reason.DELETED_IN_TARGET: "Restore it from Zoho's recycle bin, or leave it deleted.",
    Reason.FILE_MISSING: "Put the file into the documents folder; the next run takes it.",
    Reason.FILE_UNREADABLE: "Give the migration read access to the file.",
    Reason.FILE_OUTSIDE: "The path leaves the documents folder: correct it in the source.",
    Reason.FILE_EMPTY: "The file has no content: nothing to keep, or restore it from a backup.",
    Reason.FILE_OVERSIZE: "Kept outside Zoho CRM; a note on the record says where it is.",
    Reason.FILE_REFUSED: "Zoho CRM takes no such file; a note on the record says where it is.",
    Reason.FILE_DIFFERS: "The upload arrived damaged and was removed; run again.",
    Reason.FILE_CHANGED: "It changed after its upload. In mapping.yml, `on_file_change: replace` "
    "or `keep_both` lets the next delta carry it over; without, the uploaded one stays.",
    Reason.FILE_REPLACED: "What it replaced lies in Zoho's recycle bin: bring that back, then name "
    "this one to let it go.",
    Reason.REBUILD_REFERENCE: "Rebuild the rule in Zoho CRM from the exported reference.",
    Reason.CONFLICT: "Source and Zoho CRM both changed the field: decide which one stays.",
    Reason.MATCH_TAKEN: "Several source records match one record of the org: decide whose it is.",
    Reason.ONLY_CREATE: "The record stands already and the mapping creates only.",
    Reason.ONLY_UPDATE: "No record of the org matches and the mapping updates only.",
    Reason.LATER_RUN: "A later run wrote it as well: undo that run first.",
    Reason.NOT_RESTORED: "Zoho CRM refused the old values: see the field and its code.",
    Reason.HIDDEN: "The org hides the field from us, so its old value is not known.",
    Reason.EDITED_SINCE: "Somebody edited it since the load: it stays unless it is forced.",
    Reason.NOT_DELETED: "Zoho CRM refused to delete it: see whether it is locked or in approval.",
    Reason.LINKED_SINCE: "Something that stays hangs on it: it stays unless it is forced.",
}
"""What to do about each reason, for lists a person reads."""
