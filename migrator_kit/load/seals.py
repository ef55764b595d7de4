"""Seals: a sign-off binds what a person saw to what is then loaded. Any change of it breaks it.

A seal names the digests of snapshot, mapping, value maps, owners, target schema, transform code,
sample diff and rollback rehearsal. It carries a keyed mark, so that one edited by hand does not
hold.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping as Map
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from migrator_kit import __version__
from migrator_kit.engagement import Engagement, digest_text
from migrator_kit.errors import GateClosed, ParameterError
from migrator_kit.load.job import LoadJob
from migrator_kit.load.ledger import Ledger
from migrator_kit.load.org_schema import OrgSchema
from migrator_kit.load.owners import How, Owners
from migrator_kit.load.target_fields import target_fields
from migrator_kit.mapping.digests import mapping_digest
from migrator_kit.mapping.model import Mapping
from migrator_kit.mapping.transforms import code_version

GATE = "sign-off"
FILE_NAME = "seal.json"
OPENS_WITH = (
    "migrator sign-off DIR --by NAME, or notebook 03, when the sample was loaded, compared and "
    "taken back"
)

FACTS = {
    "snapshot": "the snapshot of the source",
    "mapping": "the mapping",
    "value_maps": "the value maps",
    "owners": "who owns what",
    "target_schema": "the fields of the org",
    "transform_code": "the program",
    "sample_diff": "the comparison of the sample",
    "rehearsal": "the rehearsal of the rollback",
}
"""What a seal binds, in words for a message."""


class Seal(BaseModel):
    """A sign-off: who, when, why, and the digest of each of `FACTS`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    by: str
    when: datetime
    note: str = ""
    facts: dict[str, str]
    mark: str = ""

    def marked(self, key: bytes) -> Seal:
        """Return the seal with its keyed mark."""
        return self.model_copy(update={"mark": self._mark(key)})

    def genuine(self, key: bytes) -> bool:
        """Tell whether the mark fits."""
        return hmac.compare_digest(self.mark, self._mark(key))

    def _mark(self, key: bytes) -> str:
        tree = self.model_dump(mode="json", exclude={"mark"})
        text = json.dumps(tree, sort_keys=True, ensure_ascii=False)
        return hmac.new(key, b"seal" + text.encode(), hashlib.sha256).hexdigest()


def seal_facts(
    job: LoadJob, *, snapshot: str, sample_diff: str | None, rehearsal: str | None
) -> dict[str, str]:
    """Return the digests of everything a seal binds, as things stand now.

    `snapshot`, `sample_diff` and `rehearsal` are digests; the last two None where there is none
    yet.
    """
    return {
        "snapshot": snapshot,
        "mapping": mapping_digest(_without_values(job.mapping)),
        "value_maps": _value_maps(job.mapping),
        "owners": _owners(job.owners),
        "target_schema": schema_digest(job.mapping, job.schema, job.names),
        "transform_code": digest_text(__version__, code_version()),
        "sample_diff": sample_diff or "",
        "rehearsal": rehearsal or "",
    }


def sign_off(
    engagement: Engagement, facts: Map[str, str], *, by: str, note: str = "",
    ledger: Ledger | None = None,
) -> Seal:  # fmt: skip
    """Write the engagement's seal and return it; with a ledger the audit log names it as well.

    Raises GateClosed where a fact is missing, ParameterError without a name.
    """
    if not by.strip():
        raise ParameterError("Who signs off?", hint="Name the person.")
    lacking = [FACTS[name] for name in FACTS if not facts.get(name)]
    if lacking:
        raise GateClosed(
            f"There is nothing to sign off yet: {_listed(lacking)} is missing.",
            gate=GATE,
            opens_with=OPENS_WITH,
        )
    kept = {name: facts[name] for name in FACTS}
    seal = Seal(by=by.strip(), when=datetime.now(UTC), note=note, facts=kept)
    seal = seal.marked(engagement.key())
    path = engagement.folder / FILE_NAME
    fresh = path.with_suffix(".new")
    fresh.write_text(seal.model_dump_json(indent=1) + "\n", encoding="utf-8")
    fresh.replace(path)
    if ledger is not None:
        with ledger.writing("sign-off", GATE) as writer:
            writer.record_decision(GATE, seal.by, seal.mark)
    return seal


