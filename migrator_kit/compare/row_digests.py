"""Every record as one keyed digest on both sides: the books in a form that tells nobody's values.

A digest is over all compared fields of a record in the form that Zoho CRM's rules leave unchanged,
so that the two sides of a record that arrived have the same. Keyed with the engagement's secret:
who has the secret can prove years later what a record was, and nobody can guess values from it.
"""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from migrator_kit.compare.datasets import Landed, Parts, database, literal
from migrator_kit.compare.rules import FieldRule, field_rules
from migrator_kit.compare.sides import Scope, Sides
from migrator_kit.engagement import digest_file, slug
from migrator_kit.mapping.model import Landing, Mapping
from migrator_kit.progress import SILENT, Progress

_PURPOSE = b"row digests"


@dataclass(frozen=True, slots=True, eq=False)
class RowDigests:
    """`objects`: object, records, same, different, expected, landed (digests over all records that
    stand on both sides). `file` has object, source_id, expected, landed; `digest` is its SHA-256.
    """

    objects: pd.DataFrame
    file: Path
    digest: str

    @property
    def different(self) -> int:
        """How many records have not the same digest on both sides."""
        return int(self.objects["different"].sum())


def row_digests(
    shaped: Parts,
    landed: Landed,
    mapping: Mapping,
    folder: Path,
    key: bytes,
    *,
    scope: Scope | None = None,
    progress: Progress = SILENT,
) -> RowDigests:
    """Write `row_digests.parquet` into `folder` and return what it says.

    The same two sides and key give the same digests, in whatever order the records came.
    """
    work = folder / "digests"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    secret = hashlib.blake2b(_PURPOSE, key=key[:64]).hexdigest()
    present = [
        item for item in mapping.objects
        if item.landing is not Landing.REFERENCE and shaped.parts(item.object)
    ]  # fmt: skip
    path = folder / "row_digests.parquet"
    with progress("Digesting records", len(present)) as step, database(work) as connection:
        for number, item in enumerate(present):
            with connection.cursor() as own:
                sides = Sides(own, shaped, landed, mapping, item, scope or Scope())
                sides.prepare()
                own.execute(
                    f"copy ({_select(sides, secret)}) to "
                    f"{literal(str(work / f'{number:02d}-{slug(item.object)}.parquet'))} "
                    "(format parquet)"
                )
            step.advance()
        listed = f"read_parquet({literal(str(work / '*.parquet'))})"
        connection.execute(
            f"copy (select object, source_id, expected, landed from {listed} "
            f"order by part, source_id) to {literal(str(path))} (format parquet)"
        )
        objects = connection.execute(
            "select object, count(*) as records, count(*) filter (expected = landed) as same, "
            "count(*) filter (expected <> landed) as different, "
            f"sha256(string_agg(expected, '' order by expected)) as expected, "
            f"sha256(string_agg(landed, '' order by landed)) as landed "
            f"from {listed} group by part, object order by part"
        ).df()
    shutil.rmtree(work)
    return RowDigests(objects, path, digest_file(path))


def _select(sides: Sides, secret: str) -> str:
    """Return the SELECT of one object's records with the digests of both sides."""
    name = sides.item.object
    # What the org hides cannot be digested on the other side.
    rules = [rule for rule in field_rules(sides) if not rule.hidden]
    place = [item.object for item in sides.mapping.objects].index(name)
    one, other = (
        f"sha256({literal(secret)} || sha256({_row(name, rules, side)}))"
        for side in ("expected", "actual")
    )
    return (
        f"select {place} as part, {literal(name)} as object, source_id, "
        f"{one} as expected, {other} as landed "
        "from (select * from expected) s join (select * from actual) t using (source_id)"
    )


def _row(name: str, rules: list[FieldRule], side: str) -> str:
    """Return the SQL of a row as one text: each filled field with the length of its value."""
    texts = []
    for rule in sorted(rules, key=lambda rule: rule.target):
        text = rule.canonical(getattr(rule, side))
        texts.append(f"coalesce({literal(rule.target)} || length({text}) || ':' || {text}, '')")
    return " || ".join([f"{literal(name)} || source_id", *texts])
