"""Finds records of the org that are a source record under another name: by the mapping's rules.

Only records without a source key of their own are candidates. One that fits several source
records, or a source record that fits several, is decided by a person.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

import pandas as pd
import pyarrow as pa

from migrator_kit.load.crm import Crm
from migrator_kit.load.payload import Layout
from migrator_kit.mapping.model import MatchRule
from migrator_kit.zoho import limits
from migrator_kit.zoho.values import coql_in


def _none() -> pd.Series:
    return pd.Series(index=pd.Index([], dtype="str"), dtype="str")


@dataclass(frozen=True, slots=True)
class Matches:
    """What the rules found: Zoho ids by source id, and the source ids that a person decides on.

    `several` fit more than one record of the org, `shared` fit one that others fit as well.
    """

    found: pd.Series = field(default_factory=_none)
    several: Collection[str] = ()
    shared: Collection[str] = ()


def match_records(
    client: Crm,
    layout: Layout,
    rules: Sequence[MatchRule],
    parts: Iterator[pa.Table],
    *,
    settled: Collection[str],
    taken: Collection[str],
    keyed: bool,
    few: bool,
) -> Matches:
    """Return what the rules find for an object's records.

    `settled` are source ids that were found otherwise, `taken` the Zoho ids that belong to one.
    `keyed` tells whether the org has the key field yet, `few` that the candidates are asked by
    value instead of all at once. Reads the org.
    """
    if not rules:
        return Matches()
    columns = sorted({name for rule in rules for name in rule})
    frames = [part.select(["source_id", *columns]).to_pandas() for part in parts]
    if not frames:
        return Matches()
    source = pd.concat(frames, ignore_index=True)
    source = source[~source["source_id"].isin(list(settled))]
    found, several = _none(), set[str]()
    for rule in rules:
        waiting = source[~source["source_id"].isin([*found.index, *several])]
        candidates = _candidates(client, layout, rule, waiting if few else None, keyed)
        candidates = candidates[~candidates["zoho_id"].isin(list(taken))]
        pairs = _joined(waiting, candidates, rule)
        counts = pairs["source_id"].value_counts()
        several.update(counts.index[counts > 1])
        single = pairs[~pairs["source_id"].isin(list(several))]
        found = pd.concat([found, single.set_index("source_id")["zoho_id"]])
    shared = found.index[found.duplicated(keep=False)]
    return Matches(found.drop(shared), several, frozenset(map(str, shared)))


def _candidates(
    client: Crm, layout: Layout, rule: MatchRule, source: pd.DataFrame | None, keyed: bool
) -> pd.DataFrame:
    """Return the records of the org without a source key, with the fields of a rule."""
    names = {one.logical: one.api_name for one in layout.columns if one.logical in rule}
    free = f"{layout.key.api_name} is null" if keyed and layout.key is not None else None
    rows = []
    for criterion in _criteria(names[rule[0]], free, source, rule):
        for row in client.records.coql(list(names.values()), layout.module, criterion):
            values = [row.get(names[name]) for name in rule]
            rows.append((str(row["id"]), *values))
    return pd.DataFrame(rows, columns=["zoho_id", *rule]).drop_duplicates("zoho_id")


def _criteria(
    first: str, free: str | None, source: pd.DataFrame | None, rule: MatchRule
) -> Iterator[str | None]:
    """Yield the criteria that together find the candidates: all of them, or those by value."""
    if source is None:
        yield free
        return
    values = sorted({str(value) for value in source[rule[0]].dropna()})
    for start in range(0, len(values), limits.COQL_IN_VALUES):
        wanted = coql_in(first, values[start : start + limits.COQL_IN_VALUES])
        yield wanted if free is None else f"({wanted} and {free})"


def _joined(source: pd.DataFrame, candidates: pd.DataFrame, rule: MatchRule) -> pd.DataFrame:
    names = list(rule)
    left = source[["source_id", *names]].assign(**{n: _alike(source[n]) for n in names})
    right = candidates.assign(**{name: _alike(candidates[name]) for name in names})
    pairs = left.dropna().merge(right.dropna(), on=names, how="inner")
    return pairs[["source_id", "zoho_id"]].astype("str")


def _alike(column: pd.Series) -> pd.Series:
    """Return values in the form in which they are compared: text without case and outer blanks."""
    known = column.map(
        lambda value: None if pd.isna(value) else unicodedata.normalize("NFC", str(value))
    ).astype("str")
    text = known.str.strip().str.casefold()
    return text.where(text != "")
