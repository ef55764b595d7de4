"""Zoho's side: credentials, org, scopes, edition, credits, users, room for fields, Notes.

Facts: scopes (fact sheet 1.4), editions and credits (11.1), custom fields (9.3), Notes may be
listed by administrators alone and HIPAA settings hide values (2.10).
"""

from __future__ import annotations

from collections.abc import Mapping as Map

from migrator_kit.engagement import Engagement, TargetKind
from migrator_kit.errors import ConfigError, MigratorError, TargetError
from migrator_kit.load.org_schema import OrgSchema, read_schema
from migrator_kit.load.owners import resolve_owners
from migrator_kit.load.target import Target, open_target
from migrator_kit.load.target_fields import target_fields
from migrator_kit.mapping.model import Mapping
from migrator_kit.source.snapshot import Snapshot
from migrator_kit.workbench.doctor.checks import Check, fail, ok, warn
from migrator_kit.workbench.doctor.machine import clock_check, now, time_at
from migrator_kit.zoho.limits import UNIQUE_FIELDS, Edition, Limits, edition_of, limits_for
from migrator_kit.zoho.org import Org
from migrator_kit.zoho.settings import CREDENTIALS, settings_from_environment

_FEW = 0.2
"""Share of a day's credits below which a person should know."""


def target_checks(
    engagement: Engagement, snapshot: Snapshot | None, mapping: Mapping | None
) -> list[Check]:
    """Look at the org, which is started where it is the engagement's own emulator."""
    given = credentials_check(engagement)
    if given.remedy:
        return [given]
    try:
        target = open_target(engagement)
    except MigratorError as error:
        wrong = isinstance(error, TargetError) and error.code == "WRONG_ORG"
        name = "Org type" if wrong else "Org"
        return [given, fail(name, error.message, error.hint or "Try again when the org answers.")]
    try:
        return [given, *_org_checks(engagement, target, snapshot, mapping)]
    finally:
        target.close()


def credentials_check(engagement: Engagement) -> Check:
    """Check that all credentials are in the environment or the keyring; none is shown."""
    target = engagement.settings.target
    if target.kind is TargetKind.EMULATOR:
        return ok("Credentials", "none needed: the target is the local emulator")
    try:
        settings_from_environment(data_centre=str(target.data_centre))
    except ConfigError as error:
        remedy = error.hint or f"Set {', '.join(CREDENTIALS.values())}."
        return fail("Credentials", error.message, remedy)
    return ok("Credentials", "present in the environment or the keyring")


def scopes_check(missing: tuple[str, ...]) -> Check:
    """Check the refresh token's scopes."""
    if missing:
        named = ", ".join(missing)
        return fail("Scopes", f"missing: {named}", "Make a new refresh token with these scopes.")
    return ok("Scopes", "all that a migration needs")


def edition_check(org: Org, told: str) -> Check:
    """Check the org's edition: what it allows, and whether engagement.yml says the same."""
    found = f"{org.edition}{' (trial)' if org.trial else ''}"
    if org.edition == Edition.FREE:
        remedy = (
            "Free has few custom fields and credits: take a higher edition, or go by files "
            "(`migrator wizard-package`)."
        )
        return warn("Edition", found, remedy)
    if org.trial:
        return warn("Edition", found, "A trial ends: finish before, or buy the edition first.")
    if edition_of(told) != edition_of(org.edition):
        return warn("Edition", found, f"engagement.yml says {told}: correct `edition:` there.")
    return ok("Edition", found)


def tier_check(limits: Limits, users: int) -> Check:
    """Name the API tier: credits of a day and calls at once."""
    credits = limits.daily_credits(users)
    return ok("API tier", f"{credits:,} credits a day, {limits.concurrency} calls at once")


def credits_check(left: int, budget: int) -> Check:
    """Check what is left of the rolling day's credits."""
    found = f"{left:,} of {budget:,} credits left"
    remedy = "Wait, or let other integrations pause: credits come back 24 hours after use."
    if left <= 0:
        return fail("Credits", found, remedy)
    return warn("Credits", found, remedy) if left < _FEW * budget else ok("Credits", found)


