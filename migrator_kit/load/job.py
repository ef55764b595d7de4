"""Everything one load works with, opened once: data, mapping, org, ledger, owners, scope."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from collections.abc import Mapping as Map
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from migrator_kit.load.decide import Known
from migrator_kit.load.ledger import Ledger
from migrator_kit.load.matching import Matches, match_records
from migrator_kit.load.order import LoadStep, module_of
from migrator_kit.load.org_schema import WITHOUT_FIELDS, OrgSchema
from migrator_kit.load.owners import Owners
from migrator_kit.load.payload import Column, Layout, Links, Parents
from migrator_kit.load.provision_plan import ShapedParts
from migrator_kit.load.states import Status
from migrator_kit.load.target import Target
from migrator_kit.load.target_fields import TargetField, record_fields
from migrator_kit.load.vault import Vault
from migrator_kit.mapping.model import Landing, Mapping, ObjectName
from migrator_kit.zoho import limits

Scope = Map[ObjectName, Collection[str]]
"""Source ids by object, where only some records are to move (sample, retry)."""

Parent = tuple[str, str]
"""Module and Zoho id of the record that a note or a file hangs on."""

IN_FLIGHT = 4
"""Calls in flight by default: well below what the editions with an API allow."""

BULK_FROM = 5_500
"""New records of a module from which a bulk write costs fewer credits than record calls.

