"""Every documented sample of an address that the emulator serves, sent and compared.

In scope are the samples of every page of the vendor's documentation whose address the emulator
serves. Each of them is either sent, or compared with an answer, or stands in `EXCUSED`. The ids of
a documented request are replaced by ids of this org (`Org.own`); custom fields that it names are
created first. An answer must have the documented status and exactly the documented keys, JSON
types and forms of text, codes and messages; what may differ stands in `KEYS`.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.documented import Samples, differences, scope_of
from tests.conformance.exchanges import CASES, COQL, Case
from tests.conformance.org import Org

SUBFORMS = "subforms are not here"
MODULE = "a module that is not here"
CUSTOM = "modules and layouts are not created or changed here"
VIEWS = "custom views are not here"
LINKS = "look-ups by external keys in bodies are not here; a migration uses record ids"
ACTIVITIES = "the joined list of activities is not here; their modules are listed"
EXCUSED: dict[str, str] = {
    "insert-records__05": MODULE,
    **dict.fromkeys(("insert-records-ext__03", "insert-records-ext__04"), MODULE),
    **dict.fromkeys(("update-records-ext__05", "update-records-ext__06"), MODULE),
    **dict.fromkeys(("insert-records-ext__05", "insert-records-ext__06"), SUBFORMS),
    **dict.fromkeys(("update-records-ext__07", "update-records-ext__08"), SUBFORMS),
    **dict.fromkeys((f"insert-records-ext__{n:02}" for n in (1, 2, 7, 8, 9, 10)), LINKS),
    **dict.fromkeys(("update-records-ext__03", "update-records-ext__04"), LINKS),
    **dict.fromkeys((f"upsert-records-ext__{n:02}" for n in (1, 2, 3, 4, 5)), LINKS),
    **dict.fromkeys((f"update-related-records-ext__{n:02}" for n in (1, 2, 3, 4)),
                    "related records are not linked through the list; look-ups are written"),
    **dict.fromkeys(("insert-subforms__01", "insert-subforms__02", "subforms__01"), SUBFORMS),
    **dict.fromkeys(("update-subforms__01.txt", "update-subforms__02"), SUBFORMS),
    **dict.fromkeys(("update-subforms__03", "update-subforms__04"), SUBFORMS),
    "create-job__01": SUBFORMS,
    "create-job__04": "three resources in a job; one is taken here",
    "create-job__05": "the status of a job with three resources, without the job's own keys",
    "job-details__02": "jobs are never QUEUED here: they run one after the other",
    "job-details__03": "reading is too short to be seen IN PROGRESS",
    **dict.fromkeys(("get-related-records__02", "get-related-records__03"), ACTIVITIES),
    "related-list-meta__02": ACTIVITIES,
    **dict.fromkeys(("mass-delete__03", "mass-delete__04", "mass-delete-status__01"), VIEWS),
    "get-territories-of-a-record__01": "territories are not here",
    **dict.fromkeys(("add-user__01", "add-user__02", "delete-user__01"),
                    "users are added outside the vendor's API, where no invitation is sent"),
    **dict.fromkeys((f"create-custom-module-api__{n:02}" for n in (1, 2, 3)), CUSTOM),
    **dict.fromkeys(("update-custom-module-api__01", "update-custom-module-api__02"), CUSTOM),
    "delete-custom-layout__01": CUSTOM,
    "update-custom-layout__01.txt": "creates and renames fields; here the fields call does that",
    "update-custom-layout__02.txt": "layouts have one section here",
    **{f"{COQL}{name}": reason for names, reason in (
        ("16 17 18 19", MODULE), ("37 38", VIEWS), ("41 42", "territories are not here"),
        ("43 44 45 46", "consent records are not here"), ("49", "photos are not here"),
        ("50 51.txt", "the time of the last note is not kept"),
        ("20 21", "profiles of owners cannot be queried"),
    ) for name in names.split()},
}  # fmt: skip
# Differences that are allowed, by answer: ends of their places, and why.
OLDER = "as printed for an older version; the newer files have it as here"
NO_MATTER = "a part of the product that no migration touches"
OWN = "the documented org has fields of its own, and named them by the version of its day"
LISTED = "the OpenAPI file makes these keys of an attachment mandatory"
FILE_KEYS = "$type $attachment_type $file_id $link_url $se_module $editable $state " \
    "$sharing_permission"  # fmt: skip
LOOKS = (
    "colour_code_enabled_by_system enable_colour_code separator "
    "email_parser convert_mapping customizable_properties association_details"
)
VERSION_8 = "a key that version 8 added"
NEVER_EDITED = "the modules, layouts and fields of a fresh org were never edited"
LEADS = {
    ".data[].*": OWN,
    "Owner.email Created_By.email Modified_By.email info.sort_by info.sort_order": OLDER,
    "Last_Activity_Time": "activities are not followed here",
}
MODULES = {
    "description modified_time modified_by": NEVER_EDITED,
    "parent_module.*": SUBFORMS,
}
KEYS: dict[str, dict[str, str]] = {
    "get-records__01": {
        "Converted_Date_Time": "leads are not converted here",
        "Record_Status__s": "records have no drafts here",
    },
    "get-records__02": {"Converted_Date_Time": "leads are not converted here"},
    "get-records__03": {"Languages_Known $has_more": SUBFORMS, ".data[].id": "left out in print"},
    "get-records-ext__02": {
        "info.call info.email info.sort_by info.sort_order info.next_page_token "
        "info.previous_page_token info.page_token_expiry": OLDER
    },
    "get-related-records__01": {FILE_KEYS: LISTED},
    "get-attachments__01": {FILE_KEYS: LISTED},
    "get-related-records-ext__01": {"Contact_Role": "contact roles are not here"},
    "get-related-records-ext__02": {
        "Contact_Role": "contact roles are not here",
        ".info": "left out in print",
    },
    "search-records__01": {".data[].*": OWN, "Record_Status__s": "records have no drafts here"},
    "search-records__02": LEADS,
    "search-records__03": LEADS,
    "search-records__04": LEADS,
    "search-records__05": {"info.sort_by info.sort_order": OLDER},
    "search-records-ext__01": {"info.sort_by info.sort_order": OLDER},
    "search-records-ext__02": {"info.sort_by info.sort_order": OLDER},
    "update-notes__02": {
        "created_time modified_time created_by modified_by Created_Time Modified_Time Created_By "
        "Modified_By": "printed in small letters on this page alone"
    },
    "field-meta__01": {
        f"{LOOKS} quick_sequence_number blueprint_supported businesscard_supported": NO_MATTER,
        "rounding_option module.crypt global_picklist": NO_MATTER,
        "rollup_summary.* formula.* multiselectlookup.*": "standard fields of these types only",
        ".required column_name history_tracking_enabled .private default_value additional_column "
        ".subform show_fields": VERSION_8,
        "associated_module tooltip hipaa_compliance": "no standard field of leads has one here",
    },
    "layouts-meta__01": {
        f"{LOOKS} businesscard_supported validation_rule section_id _default_view _default_assignment_view": NO_MATTER,
        "convert_mapping.* downgrade deactivate set_layout_permissions": NO_MATTER,
        "layout_associations textarea hipaa_compliance_enabled hipaa_compliance column_name "
        "history_tracking_enabled .private additional_column .subform": VERSION_8,
        "unique.* currency.* lookup.*": "the documented layout has no such field",
        "modified_time modified_by": NEVER_EDITED,
    },
    "modules-api__01": {
        **MODULES,
        "lookupable global_search_supported isBlueprintSupported public_fields_configured": OLDER,
    },
    "module-meta__01": {
        **MODULES,
        "track_current_data display_field related_lists layouts": VERSION_8,
    },
    "related-list-meta__01": {
        "parent_related_lists": ACTIVITIES,
        "connectedmodule linkingmodule": VERSION_8,
    },
    "get-org-data__01": {
        "country state city street zip phone mobile fax website description alias photo_id "
        "hierarchy_preferences lite_users_enabled deletable_org_account zia_portal_id": NO_MATTER
    },
    "get-users__01": {
        "country state city street zip phone fax website dob signature theme customize_info "
        "decimal_separator number_separator default_tab_group sandboxDeveloper status_reason__s "
        "$current_shift $next_shift $shift_effective_from": NO_MATTER
    },
    "job-details__01": {".result": "a job that is not done has no result"},
    "job-details__05": {"cvid": VIEWS},
    f"{COQL}04": {"Vendor_Name Account_Name.Account_Name": "printed, but not asked for"},
    f"{COQL}40": {
        f"{LOOKS} table_name refer_from_field quick_sequence_number": NO_MATTER,
        "column_name": NO_MATTER,
        "profiles textarea mass_update history_tracking_enabled associated_module subform": (
            "left out in print; the OpenAPI file of fields has them"
        ),
    },
}


def excuses(key: str, difference: str) -> bool:
    """Whether a key is the end of a difference's place; `*` is any key that one side lacks."""
    place, _, what = difference.partition(": ")
    if key.endswith("*"):
        before, _, rest = place.rpartition(key.removesuffix("*"))
        return what in ("missing", "not documented") and bool(before or rest) and "." not in rest
    return place.endswith(key)


