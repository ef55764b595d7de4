"""Every documented sample of an address that the emulator serves, sent and compared.

In scope are the samples of every page of the vendor's documentation whose address the emulator
serves, less those of parts of the product that it has not (`NOT_HERE`). The ids of
a documented request are replaced by ids of this org (`Org.own`); custom fields that it names are
created first. An answer must have the documented status and exactly the documented keys, JSON
types and forms of text, codes and messages; what may differ stands in `KEYS`, with a reason.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from migrator_kit import emulator
from tests.conformance.documented import Samples, differences, scope_of
from tests.conformance.exchanges import CASES, COQL, Case
from tests.conformance.org import Org

SUBFORMS = "subforms"
ACTIVITIES = "the joined list of activities"
VIEWS = "custom views, territories"
CUSTOM = "custom modules and layouts"
# Samples of parts of the product that the emulator has not, on addresses that it serves.
NOT_HERE: dict[str, str] = {
    "modules Quotes, Products, Cases, ...": (
        "insert-records__05 insert-records-ext__03 insert-records-ext__04 update-records-ext__05 "
        f"update-records-ext__06 {COQL}16 {COQL}17 {COQL}18 {COQL}19"
    ),
    SUBFORMS: (
        "insert-records-ext__05 insert-records-ext__06 update-records-ext__07 "
        "update-records-ext__08 insert-subforms__01 insert-subforms__02 subforms__01 "
        "update-subforms__01.txt update-subforms__02 update-subforms__03 update-subforms__04 "
        "create-job__01"
    ),
    "look-ups by external keys inside bodies": (
        "insert-records-ext__01 insert-records-ext__02 insert-records-ext__07 "
        "insert-records-ext__08 insert-records-ext__09 insert-records-ext__10 "
        "update-records-ext__03 update-records-ext__04 upsert-records-ext__01 "
        "upsert-records-ext__02 upsert-records-ext__03 upsert-records-ext__04 "
        "upsert-records-ext__05"
    ),
    "records linked through a related list": (
        "update-related-records-ext__01 update-related-records-ext__02 "
        "update-related-records-ext__03 update-related-records-ext__04"
    ),
    ACTIVITIES: "get-related-records__02 get-related-records__03 related-list-meta__02",
    "bulk write jobs of several resources": "create-job__04 create-job__05",
    VIEWS: (
        "mass-delete__03 mass-delete__04 mass-delete-status__01 get-territories-of-a-record__01 "
        f"{COQL}37 {COQL}38 {COQL}41 {COQL}42"
    ),
    CUSTOM: (
        "create-custom-module-api__01 create-custom-module-api__02 create-custom-module-api__03 "
        "update-custom-module-api__01 update-custom-module-api__02 delete-custom-layout__01 "
        "update-custom-layout__01.txt update-custom-layout__02.txt"
    ),
    "inviting and deleting users": "add-user__01 add-user__02 delete-user__01",
    "consent, photos, last notes and profiles in queries": " ".join(
        f"{COQL}{name}" for name in ("20", "21", "43", "44", "45", "46", "49", "50", "51.txt")
    ),
}
LEFT_OUT = {name for names in NOT_HERE.values() for name in names.split()}
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
        f"{LOOKS} businesscard_supported validation_rule section_id _default_view "
        "_default_assignment_view": NO_MATTER,
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
    **{
        f"job-details__0{number}": {".result": "a job that is not done has no result"}
        for number in (1, 2, 3)
    },
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


SENT = {name for case in CASES for name in (case.sent, case.answered) if name}


def test_every_sample_of_a_served_address_is_sent_or_left_out_by_name(samples: Samples) -> None:
    scope = scope_of(samples)
    assert sorted(SENT & LEFT_OUT) == []
    assert sorted(scope - SENT - LEFT_OUT) == []
    assert sorted((SENT | LEFT_OUT) - scope) == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_documented_sample(case: Case, org: Org, samples: Samples) -> None:
    body = samples.load(case.sent) if case.sent else None
    answer = case.send(org, body)
    if answer.status_code != case.status:
        pytest.fail(f"{answer.status_code} {answer.text}", pytrace=False)
    if case.answered:
        found = differences(samples.load(case.answered), answer.json())
        if left := unexcused(case.answered, found):
            pytest.fail("\n".join(left), pytrace=False)


def counted(samples: Samples) -> list[str]:
    """The lines of the emulator's README that state the numbers of this test."""
    served, excused = scope_of(samples), len(KEYS)
    left_out = {reason: len(names.split()) for reason, names in NOT_HERE.items()}
    return [
        "| documented samples | |",
        "|---|--:|",
        f"| in all | {len(samples.all_names)} |",
        f"| of addresses that are not served | {len(samples.all_names - served)} |",
        *(f"| not here: {reason} | {number} |" for reason, number in left_out.items()),
        f"| in scope | {len(served - LEFT_OUT)} |",
        f"| passed as documented | {len(SENT) - excused} |",
        f"| passed but for keys excused by name | {excused} |",
    ]


def test_the_readme_states_these_numbers(samples: Samples) -> None:
    """What was sent passed, or its own test fails; so the numbers are those of this run."""
    lines = (Path(emulator.__file__).parent / "README.md").read_text("utf-8").splitlines()
    stated = [line for line in lines if line in set(counted(samples))]
    expected = counted(samples)
    assert stated == expected, "the README should state:\n" + "\n".join(expected)
