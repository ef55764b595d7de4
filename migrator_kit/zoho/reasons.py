"""Why Zoho CRM refused: every documented error code as a closed list of reasons, with a remedy.

Codes and their details are those of the fact sheet, sections 1.3, 2.9, 2.10, 5, 6, 7, 8, 9.3, 13.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any


class Reason(StrEnum):
    """Cause of a refusal, in the words that ledger, notebooks and evidence use."""

    WRONG_TYPE = "wrong_type"
    TOO_LONG = "too_long"
    VALUE_NOT_ALLOWED = "value_not_allowed"
    UNKNOWN_RECORD = "unknown_record"
    UNKNOWN_PARENT = "unknown_parent"
    INVALID_VALUE = "invalid_value"
    MISSING_REQUIRED = "missing_required"
    DUPLICATE = "duplicate"
    DEPENDENT_FIELD = "dependent_field"
    SEVERAL = "several"
    RECORD_LOCKED = "record_locked"
    RECORD_STATE = "record_state"
    EDITED_SINCE = "edited_since"
    NOT_ALLOWED = "not_allowed"
    NO_PERMISSION = "no_permission"
    LIMIT_REACHED = "limit_reached"
    STORAGE_FULL = "storage_full"
    FILE_TOO_LARGE = "file_too_large"
    FILE_REFUSED = "file_refused"
    NOT_SUPPORTED = "not_supported"
    UNKNOWN_MODULE = "unknown_module"
    UNKNOWN_FIELD = "unknown_field"
    NOT_FOUND = "not_found"
    BAD_QUERY = "bad_query"
    BAD_REQUEST = "bad_request"
    PAGE_LIMIT = "page_limit"
    PAGE_TOKEN = "page_token"  # noqa: S105 - the name of a cause, no secret
    RESERVED_WORD = "reserved_word"
    PARENT_IN_BIN = "parent_in_bin"
    CREDENTIALS = "credentials"
    SCOPE = "scope"
    THROTTLED = "throttled"
    CREDITS = "credits"
    SERVER = "server"
    JOB = "job"
    OTHER = "other"


_REMEDIES: dict[Reason, str] = {
    Reason.WRONG_TYPE: "Map the field with a transform that gives the expected data type.",
    Reason.TOO_LONG: "Shorten the value in the mapping, or land it in a longer field.",
    Reason.VALUE_NOT_ALLOWED: "Add the value to the picklist or map it to one that stands there.",
    Reason.UNKNOWN_RECORD: "The record no longer exists: read the target again and drive it anew.",
    Reason.UNKNOWN_PARENT: "Load the parent first, or check that it was not deleted since.",
    Reason.INVALID_VALUE: "Check the value against the field's format in Zoho CRM.",
    Reason.MISSING_REQUIRED: "Map the mandatory field, or give it a constant.",
    Reason.DUPLICATE: "A record with this unique value exists: match it instead of inserting.",
    Reason.DEPENDENT_FIELD: "Send the field this one depends on, with a value that fits.",
    Reason.SEVERAL: "Several fields were refused: see the details for each.",
    Reason.RECORD_LOCKED: "Unlock the record in Zoho CRM and retry it.",
    Reason.RECORD_STATE: "The record is in an approval, review, blueprint or conversion: end it.",
    Reason.EDITED_SINCE: "Somebody edited the record meanwhile: decide which side wins.",
    Reason.NOT_ALLOWED: "Zoho CRM does not allow this change to this record or field.",
    Reason.NO_PERMISSION: "Give the API user's profile the permission named in the details.",
    Reason.LIMIT_REACHED: "A limit of the org's edition is reached: free room or upgrade it.",
    Reason.STORAGE_FULL: "The org's storage is full: free space or buy more, then retry.",
    Reason.FILE_TOO_LARGE: "Leave the file out and link it by a reference note.",
    Reason.FILE_REFUSED: "Zoho CRM refuses this kind of file: convert it or link it.",
    Reason.NOT_SUPPORTED: "This module or feature does not offer the call: use another path.",
    Reason.UNKNOWN_MODULE: "Check the module's API name and that the API user may see it.",
    Reason.UNKNOWN_FIELD: "Check the field's API name against the module's metadata.",
    Reason.NOT_FOUND: "What the call names does not exist any more, or has expired.",
    Reason.BAD_QUERY: "Check the query's fields, operators and brackets.",
    Reason.BAD_REQUEST: "The request does not have the form this call expects.",
    Reason.PAGE_LIMIT: "Read on by record id or by bulk read.",
    Reason.PAGE_TOKEN: "The page token expired or belongs to another query: start the list anew.",
    Reason.RESERVED_WORD: "Choose another label: this one holds a word Zoho CRM keeps to itself.",
    Reason.PARENT_IN_BIN: "Restore the parent record first.",
    Reason.CREDENTIALS: "Make a new refresh token and set ZOHO_REFRESH_TOKEN.",
    Reason.SCOPE: "Make a new refresh token with the scopes named in the documentation.",
    Reason.THROTTLED: "Too many calls at once: lower the number of workers.",
    Reason.CREDITS: "The org's API credits are used up: wait for the rolling 24 hours.",
    Reason.SERVER: "Zoho CRM had a fault of its own: retry later.",
    Reason.JOB: "The bulk job ended without success: see its result file.",
    Reason.OTHER: "Look the code up in Zoho's documentation.",
}

_BY_CODE: dict[str, Reason] = {
    "MANDATORY_NOT_FOUND": Reason.MISSING_REQUIRED,
    "EXPECTED_FIELD_MISSING": Reason.MISSING_REQUIRED,
    "MANDATORY_FIELDS_NOT_MAPPED": Reason.MISSING_REQUIRED,
    "DUPLICATE_DATA": Reason.DUPLICATE,
    "DUPLICATE_LINKING_DATA": Reason.DUPLICATE,
    "ALREADY_SCHEDULED": Reason.DUPLICATE,
    "DEPENDENT_FIELD_MISSING": Reason.DEPENDENT_FIELD,
    "DEPENDENT_MISMATCH": Reason.DEPENDENT_FIELD,
    "MAPPING_MISMATCH": Reason.DEPENDENT_FIELD,
    "MULTIPLE_OR_MULTI_ERRORS": Reason.SEVERAL,
    "RECORD_LOCKED": Reason.RECORD_LOCKED,
    "RECORD_IN_BLUEPRINT": Reason.RECORD_STATE,
    "NOT_APPROVED": Reason.RECORD_STATE,
    "NOT_REVIEWED": Reason.RECORD_STATE,
    "CONVERTED_RECORD": Reason.RECORD_STATE,
    "BLOCKED_RECORD": Reason.RECORD_STATE,
    "CANNOT_PROCESS": Reason.RECORD_STATE,
    "ALREADY_MODIFIED": Reason.EDITED_SINCE,
    "NOT_ALLOWED": Reason.NOT_ALLOWED,
    "DOWNLOAD_NOT_ALLOWED": Reason.NOT_ALLOWED,
    "NO_PERMISSION": Reason.NO_PERMISSION,
    "AUTHORIZATION_FAILED": Reason.NO_PERMISSION,
    "PERMISSION_DENIED": Reason.NO_PERMISSION,
    "LIMIT_REACHED": Reason.LIMIT_REACHED,
    "LIMIT_EXCEEDED": Reason.LIMIT_REACHED,
    "FIELD_LIMIT_EXCEEDED": Reason.LIMIT_REACHED,
    "HEADER_LIMIT_EXCEEDED": Reason.LIMIT_REACHED,
    "STORAGE_SPACE_EXCEEDED": Reason.STORAGE_FULL,
    "BODY_SIZE_REACHED": Reason.FILE_TOO_LARGE,
    "FILE_TOO_LARGE": Reason.FILE_TOO_LARGE,
    "FILE_SIZE_MORE_THAN_ALLOWED_SIZE": Reason.FILE_TOO_LARGE,
    "INVALID_FILE_FORMAT": Reason.FILE_REFUSED,
    "VIRUS_DETECTED": Reason.FILE_REFUSED,
    "NOT_SUPPORTED": Reason.NOT_SUPPORTED,
    "NOT_SUPPORTED_FEATURE": Reason.NOT_SUPPORTED,
    "FEATURE_NOT_SUPPORTED": Reason.NOT_SUPPORTED,
    "MODULE_NOT_SUPPORTED": Reason.NOT_SUPPORTED,
    "MODULE_NOT_AVAILABLE": Reason.NOT_SUPPORTED,
    "COEXISTENCE_NOT_ALLOWED": Reason.NOT_SUPPORTED,
    "INVALID_MODULE": Reason.UNKNOWN_MODULE,
    "FIELD_NOT_AVAILABLE": Reason.UNKNOWN_FIELD,
    "COLUMN_INDEX_NOT_FOUND": Reason.UNKNOWN_FIELD,
    "RESOURCE_NOT_FOUND": Reason.NOT_FOUND,
    "INVALID_FILE_ID": Reason.NOT_FOUND,
    "FILE_NOT_FOUND": Reason.NOT_FOUND,
    "SYNTAX_ERROR": Reason.BAD_QUERY,
    "INVALID_QUERY": Reason.BAD_QUERY,
    "DUPLICATE_ALIAS": Reason.BAD_QUERY,
    "INVALID_ALIAS": Reason.BAD_QUERY,
    "INVALID_CRITERIA": Reason.BAD_QUERY,
    "REQUIRED_PARAM_MISSING": Reason.BAD_REQUEST,
    "MISSING_REQUIRED_KEY": Reason.BAD_REQUEST,
    "INVALID_REQUEST_METHOD": Reason.BAD_REQUEST,
    "METHOD_NOT_ALLOWED": Reason.BAD_REQUEST,
    "INVALID_URL_PATTERN": Reason.BAD_REQUEST,
    "INVALID_REQUEST": Reason.BAD_REQUEST,
    "INVALID_CALLBACK_URL": Reason.BAD_REQUEST,
    "INVALID_CALLBACK_METHOD": Reason.BAD_REQUEST,
    "PATTERN_NOT_MATCHED": Reason.BAD_REQUEST,
    "AMBIGUITY_DURING_PROCESSING": Reason.BAD_REQUEST,
    "DISCRETE_PAGINATION_LIMIT_EXCEEDED": Reason.PAGE_LIMIT,
    "PAGINATION_LIMIT_EXCEEDED": Reason.PAGE_LIMIT,
    "PAGE_RANGE_EXCEEDED": Reason.PAGE_LIMIT,
    "EXPIRED_VALUE": Reason.PAGE_TOKEN,
    "TOKEN_BOUND_DATA_MISMATCH": Reason.PAGE_TOKEN,
    "RESERVED_KEYWORD_NOT_ALLOWED": Reason.RESERVED_WORD,
    "CANNOT_RESTORE_WITHOUT_PARENT": Reason.PARENT_IN_BIN,
    "INVALID_TOKEN": Reason.CREDENTIALS,
    "AUTHENTICATION_FAILURE": Reason.CREDENTIALS,
    "OAUTH_SCOPE_MISMATCH": Reason.SCOPE,
    "TOO_MANY_REQUESTS": Reason.THROTTLED,
    "RATE_LIMIT_EXCEEDED": Reason.THROTTLED,
    "INTERNAL_ERROR": Reason.SERVER,
    "INTERNAL_SERVER_ERROR": Reason.SERVER,
    "BAD_GATEWAY": Reason.SERVER,
    "SERVICE_UNAVAILABLE": Reason.SERVER,
}


_UNKNOWN_IDS = {
    "the related id given seems to be invalid": Reason.UNKNOWN_PARENT,
    "the id given seems to be invalid": Reason.UNKNOWN_RECORD,
}
"""What refusals of files and notes say in words alone (fact sheet 2.10)."""


def reason_of(code: str, details: Mapping[str, Any] | None = None, message: str = "") -> Reason:
    """Return the reason of an error code. INVALID_DATA is told apart by its details, or message.

    An undocumented code gives `Reason.OTHER`, never an error: the catalogue grows with the vendor.
    """
    if code == "INVALID_DATA":
        told = _reason_of_invalid_data(details or {})
        return _UNKNOWN_IDS.get(message, told) if told is Reason.INVALID_VALUE else told
    return _BY_CODE.get(code, Reason.OTHER)


def remedy_of(reason: Reason) -> str:
    """Return what a person does about a reason, in one sentence."""
    return _REMEDIES[reason]


def documented_codes() -> tuple[str, ...]:
    """Return every error code that has a reason of its own."""
    return (*_BY_CODE, "INVALID_DATA")


def _reason_of_invalid_data(details: Mapping[str, Any]) -> Reason:
    """Fact sheet 2.9: type, length, value and id share one code and differ in their details."""
    if "maximum_length" in details:
        return Reason.TOO_LONG
    if "supported_values" in details:
        return Reason.VALUE_NOT_ALLOWED
    if "expected_data_type" in details:
        return Reason.WRONG_TYPE
    path = str(details.get("json_path", ""))
    if path.endswith(".id"):
        # `$.data[3].id` names the record itself, `$.data[3].Account_Name.id` a lookup's target.
        return Reason.UNKNOWN_PARENT if path.count(".") > 2 else Reason.UNKNOWN_RECORD
    if "id" in details and "api_name" not in details:
        return Reason.UNKNOWN_RECORD
    return Reason.INVALID_VALUE
