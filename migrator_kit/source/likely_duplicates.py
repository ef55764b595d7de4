"""Patients who are likely the same person though spelled differently: pairs with a score.

The score is the match probability of the Fellegi-Sunter model, estimated by Splink from the data
itself: nobody labels pairs beforehand. Nothing is merged: the pairs are there for a person to look
at. Splink is imported when patients are scored and not before.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import duckdb
import pandas as pd

from migrator_kit.privacy import token
from migrator_kit.source.people import PeopleColumns, create_people, people_columns
from migrator_kit.source.profile import ColumnProfile

if TYPE_CHECKING:
    from splink import Linker

LEAST_SCORE = 0.5
"""Pairs below are more likely two people than one."""

MODEL = 1
"""Version of what is compared and how; results of another one are not used again."""

_BANDS = (0.99, 0.9, 0.5)
_PAIRS_PER_PATIENT = 15
_PAIRS_AT_LEAST = 50_000
_TRAINING_PAIRS = 2_000_000
_FEWEST_TO_LEARN = 30
_SEED = 20
_PAIR_COLUMNS = ("record", "like", "score", "agree", "nearly")


def _no_pairs() -> pd.DataFrame:
    return pd.DataFrame({name: [] for name in _PAIR_COLUMNS})


@dataclass(frozen=True, slots=True)
class LikelyDuplicates:
    """Pairs of patients that are likely one person, by record id, with what speaks for it."""

    table: str | None
    """The table of patients; None where none was recognised."""
    columns: tuple[str, ...] = ()
    """Columns that were compared."""
    patients: int = 0
    pairs: pd.DataFrame = field(default_factory=_no_pairs)
    """One row a pair: `record`, `like` (record ids), `score` (0 to 1), `agree` and `nearly`."""
    not_compared: tuple[str, ...] = ()
    """Ways of finding candidates that were left out: too many patients share their values."""

    def for_review(self, key: bytes) -> pd.DataFrame:
        """Return the pairs, likeliest first, record ids as tokens keyed with `key`."""
        shown = self.pairs.copy()
        for column in ("record", "like"):
            shown[column] = [token(value, key) for value in shown[column]]
        return shown

    def to_json(self) -> dict[str, object]:
        """Return counts by score for `audit --json`; no record id and no value."""
        scores = self.pairs["score"]
        return {
            "compared": list(self.columns),
            "pairs": len(self.pairs),
            "pairs_by_score": {f"{least:g}": int((scores >= least).sum()) for least in _BANDS},
            "records": int(pd.concat([self.pairs["record"], self.pairs["like"]]).nunique()),
            "not_compared": list(self.not_compared),
        }


def score_duplicates(
    connection: duckdb.DuckDBPyConnection,
    profiles: Mapping[str, Sequence[ColumnProfile]],
    keys: Mapping[str, tuple[str, ...]],
) -> LikelyDuplicates:
    """Return pairs of the patient table that are likely one person, from LEAST_SCORE on.

    `keys` name the key columns of each table. Without a key of one column, a record is named by
    its place in the table. Candidates are bounded by the number of patients, and so is the time.
    """
    columns = people_columns(profiles, keys)
    if columns is None:
        return LikelyDuplicates(None)
    patients = create_people(connection, columns)
    rules, left_out = _affordable(connection, columns, patients)
    if not rules:
        return LikelyDuplicates(columns.table, columns.names, patients, not_compared=left_out)
    logging.getLogger("splink").setLevel(logging.ERROR)
    linker = _trained(connection, columns, patients, rules)
    linker.inference.predict(threshold_match_probability=LEAST_SCORE).as_duckdbpyrelation().create(
        "likely"
    )
    pairs = connection.sql(_listing(columns)).df()
    pairs["score"] = pairs["score"].round(4)
    return LikelyDuplicates(columns.table, columns.names, patients, pairs, left_out)


def _affordable(
    connection: duckdb.DuckDBPyConnection, columns: PeopleColumns, patients: int
) -> tuple[list[tuple[str, ...]], tuple[str, ...]]:
    """Return the ways of finding candidates that the budget allows, the cheapest first."""
    costs = sorted((_pairs_of(connection, rule), rule) for rule in _ways(columns))
    budget = max(_PAIRS_AT_LEAST, _PAIRS_PER_PATIENT * patients)
    taken, left_out = [], []
    for cost, rule in costs:
        if cost > budget:
            left_out.append(" and ".join(rule))
        elif cost:
            budget -= cost
            taken.append(rule)
    return taken, tuple(left_out)


def _ways(columns: PeopleColumns) -> Iterator[tuple[str, ...]]:
    """Yield what two records must share to be compared: any one of these is enough."""
    yield ("names",)
    yield ("birth", "left(first, 1)")
    yield ("birth", "left(last, 1)")
    yield ("last", "left(birth, 4)")
    yield from ((number,) for number in columns.number_roles)
    yield from ((phone,) for phone in columns.phone_roles)
    if columns.email:
        yield ("email",)
    if columns.street:
        yield ("street",)
    if columns.zip:
        yield ("first", "zip")
        yield ("last", "zip")
        yield ("zip", "left(birth, 4)")


def _pairs_of(connection: duckdb.DuckDBPyConnection, rule: tuple[str, ...]) -> int:
    """Return how many pairs share all of a rule's values."""
    held = " AND ".join(f"{part} IS NOT NULL" for part in rule)
    sql = (
        "SELECT coalesce(sum(n * (n - 1) // 2), 0) FROM (SELECT count(*)::HUGEINT AS n FROM people "
        f"WHERE {held} GROUP BY {', '.join(rule)})"
    )
    rows: list[tuple[Any, ...]] = connection.execute(sql).fetchall()
    return int(rows[0][0])


