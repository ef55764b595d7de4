from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from migrator_kit.engagement import SourceSettings
from migrator_kit.errors import SourceError
from migrator_kit.source.documents import documents_root, list_files, locate, normalised, take_stock


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    root = tmp_path / "documents"
    for path, size in {
        "IMG/2021/000123_1.jpg": 10, "IMG/2022/000124_1.JPG": 20, "letters/a.pdf": 0,
        "scan": 5, "ΑΚΤΙΝΕΣ/φ1.dcm": 30,
    }.items():  # fmt: skip
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"x" * size)
    with (root / "large.dcm").open("wb") as stream:
        stream.truncate(26 * 2**20)
    return root


def test_paths_of_the_practices_program_are_read() -> None:
    written = pd.Series(
        ["IMG\\2021\\a.jpg", "C:\\DENT\\b.jpg", "\\\\server\\c.jpg", "./d//e.pdf", None]
    )
    assert normalised(written).tolist()[:4] == [
        "IMG/2021/a.jpg", "DENT/b.jpg", "server/c.jpg", "d/e.pdf",
    ]  # fmt: skip
    assert normalised(written).isna().tolist() == [False] * 4 + [True]


def test_rows_find_their_files(documents: Path) -> None:
    rows = pd.Series(
        ["IMG\\2021\\000123_1.jpg", "img\\2022\\000124_1.jpg", "D:\\OLD\\letters\\A.PDF",
         "ΑΚΤΙΝΕΣ\\φ1.dcm", "IMG\\2021\\gone.jpg", None, ""],
        index=list("abcdefg"),
    )  # fmt: skip
    found = locate(rows, list_files(documents))
    assert found["found"].tolist()[:4] == [
        "IMG/2021/000123_1.jpg", "IMG/2022/000124_1.JPG", "letters/a.pdf", "ΑΚΤΙΝΕΣ/φ1.dcm",
    ]  # fmt: skip
    assert found["found"].isna().tolist() == [False] * 4 + [True] * 3
    assert found["bytes"].tolist()[:4] == [10, 20, 0, 30]
    assert found.index.tolist() == list("abcdefg")


def test_an_ending_that_two_files_share_is_not_guessed(documents: Path) -> None:
    (documents / "IMG" / "2022" / "000123_1.jpg").write_bytes(b"other")
    found = locate(pd.Series(["X:\\elsewhere\\000123_1.jpg"]), list_files(documents))
    assert found["found"].isna().all()


def test_stock_is_taken_of_files_and_rows(documents: Path) -> None:
    rows = pd.Series(["IMG\\2021\\000123_1.jpg", "img/2021/000123_1.jpg", "gone.pdf", "large.dcm"])
    stock = take_stock(documents, rows, limit_mb=25)
    assert (stock.files, stock.rows, stock.missing) == (6, 4, 1)
    assert (stock.oversize, stock.empty, stock.unlisted, stock.shared) == (1, 1, 4, 1)
    assert stock.by_extension["jpg"] == (2, 30)
    assert stock.by_extension["(none)"] == (1, 5)
    assert sum(size for _, size in stock.by_extension.values()) == stock.bytes


def test_a_practice_without_a_folder_misses_every_file() -> None:
    stock = take_stock(None, pd.Series(["a.jpg", "b.jpg"]))
    assert (stock.files, stock.bytes, stock.rows, stock.missing) == (0, 0, 2, 2)
    assert stock.to_json()["folder_found"] is False


def test_the_documents_folder_is_found(practice_db: Path, documents: Path, exports: Path) -> None:
    def root(url: Path, **more: object) -> Path | None:
        return documents_root(SourceSettings.model_validate({"url": str(url), **more}))

    assert root(practice_db) == documents
    assert root(exports) is None
    (exports / "documents").mkdir()
    assert root(exports) == exports / "documents"
    assert root(exports, documents=str(documents)) == documents
    settings = SourceSettings(url="postgresql://host/db")
    assert documents_root(settings) is None
    with pytest.raises(SourceError, match="does not exist"):
        root(practice_db, documents="/no/such/folder")
