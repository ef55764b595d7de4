"""A colleague who edits records while others load (the fault `edit`)."""

from __future__ import annotations

import json

from migrator_kit.emulator import find
from migrator_kit.emulator.crm import Crm
from migrator_kit.emulator.faults import Rule


def edit_by_colleague(crm: Crm, rule: Rule) -> None:
    """Another user changes one field of the newest record of the rule's module."""
    module = crm.schema.get(rule.module)
    others = [user for user in crm.users.values() if user.active and user != crm.api_user]
    if module is None or rule.field not in module.fields or not others:
        return
    with crm.store.writing() as writer:
        (newest,) = writer.db.execute(f"SELECT max(id) FROM {module.table}").fetchone()
        if newest is None:
            return
        data = find.load(writer.db, module.api_name, [newest])[newest]
        data[rule.field] = rule.value
        data["Modified_By"] = str(others[0].id)
        data["Modified_Time"] = crm.clock.stamp()
        writer.db.execute(
            f"UPDATE {module.table} SET data = ? WHERE id = ?",
            (json.dumps(data, ensure_ascii=False), newest),
        )
    crm.stats.wrote(module.api_name, "edited_by_colleague")