def read_seal(engagement: Engagement) -> Seal | None:
    """Return the engagement's seal, None where nobody signed off. Raises GateClosed where it was
    altered."""
    path = engagement.folder / FILE_NAME
    if not path.is_file():
        return None
    try:
        seal = Seal.model_validate_json(path.read_bytes())
    except ValidationError:
        seal = None
    if seal is None or not seal.genuine(engagement.key()):
        raise GateClosed(
            f"{FILE_NAME} was altered after the sign-off: it does not hold.",
            gate=GATE,
            opens_with=OPENS_WITH,
        )
    return seal


def broken_facts(seal: Seal, facts: Map[str, str]) -> list[str]:
    """Return in words what changed since the sign-off."""
    return [told for name, told in FACTS.items() if seal.facts.get(name) != facts.get(name)]


def require_seal(engagement: Engagement, facts: Map[str, str]) -> Seal:
    """Return the seal where it holds. Raises GateClosed naming what changed since."""
    seal = read_seal(engagement)
    if seal is None:
        raise GateClosed("Nobody has signed off yet.", gate=GATE, opens_with=OPENS_WITH)
    changed = broken_facts(seal, facts)
    if changed:
        raise GateClosed(
            f"The sign-off of {seal.by} ({seal.when:%Y-%m-%d %H:%M} UTC) does not hold any more. "
            f"Changed since: {_listed(changed)}.",
            gate=GATE,
            opens_with=OPENS_WITH,
        )
    return seal


def schema_digest(mapping: Mapping, schema: OrgSchema, names: Map[str, Map[str, str]]) -> str:
    """Return the digest of the org's fields as far as they matter: those filled, those demanded.

    A field that somebody adds for another purpose does not change it.
    """
    filled = {
        (one.module, names.get(one.module, {}).get(one.logical)) for one in target_fields(mapping)
    }
    lines: list[Any] = []
    for module, fields in sorted(schema.fields.items()):
        for one in sorted(fields, key=lambda field: field.api_name):
            if (module, one.api_name) in filled or one.required:
                options = sorted(value.actual_value for value in one.picklist if value.used)
                lines.append([module, one.api_name, one.data_type, one.length, one.unique,
                              one.required, one.read_only, one.decimals, options])  # fmt: skip
    pipeline = schema.pipeline
    if pipeline is not None:
        lines.append([pipeline.display_value, [stage.actual_value for stage in pipeline.stages]])
    return digest_text(json.dumps(lines, ensure_ascii=False))


def _without_values(mapping: Mapping) -> Mapping:
    objects = []
    for one in mapping.objects:
        fields = tuple(row.model_copy(update={"values": {}}) for row in one.fields)
        objects.append(one.model_copy(update={"fields": fields}))
    return mapping.model_copy(update={"objects": tuple(objects)})


def _value_maps(mapping: Mapping) -> str:
    maps = [[str(one.object), row.target, row.values] for one in mapping.objects
            for row in one.fields if row.values]  # fmt: skip
    return digest_text(json.dumps(maps, ensure_ascii=False, sort_keys=True))


def _owners(owners: Owners) -> str:
    """Return the digest of what `owners.yml` decides: new staff changes nothing of it."""
    named = owners.table[owners.table["how"] == How.FILE].sort_values("owner_key")
    decided = named[["owner_key", "zoho_user_id"]].to_numpy().tolist()
    return digest_text(json.dumps([owners.default.id, decided], ensure_ascii=False))


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
