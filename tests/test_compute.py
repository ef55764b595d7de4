"""Parts give the same results wherever they are worked on, and a dead worker changes nothing."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pydantic import ValidationError

from migrator_kit.compute import Part, Pool, open_pool
from migrator_kit.engagement import (
    ComputeSettings,
    Engagement,
    EngagementFile,
    SourceSettings,
    digest_file,
)
from migrator_kit.errors import ConfigError, GateClosed, MappingError, MigratorError
from migrator_kit.mapping.files import default_mapping
from migrator_kit.mapping.shape import ShapedDataset, shape
from migrator_kit.sample import generate
from migrator_kit.source.snapshot import Snapshot, take_snapshot

NAMES = [f"Patient, part {number}" for number in range(1, 6)]


def length(text: str) -> int:
    return len(text)


def dies_once(mark: str, number: int) -> int:
    """Kill the worker's process at the third part, the first time it comes there."""
    if number == 2 and not Path(mark).exists():
        Path(mark).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


def always_dies(number: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return number


def refuses(number: int) -> int:
    if number == 3:
        raise MappingError("Mailing_City: there is no transform 'loud'.", hint="Name another.")
    return number


def waits_for_a_person() -> None:
    raise GateClosed("Nobody signed.", gate="sign-off", opens_with="migrator sign-off")


def stumbles(name: str) -> int:
    return int(name)


def loaded_modules() -> list[str]:
    return sorted(sys.modules)


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """A scheduler and two workers in processes of their own, on this machine alone."""
    from distributed import LocalCluster

    with LocalCluster(  # type: ignore[no-untyped-call]
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
    ) as running:
        yield running.scheduler_address


@pytest.fixture(scope="module", params=["synchronous", "threads", "processes", "cluster"])
def pool(request: pytest.FixtureRequest) -> Iterator[Pool]:
    name = request.param
    address = request.getfixturevalue("cluster") if name == "cluster" else name
    with open_pool(ComputeSettings(scheduler=address)) as opened:
        yield opened


def test_results_come_in_the_order_of_the_parts(pool: Pool) -> None:
    parts = [Part(name, ("x" * number,)) for number, name in enumerate(NAMES)]
    assert list(pool.run(length, parts)) == [0, 1, 2, 3, 4]
    assert list(pool.run(length, [])) == []


def test_an_error_of_a_part_names_the_part(pool: Pool) -> None:
    parts = [Part(name, (number,)) for number, name in enumerate(NAMES)]
    with pytest.raises(MappingError) as caught:
        list(pool.run(refuses, parts))
    assert caught.value.message.startswith("Patient, part 4: Mailing_City")
    assert caught.value.hint == "Name another."


def test_an_error_nobody_foresaw_names_the_part_and_holds_no_value(pool: Pool) -> None:
    with pytest.raises(MigratorError) as caught:
        list(pool.run(stumbles, [Part("Patient, part 1", ("Papadopoulos",)), Part("b", ("7",))]))
    assert "Patient, part 1" in str(caught.value)
    assert "ValueError" in str(caught.value)
    assert "Papadopoulos" not in str(caught.value)


def test_every_kind_of_error_comes_back_whole(pool: Pool) -> None:
    with pytest.raises(GateClosed) as caught:
        list(pool.run(waits_for_a_person, [Part("one", ()), Part("two", ())]))
    assert caught.value.opens_with == "migrator sign-off"
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("kind", ["processes", "cluster"])
def test_a_worker_killed_in_the_middle_changes_nothing(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    address = request.getfixturevalue("cluster") if kind == "cluster" else kind
    mark = tmp_path / "died"
    parts = [Part(name, (str(mark), number)) for number, name in enumerate(NAMES)]
    with open_pool(ComputeSettings(scheduler=address)) as opened:
        assert list(opened.run(dies_once, parts)) == [0, 1, 4, 9, 16]
    assert mark.exists()


def test_a_part_that_kills_every_worker_is_named() -> None:
    with (
        open_pool(ComputeSettings(scheduler="processes", workers=1)) as opened,
        pytest.raises(MigratorError, match=r"Patient, part 1: the process .* 3 times") as caught,
    ):
        list(opened.run(always_dies, [Part(NAMES[0], (1,))]))
    assert "part_rows" in str(caught.value)


def test_no_scheduler_at_the_address_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("migrator_kit.compute._CONNECT_SECONDS", 1)
    nowhere = open_pool(ComputeSettings(scheduler="tcp://127.0.0.1:9"))
    with pytest.raises(ConfigError, match=r"No Dask scheduler answers at tcp://127\.0\.0\.1:9"):
        nowhere.__enter__()


def test_a_scheduler_that_dask_does_not_know_is_refused() -> None:
    with pytest.raises(ValidationError):
        ComputeSettings(scheduler="sometimes")


def test_workers_do_not_pay_for_great_expectations(cluster: str) -> None:
    with open_pool(ComputeSettings(scheduler=cluster)) as opened:
        (modules,) = opened.run(loaded_modules, [Part("a part", ())])
    assert "migrator_kit.compute" in modules
    assert "great_expectations" not in modules


@pytest.fixture(scope="module")
def practice(tmp_path_factory: pytest.TempPathFactory) -> tuple[Engagement, Snapshot]:
    """A practice whose objects are several parts each."""
    folder = tmp_path_factory.mktemp("practice")
    made = generate(folder / "source", patients=60, seed=5, documents=False)
    settings = EngagementFile(client="X", source=SourceSettings(url=str(made.database)))
    small = settings.source.model_copy(update={"part_rows": 50})
    engagement = Engagement(folder, settings.model_copy(update={"source": small}))
    return engagement, take_snapshot(engagement)


def test_shaping_gives_the_same_files_everywhere(
    practice: tuple[Engagement, Snapshot], cluster: str
) -> None:
    results: dict[str, dict[str, Any]] = {}
    for scheduler in ("synchronous", "threads", "processes", cluster):
        engagement, snapshot = practice
        settings = engagement.settings.model_copy(
            update={"compute": ComputeSettings(scheduler=scheduler)}
        )
        name = scheduler.partition(":")[0]
        own = Engagement(engagement.folder / name, settings)
        own.folder.mkdir()
        dataset = shape(own, snapshot, default_mapping("dent_o_soft"))
        results[name] = _digests(dataset)
    first, *others = results.values()
    assert len(first) > 15
    assert all(other == first for other in others)


def _digests(dataset: ShapedDataset) -> dict[str, Any]:
    found: dict[str, Any] = {
        path.relative_to(dataset.folder).as_posix(): digest_file(path)
        for path in sorted(dataset.folder.rglob("*.parquet"))
    }
    return found | {"dataset": dataset.digest, "rejects": len(pd.DataFrame(dataset.rejects()))}