def _trained(
    connection: duckdb.DuckDBPyConnection,
    columns: PeopleColumns,
    patients: int,
    rules: Sequence[tuple[str, ...]],
) -> Linker:
    """Return the model, its weights learned from the patients themselves."""
    from splink import Linker, SettingsCreator, block_on
    from splink.backends.duckdb import DuckDBAPI

    exact = max(1, _pairs_of(connection, ("names", "birth")))
    settings = SettingsCreator(
        link_type="dedupe_only",
        unique_id_column_name="place",
        comparisons=_comparisons(columns),
        blocking_rules_to_generate_predictions=[block_on(*rule) for rule in rules],
        probability_two_random_records_match=min(0.5, 2 * exact / (patients * (patients - 1) / 2)),
        retain_matching_columns=False,
    )
    linker = Linker(DuckDBAPI(connection).register("people"), settings, log_level=None)
    linker.training.estimate_u_using_random_sampling(max_pairs=_TRAINING_PAIRS, seed=_SEED)
    for shared in ("birth", "names"):
        if _pairs_of(connection, (shared,)) >= _FEWEST_TO_LEARN:
            linker.training.estimate_parameters_using_expectation_maximisation(
                block_on(shared), max_pairs=_TRAINING_PAIRS, record_sample_proportion=0.1
            )
    return linker


def _comparisons(columns: PeopleColumns) -> list[Any]:
    """Return what is compared. All that a household shares is one comparison, not several."""
    from splink import comparison_level_library as level
    from splink import comparison_library as compare

    alike: list[Any] = [
        compare.CustomComparison(
            [
                level.CustomLevel(
                    "coalesce(first_l, last_l) IS NULL OR coalesce(first_r, last_r) IS NULL"
                ).configure(is_null_level=True),
                level.CustomLevel("names_l = names_r"),
                level.CustomLevel(
                    "jaro_winkler_similarity(first_l, first_r) >= 0.9 "
                    "AND jaro_winkler_similarity(last_l, last_r) >= 0.9"
                ),
                level.CustomLevel("first_l = first_r"),
                level.CustomLevel("last_l = last_r AND coalesce(first_l, first_r) IS NULL"),
                level.CustomLevel("last_l = last_r"),
                level.CustomLevel("jaro_winkler_similarity(first_l, first_r) >= 0.9"),
                level.CustomLevel("jaro_winkler_similarity(last_l, last_r) >= 0.9"),
                level.ElseLevel(),
            ],
            output_column_name="person",
        ),
        compare.DamerauLevenshteinAtThresholds("birth", [1, 2]),
        *(compare.DamerauLevenshteinAtThresholds(role, [1, 2]) for role in columns.number_roles),
    ]
    home = _home_levels(columns)
    if home:
        levels = [level.CustomLevel(sql) for sql in home[1:]]
        unknown = level.CustomLevel(home[0]).configure(is_null_level=True)
        alike.append(
            compare.CustomComparison(
                [unknown, *levels, level.ElseLevel()], output_column_name="home"
            )
        )
    return alike


def _home_levels(columns: PeopleColumns) -> list[str]:
    """Return conditions on what a household shares, the strongest first, after "not known"."""
    street = "jaro_winkler_similarity(street_l, street_r) >= 0.9" if columns.street else ""
    reached = " OR ".join(
        [
            *(["list_has_any(phones_l, phones_r)"] if columns.phone_roles else []),
            *(["email_l = email_r"] if columns.email else []),
        ]
    )
    held = [
        name
        for name, there in (
            ("street", columns.street), ("phones", columns.phone_roles), ("email", columns.email),
            ("zip", columns.zip),
        )
        if there
    ]  # fmt: skip
    if not held:
        return []
    unknown = " AND ".join(f"({name}_l IS NULL OR {name}_r IS NULL)" for name in held)
    both = [f"({street}) AND ({reached})"] if street and reached else []
    single = [condition for condition in (reached, street) if condition]
    return [unknown, *both, *single, *(["zip_l = zip_r"] if columns.zip else [])]


def _listing(columns: PeopleColumns) -> str:
    """Return SQL for the pairs by record id, with the columns that agree and nearly agree."""
    agree, nearly = [], []
    for role, name in columns.compared:
        text = "'" + name.replace("'", "''") + "'"
        agree.append(f"CASE WHEN a.{role} = b.{role} THEN {text} END")
        nearly.append(
            f"CASE WHEN a.{role} <> b.{role} AND "
            f"jaro_winkler_similarity(a.{role}, b.{role}) >= 0.85 THEN {text} END"
        )
    # A household shares last name, home and telephone: without anything of their own that agrees,
    # two records are two members of it.
    own = [
        "jaro_winkler_similarity(a.first, b.first) >= 0.9",
        "damerau_levenshtein(a.birth, b.birth) <= 2",
        "a.names = b.names",
        *(f"damerau_levenshtein(a.{role}, b.{role}) <= 1" for role in columns.number_roles),
    ]
    return (
        'SELECT a.record AS record, b.record AS "like", match_probability AS score, '
        f"concat_ws(', ', {', '.join(agree)}) AS agree, "
        f"concat_ws(', ', {', '.join(nearly)}) AS nearly "
        "FROM likely JOIN people a ON a.place = least(place_l, place_r) "
        "JOIN people b ON b.place = greatest(place_l, place_r) "
        f"WHERE {' OR '.join(own)} "
        "ORDER BY score DESC, a.place, b.place"
    )