def unexcused(name: str, found: list[str]) -> list[str]:
    """The differences that `KEYS` does not excuse, and excuses that excuse nothing."""
    excused = {key for keys in KEYS.get(name, {}) for key in keys.split()}
    used = {key for key in excused if any(excuses(key, line) for line in found)}
    left = [line for line in found if not any(excuses(key, line) for key in excused)]
    return left + [f"{key}: the excuse is not needed" for key in sorted(excused - used)]


def test_every_sample_in_scope_is_sent_or_excused(samples: Samples, tally: Any) -> None:
    scope = scope_of(samples)
    sent = {name for case in CASES for name in (case.sent, case.answered) if name}
    assert sorted(sent & set(EXCUSED)) == []
    assert sorted(scope - sent - set(EXCUSED)) == []
    assert sorted((sent | set(EXCUSED)) - scope) == []
    tally.scope, tally.excused = scope, set(EXCUSED)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_documented_sample(case: Case, org: Org, samples: Samples, tally: Any) -> None:
    body = samples.load(case.sent) if case.sent else None
    answer = case.send(org, body)
    if answer.status_code != case.status:
        pytest.fail(f"{answer.status_code} {answer.text}", pytrace=False)
    if case.answered:
        found = differences(samples.load(case.answered), answer.json())
        if left := unexcused(case.answered, found):
            pytest.fail("\n".join(left), pytrace=False)
    tally.passed |= {name for name in (case.sent, case.answered) if name}