def users_check(staff: int, unresolved: int) -> Check:
    """Check how many of the practice's staff are users of the org."""
    found = f"{staff - unresolved} of {staff} staff are users of the org"
    if unresolved:
        remedy = "Invite them, or name their users in owners.yml; else the default owner has them."
        return warn("Users", found, remedy)
    return ok("Users", found)


def room_check(mapping: Mapping, schema: OrgSchema, limits: Limits) -> Check:
    """Check that each module has room for the custom fields that the mapping creates."""
    lacking, needed = [], 0
    for module, labels in _new_labels(mapping).items():
        standing = [field for field in schema.fields.get(module, ()) if field.custom]
        fresh = {label: unique for label, unique in labels.items()
                 if schema.by_label(module, label) is None}  # fmt: skip
        needed += len(fresh)
        room = limits.custom_fields_of(module) - len(standing)
        if len(fresh) > room:
            lacking.append(f"{module} needs {len(fresh)}, has room for {max(room, 0)}")
        unique = UNIQUE_FIELDS - sum(field.unique for field in standing)
        if sum(fresh.values()) > unique:
            lacking.append(f"{module} has no unique field left")
    if lacking:
        remedy = "Map fewer fields as new ones, remove unused ones, or take a higher edition."
        return fail("Custom fields", "; ".join(lacking), remedy)
    return ok("Custom fields", f"room for the {needed} that are to be created")


def health_check(org: Org) -> Check:
    """Check whether the org may hide health data from its API."""
    if org.hipaa:
        remedy = "Allow API access for the migration, or differences in those fields stay unseen."
        return warn("Health data", "HIPAA compliance is on and may hide fields", remedy)
    return ok("Health data", "fields are shown to the API")


def notes_check(refused: str | None) -> Check:
    """Check that all notes may be listed; `refused` is what the org answered instead."""
    if refused:
        remedy = (
            "Give the API user the Administrator profile; else notes are read record by record."
        )
        return warn("Notes", "the API user may not list all notes", remedy)
    return ok("Notes", "may be listed")


def _org_checks(
    engagement: Engagement, target: Target, snapshot: Snapshot | None, mapping: Mapping | None
) -> list[Check]:
    client, org = target.client, target.org
    told = engagement.settings.target.edition
    limits = limits_for(told if target.kind is TargetKind.EMULATOR else org.edition)
    found = [
        ok("Org", "answers"),
        ok("Org type", f"{org.type}, as the engagement says ({target.kind})"),
        clock_check(now(), time_at(target.url)),
        scopes_check(client.missing_scopes()),
        edition_check(org, told),
        tier_check(limits, org.users_purchased or 1),
        credits_check(client.credits.remaining, client.credits.budget),
        health_check(org),
        notes_check(_notes_refused(target)),
    ]
    if mapping is None:
        found.append(warn("Custom fields", "not counted: there is no mapping that can be read",
                          f"migrator propose {engagement.folder}"))  # fmt: skip
    else:
        modules = {module for module, labels in _new_labels(mapping).items() if labels}
        found.append(room_check(mapping, read_schema(target, modules), limits))
    if mapping is None or snapshot is None:
        lacking = "snapshot" if snapshot is None else "mapping that can be read"
        step = "snapshot" if snapshot is None else "propose"
        found.append(warn("Users", f"not matched: there is no {lacking}",
                          f"migrator {step} {engagement.folder}"))  # fmt: skip
    else:
        found.append(_users(engagement, snapshot, mapping, target))
    return found


def _users(engagement: Engagement, snapshot: Snapshot, mapping: Mapping, target: Target) -> Check:
    try:
        owners = resolve_owners(engagement, snapshot, mapping, target)
    except MigratorError as error:
        return fail("Users", error.message, error.hint or "Correct owners.yml.")
    return users_check(len(owners.table), len(owners.unresolved))


def _notes_refused(target: Target) -> str | None:
    try:
        next(target.client.notes.list_all(("id",)), None)
    except TargetError as error:
        return error.code or "refused"
    return None


def _new_labels(mapping: Mapping) -> Map[str, Map[str, bool]]:
    """Return the labels of the fields to create by module, and whether each is unique."""
    found: dict[str, dict[str, bool]] = {}
    for field in target_fields(mapping):
        if field.create is not None:
            found.setdefault(field.module, {})[field.create.label] = field.create.unique
    return found