A job costs 500 credits whatever its size, and some to ask for it and to read it back; a record call
costs one for ten records (fact sheet 11.2).
"""

_PLANNED = "planned "
"""Begins what stands for the id of a parent that the same plan creates."""


@dataclass(frozen=True, slots=True)
class LoadJob:
    """One load, or the plan of one.

    `key` is the engagement's secret, `file_bytes` the largest file to move. `retry` sends again
    what Zoho refused before; `planning` counts parents that the plan creates itself as landed.
    From `bulk_from` new records on they go by bulk write (None: never), whose files lie in
    `scratch` until they are sent.
    """

    shaped: ShapedParts
    mapping: Mapping
    target: Target
    ledger: Ledger
    vault: Vault
    names: Map[str, Map[str, str]]
    schema: OrgSchema
    owners: Owners
    key: bytes = field(repr=False)
    file_bytes: int
    files_root: Path | None = None
    scope: Scope | None = None
    retry: bool = False
    planning: bool = False
    bulk_from: int | None = BULK_FROM
    scratch: Path | None = None

    def parts(self, name: ObjectName) -> Iterator[pa.Table]:
        """Yield the shaped parts of an object, reduced to the scope."""
        wanted = None if self.scope is None else pa.array(list(self.scope.get(name, ())), "string")
        if wanted is not None and not len(wanted):
            return
        for path in self.shaped.parts(name):
            table = pq.read_table(path)
            if wanted is not None:
                table = table.filter(pc.is_in(table["source_id"], value_set=wanted))
            if table.num_rows:
                yield table

    def rows(self, name: ObjectName) -> int:
        """Return how many rows of an object the load looks at."""
        return self.shaped.rows(name) if self.scope is None else len(self.scope.get(name, ()))

    def layout(self, step: LoadStep, *, second_pass: bool = False) -> Layout:
        """Return how a step's records are sent; the second pass sends the deferred lookups."""
        columns = tuple(
            self._column(field)
            for field in record_fields(self.mapping, step.object)
            if (field.logical in step.deferred) == second_pass
        )
        key = next((one for one in columns if one.logical == step.mapping.key), None)
        constants = {} if second_pass else self.schema.constants(step.module)
        return Layout(step.object, step.module, columns, key, constants)

    def links(self, step: LoadStep) -> Links:
        """Return what lookups and owners of a step resolve to, as things stand now."""
        wanted = {parent for row in step.mapping.fields for parent in row.lookup}
        landing = {one.object for one in self.mapping.objects if one.landing is Landing.RECORDS}
        parents = {name: self._parents(name) for name in wanted & landing}
        return Links(parents, self.owners.user_ids, self.owners.default.id)

    def known(self, step: LoadStep) -> Known:
        """Return what ledger and target know of a step's records."""
        landed = self.ledger.crosswalk(step.object).set_index("source_id")
        layout = self.layout(step)
        found, several = self._in_target(step, layout)
        return Known(
            landed["zoho_id"],
            landed["payload_digest"],
            found,
            several,
            self.refused(step),
            self._colliding(step, layout),
            self._matches(step, layout, landed, found),
            step.mapping.writes,
        )

    def refused(self, step: LoadStep) -> pd.Series:
        """Return digests of payloads that Zoho refused, by source id; none when retrying."""
        latest = self.ledger.latest_outcomes(step.object, (Status.FAILED, Status.EXCLUDED))
        refused = latest[latest["code"].notna()]
        if self.retry:
            refused = refused.iloc[:0]
        return refused.set_index("source_id")["payload_digest"]

    def foreign_parents(self) -> frozenset[Parent]:
        """Return the records we found and did not create: they can hold notes and files of ours."""
        foreign = self.ledger.landed("module", "zoho_id", but=Status.CREATED)
        return frozenset(zip(foreign["module"], foreign["zoho_id"], strict=True))

    def _column(self, field: TargetField) -> Column:
        # A plan made before provisioning goes by logical names: nothing is sent under them.
        api_name = self.names[field.module].get(field.logical, field.logical)
        info = self.schema.by_api_name(field.module, api_name)
        row = field.mapping
        # A field that is not provisioned yet cannot be read either.
        absent = info is None and field.module not in WITHOUT_FIELDS
        hidden = absent or (info is not None and info.hidden_by_hipaa)
        return Column(
            field.logical, api_name, info.data_type if info else "text", row.lookup,
            row.on_missing, row.on_conflict, hidden, info.decimals if info else None,
            info.renamed_choices if info else {},
        )  # fmt: skip

    def _parents(self, name: ObjectName) -> Parents:
        module = module_of(self.mapping.object(name))
        frame = self.ledger.crosswalk(name)
        source_ids = pa.array(frame["source_id"].to_numpy(dtype=object), pa.string())
        zoho_ids = pa.array(frame["zoho_id"].to_numpy(dtype=object), pa.string())
        if self.planning:
            planned = [table["source_id"].combine_chunks() for table in self.parts(name)]
            fresh = pa.concat_arrays(planned) if planned else pa.array([], pa.string())
            fresh = fresh.filter(pc.invert(pc.is_in(fresh, value_set=source_ids)))
            source_ids = pa.concat_arrays([source_ids, fresh])
            planned_ids = pc.binary_join_element_wise(_PLANNED, fresh, "")
            zoho_ids = pa.concat_arrays([zoho_ids, planned_ids])
        return Parents(module, source_ids, zoho_ids)

    def _in_target(self, step: LoadStep, layout: Layout) -> tuple[pd.Series | None, list[str]]:
        """Return the target's ids by source key, and the keys that several records carry.

        A scope of some records is asked by key, a whole object by one query over the module.
        """
        if layout.key is None or step.module in limits.NO_COQL:
            return None, []
        records, api_name = self.target.client.records, layout.key.api_name
        if self.schema.by_api_name(step.module, api_name) is None:
            return pd.Series(dtype="str"), []
        if self.scope is None:
            rows = records.coql([api_name], step.module, f"{api_name} is not null")
            pairs = [(str(row[api_name]), str(row["id"])) for row in rows]
        else:
            logical = layout.key.logical
            wanted = [
                key for part in self.parts(step.object)
                for key in part[logical].to_pylist() if key is not None
            ]  # fmt: skip
            by_key = records.find(step.module, api_name, wanted)
            pairs = [(key, str(row["id"])) for key, rows in by_key.items() for row in rows]
        frame = pd.DataFrame(pairs, columns=["key", "zoho_id"], dtype="str")
        twice = frame["key"].duplicated(keep=False)
        found = frame.drop_duplicates("key").set_index("key")["zoho_id"]
        return found, frame.loc[twice, "key"].unique().tolist()

    def _matches(
        self, step: LoadStep, layout: Layout, landed: pd.DataFrame, found: pd.Series | None
    ) -> Matches:
        """Return what the match rules find for records that no source key leads to."""
        rules, key = step.mapping.match, layout.key
        if not rules or key is None:
            return Matches()
        settled = set(landed.index)
        if found is not None and len(found):
            for part in self.parts(step.object):
                by_key = pc.is_in(part[key.logical], value_set=pa.array(found.index, pa.string()))
                settled.update(part.filter(by_key)["source_id"].to_pylist())
        return match_records(
            self.target.client, layout, rules, self.parts(step.object), settled=settled,
            taken=set(landed["zoho_id"]),
            keyed=self.schema.by_api_name(step.module, key.api_name) is not None,
            few=self.scope is not None,
        )  # fmt: skip

    def _colliding(self, step: LoadStep, layout: Layout) -> list[str]:
        """Return the records whose source keys differ in case alone.

        Zoho's unique fields are not case sensitive: an upsert would lay one over the other.
        """
        if layout.key is None:
            return []
        columns = ["source_id", layout.key.logical]
        paths = self.shaped.parts(step.object)
        frames = [pq.read_table(path, columns=columns).to_pandas() for path in paths]
        if not frames:
            return []
        keyed = pd.concat(frames, ignore_index=True).dropna()
        folded = keyed[layout.key.logical].str.strip().str.lower()
        return [str(key) for key in keyed.loc[folded.duplicated(keep=False), "source_id"]]


def scope_of(keys: pd.DataFrame) -> Scope:
    """Return a scope from a table with the columns `object` and `source_id`."""
    return {
        ObjectName(str(name)): frozenset(group["source_id"].astype("str"))
        for name, group in keys.groupby("object")
    }


def failed_scope(ledger: Ledger, mapping: Mapping, module: str | None = None) -> Scope:
    """Return the records whose newest outcome is a failure, of one module or of all."""
    frame = ledger.open_failures()
    modules = {str(one.object): module_of(one) for one in mapping.objects}
    kept = frame[frame["object"].isin(list(modules))]
    if module is not None:
        kept = kept[kept["object"].map(modules) == module]
    return scope_of(kept)
