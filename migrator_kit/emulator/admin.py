"""/_emulator: what tests and rehearsals see and turn, outside the vendor's API."""

from __future__ import annotations

from dataclasses import replace

from migrator_kit.emulator.answers import ApiError, Json, Reply
from migrator_kit.emulator.call import Call
from migrator_kit.emulator.faults import FaultsError
from migrator_kit.emulator.schema import save_field

_FIRED_SHOWN = 1_000


def get_stats(call: Call) -> Reply:
    """GET /_emulator/stats."""
    crm = call.crm
    db = crm.store.reader()
    (fired,) = db.execute("SELECT count(*) FROM fired").fetchone()
    records = {
        name: db.execute(f"SELECT count(*) FROM {module.table}").fetchone()[0]
        for name, module in crm.schema.items()
    }
    binned = dict(
        db.execute("SELECT module, count(*) FROM bin WHERE kind = 'recycle' GROUP BY module")
    )
    return Reply(
        200,
        {
            **crm.stats.document(),
            "edition": crm.edition.name.value,
            "credits_used": crm.meter.used(),
            "credits_budget": crm.meter.budget,
            "automations_fired": fired,
            "records": records,
            "recycle_bin": binned,
        },
    )


def get_fired(call: Call) -> Reply:
    """GET /_emulator/fired: automations that ran, newest first, and how many of each kind."""
    db = call.crm.store.reader()
    rows = db.execute(
        "SELECT at, kind, rule, module, event, record_id FROM fired ORDER BY id DESC LIMIT ?",
        (_FIRED_SHOWN,),
    )
    names = ("at", "kind", "rule", "module", "event", "record_id")
    shown: list[Json] = [dict(zip(names, row, strict=True)) for row in rows]
    for row in shown:
        row["record_id"] = str(row["record_id"])
    counts = dict(db.execute("SELECT kind, count(*) FROM fired GROUP BY kind"))
    return Reply(200, {"fired": shown, "counts": counts, "total": sum(counts.values())})


def put_faults(call: Call) -> Reply:
    """PUT /_emulator/faults: put a document in force; `{}` ends all faults."""
    try:
        call.crm.faults.load(call.json())
    except FaultsError as error:
        raise ApiError("INVALID_DATA", str(error)) from None
    return get_faults(call)


def get_faults(call: Call) -> Reply:
    """GET /_emulator/faults: the document in force and what it did."""
    return Reply(200, call.crm.faults.document())


def put_settings(call: Call) -> Reply:
    """PUT /_emulator/settings: turn switches."""
    try:
        call.crm.change_settings(call.json())
    except ValueError as error:
        raise ApiError("INVALID_DATA", str(error)) from None
    return get_settings(call)


def get_settings(call: Call) -> Reply:
    """GET /_emulator/settings."""
    return Reply(200, call.crm.settings.document())


def mark_hipaa(call: Call) -> Reply:
    """PUT /_emulator/hipaa `{"module": M, "fields": [api names]}`: flag fields as health data."""
    body = call.json()
    module = call.crm.module(str(body.get("module")))
    names = set(body.get("fields") or ())
    with call.crm.changing() as writer:
        for field in module.fields.values():
            if field.hipaa != (field.api_name in names):
                save_field(writer, module.api_name, replace(field, hipaa=not field.hipaa))
    return Reply(200, {"module": module.api_name, "fields": sorted(names)})
