"""One practice on seven routes, by the commands a person gives: the same inventory from each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from migrator_kit.cli import main
from migrator_kit.engagement import Engagement
from migrator_kit.mapping.files import default_mapping
from migrator_kit.mapping.shape import shape
from migrator_kit.source.snapshot import latest_snapshot
from migrator_kit.workbench.reports import audit_report
from tests.source.routes import (
    Rows,
    as_greek_exports,
    as_server,
    as_service,
    as_workbook,
    practice,
    server_address,
)

_PATIENTS = 60


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Rows]:
    return practice(tmp_path_factory.mktemp("practice"), _PATIENTS)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module")
def by_database(made: tuple[Path, Rows], work: Path) -> Engagement:
    return opened(work / "database", str(made[0]))


def opened(folder: Path, source: str) -> Engagement:
    assert main(["init", str(folder), "--source", source]) == 0
    assert main(["snapshot", str(folder)]) == 0
    return Engagement.open(folder)


@pytest.fixture(params=["csv", "xlsx", "rest", "postgresql", "mysql"])
def route(
    request: pytest.FixtureRequest, made: tuple[Path, Rows], work: Path
) -> Iterator[Engagement]:
    """The practice as another route gives it."""
    kind, rows = request.param, made[1]
    folder = work / f"given_{kind}"
    with ExitStack() as stack:
        if kind in ("postgresql", "mysql"):
            if not server_address(kind):
                pytest.skip(f"the environment names no {kind} server")
            source = stack.enter_context(as_server(kind, rows))
        elif kind == "rest":
            source = stack.enter_context(as_service(rows, folder))
        else:
            source = {"csv": as_greek_exports, "xlsx": as_workbook}[kind](rows, folder)
        yield opened(work / kind, source)


@pytest.fixture(scope="module")
def of_database(by_database: Engagement) -> dict[str, Any]:
    """The audit of the practice's own database."""
    return audit_report(by_database)


def audited(engagement: Engagement, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["audit", str(engagement.folder), "--json"]) == 0
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    return told


def columns(told: dict[str, Any]) -> pd.DataFrame:
    kept = ("name", "content", "filled", "distinct", "first", "last", "data_class", "custom")
    return pd.DataFrame(
        [
            {"table": table["name"], "rows": table["rows"], **{k: column[k] for k in kept}}
            for table in told["tables"]
            for column in table["columns"]
        ]
    )


def relations(told: dict[str, Any]) -> set[tuple[Any, ...]]:
    return {
        (r["from_table"], *r["from_columns"], r["to_table"], *r["to_columns"], r["orphans"])
        for r in told["relations"]
        if not r["false_friend"]
    }


def oddities(told: dict[str, Any]) -> pd.DataFrame:
    return pd.DataFrame(told["oddities"])


def test_each_route_gives_the_inventory_and_the_values_of_the_database(
    route: Engagement,
    by_database: Engagement,
    of_database: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
) -> None:
    one, two = of_database, audited(route, capsys)
    pd.testing.assert_frame_equal(columns(one), columns(two))
    assert relations(one) == relations(two)
    pd.testing.assert_frame_equal(oddities(one), oddities(two))
    assert one["duplicates"] == two["duplicates"]
    assert one["rules"] == two["rules"]
    mapping = default_mapping("dent_o_soft")
    wanted = shape(by_database, latest_snapshot(by_database), mapping)
    given = shape(route, latest_snapshot(route), mapping)
    for item in mapping.objects:
        frames = [
            pd.concat([pd.read_parquet(part) for part in dataset.parts(item.object)])
            for dataset in (wanted, given)
        ]
        pd.testing.assert_frame_equal(*frames, check_dtype=False)
