from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from migrator_kit.sample import SamplePractice, generate

Query = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture(scope="session")
def practice(tmp_path_factory: pytest.TempPathFactory) -> SamplePractice:
    """The default practice: 1,000 patients, seed 1."""
    return generate(tmp_path_factory.mktemp("sample"))


@pytest.fixture
def query(practice: SamplePractice) -> Iterator[Query]:
    """Run SQL on the default practice, opened as any client would: read only."""
    connection = sqlite3.connect(f"{practice.database.as_uri()}?mode=ro", uri=True)
    yield lambda sql, *parameters: connection.execute(sql, parameters).fetchall()
    connection.close()


@pytest.fixture
def count(query: Query) -> Callable[[str], int]:
    """Count the rows of `table WHERE ...`."""
    return lambda table_where: query(f"SELECT count(*) FROM {table_where}")[0][0]


@pytest.fixture
def documents(practice: SamplePractice) -> Path:
    """The folder of the default practice's documents."""
    assert practice.documents is not None
    return practice.documents
