from __future__ import annotations

import csv
import gzip
import io
import random
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migrator_kit.engagement import SourceSettings
from migrator_kit.errors import SourceError
from migrator_kit.source.connect import open_source
from migrator_kit.source.encoding import guess
from migrator_kit.source.text_stream import Reading


def read(path: Path, table: str = "patients", **options: object) -> pa.Table:
    settings = SourceSettings.model_validate({"url": str(path), **options})
    with open_source(settings) as source:
        return pa.concat_tables(list(source.read(table, 1_000)))


def test_every_column_is_text_and_empty_is_null(exports: Path) -> None:
    (exports / "patients.csv").write_text('id,name,zip\n007,"Ann",01234\n8,,""\n')
    table = read(exports)
    assert {str(field.type) for field in table.schema} == {"string"}
    assert table.to_pylist() == [
        {"id": "007", "name": "Ann", "zip": "01234"},
        {"id": "8", "name": None, "zip": None},
    ]


def test_words_for_nothing_are_kept(exports: Path) -> None:
    (exports / "patients.csv").write_text("id,name\n1,NA\n2,None\n3,null\n4,nan\n")
    assert read(exports)["name"].to_pylist() == ["NA", "None", "null", "nan"]


def test_quoted_line_breaks_stay_in_their_value(exports: Path) -> None:
    (exports / "patients.csv").write_bytes(b'id,note\r\n1,"first\r\nsecond ""x"""\r\n2,plain\r\n')
    assert read(exports)["note"].to_pylist() == ['first\r\nsecond "x"', "plain"]


@pytest.mark.parametrize("mark", [",", ";", "\t", "|", "^", "~", "\x1f"])
def test_the_delimiter_is_found(exports: Path, mark: str) -> None:
    rows = [["id", "name", "fee"], ["1", "Doe, John", "12,50"], ["2", "Roe", "7,00"]]
    text = io.StringIO()
    csv.writer(text, delimiter=mark).writerows(rows)
    (exports / "patients.txt").write_text(text.getvalue(), newline="")
    assert read(exports).to_pylist()[0] == {"id": "1", "name": "Doe, John", "fee": "12,50"}


def test_single_quotes_and_backslashes_are_understood(exports: Path) -> None:
    (exports / "a.csv").write_text("id,name\n'1','Doe, John'\n'2','Roe, Ann'\n")
    (exports / "b.csv").write_text('id,note\n1,"said \\"ah, well\\""\n2,"none"\n')
    assert read(exports, "a")["name"].to_pylist() == ["Doe, John", "Roe, Ann"]
    assert read(exports, "b")["note"].to_pylist() == ['said "ah, well"', "none"]


GREEK = ["Παπαδοπούλου Μαρία", "Γεωργίου Νίκος", "ΚΑΡΑΓΙΑΝΝΗΣ ΔΗΜΗΤΡΙΟΣ", "Οικονόμου Έλενα"]
WESTERN = ["Müller Jürgen", "Peña Begoña", "Lefèvre Aurélie", "Sørensen Åse"]
RUSSIAN = ["Иванов Сергей", "Кузнецова Елена", "Смирнова Анна", "Попов Дмитрий"]


@pytest.mark.parametrize(
    ("encoding", "names"),
    [
        ("utf-8", GREEK),
        ("utf-8-sig", GREEK),
        ("utf-16", GREEK),
        ("utf-16-le", WESTERN),
        ("cp1253", GREEK),
        ("cp1252", WESTERN),
        ("cp1251", RUSSIAN),
    ],
)
def test_the_encoding_is_found_and_named(exports: Path, encoding: str, names: list[str]) -> None:
    lines = ["id;name", *(f"{n};{name}" for n, name in enumerate(names * 5))]
    (exports / "patients.csv").write_bytes("\r\n".join(lines).encode(encoding))
    assert read(exports)["name"].to_pylist() == names * 5
    with open_source(SourceSettings(url=str(exports))) as source:
        reading = source.describe()[0].reading
    assert reading["delimiter"] == ";"
    assert reading["encoding"].startswith(encoding.replace("-sig", ""))


def test_a_letter_late_in_a_long_file_decides_the_encoding(exports: Path) -> None:
    plain = "".join(f"{n};Smith\n" for n in range(200_000))
    late = plain + "200000;" + GREEK[0] + "\n"
    (exports / "patients.csv").write_bytes(("id;name\n" + late).encode("cp1253"))
    assert read(exports)["name"][-1].as_py() == GREEK[0]


def test_a_person_can_overrule_what_was_found(exports: Path) -> None:
    (exports / "patients.csv").write_bytes("id,name;x\n1,Čapek;y\n".encode("cp1250"))
    table = read(exports, encoding="windows-1250", delimiter=",")
    assert table.to_pylist() == [{"id": "1", "name;x": "Čapek;y"}]
    with pytest.raises(SourceError, match="klingon"):
        read(exports, encoding="klingon")


def test_what_was_found_can_be_overruled_for_one_table(exports: Path) -> None:
    (exports / "patients.csv").write_bytes("id,name\n1,'Čapek'\n".encode("cp1250"))
    (exports / "staff.csv").write_bytes("id;name\n1;Ελένη Νικολάου\n".encode("cp1253"))
    own = {"patients": {"encoding": "cp1250", "delimiter": ",", "quote": "none"}}
    assert read(exports, tables=own)["name"].to_pylist() == ["'Čapek'"]
    assert read(exports, "staff", tables=own)["name"].to_pylist() == ["Ελένη Νικολάου"]


def test_short_name_lists_are_told_apart() -> None:
    assert guess("\n".join(GREEK).encode("cp1253")) == "cp1253"
    assert guess("\n".join(RUSSIAN).encode("cp1251")) == "cp1251"
    assert guess("Müller\nGroß".encode("cp1252")) != "cp1253"


def test_a_ragged_row_is_an_error_with_file_and_line(exports: Path) -> None:
    (exports / "patients.csv").write_text('id,note\n1,"two\nlines"\n2,a,b\n3,c\n')
    with pytest.raises(SourceError, match=r"patients\.csv, line 4: the row has 3 values.* has 2"):
        read(exports)


def test_many_ragged_rows_are_counted(exports: Path) -> None:
    rows = "".join(f"{n},a,b\n" for n in range(50))
    (exports / "patients.csv").write_text("id,note\n1,x\n" + rows)
    with pytest.raises(SourceError, match=r"line 3.*\(50 such rows\)"):
        read(exports)


def test_a_closing_remark_is_left_out_and_noted(exports: Path) -> None:
    (exports / "patients.csv").write_text("id,name\n1,a\n2,b\n-- 2 rows exported\n")
    with open_source(SourceSettings(url=str(exports))) as source:
        rows = sum(part.num_rows for part in source.read("patients", 1_000))
        assert source.notes("patients") == {"trailer lines left out": "1"}
    assert rows == 2


def test_a_quote_that_never_closes_does_not_swallow_rows(exports: Path) -> None:
    (exports / "patients.csv").write_text('id,name\n1,a\n2,"b\n3,c\n4,d\n')
    with pytest.raises(SourceError, match=r"patients\.csv, line 3: a quoted value begins"):
        read(exports)


def test_an_inch_mark_is_no_open_quote(exports: Path) -> None:
    (exports / "patients.csv").write_text('id,name\n1,5" nail\n2,b\n')
    assert read(exports)["name"].to_pylist() == ['5" nail', "b"]


def test_bad_bytes_name_the_line(exports: Path) -> None:
    (exports / "patients.csv").write_bytes(b"id,name\n1,a\n2,\xff\xfe\n3,c\n")
    with pytest.raises(SourceError, match=r"patients\.csv, line 3"):
        read(exports, encoding="utf-8")


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
def test_bad_bytes_in_a_ragged_row_name_the_line(exports: Path) -> None:
    (exports / "patients.csv").write_bytes(b"id,name\n1,a\n2,\xff\xfe,x\n3,c\n")
    with pytest.raises(SourceError, match=r"patients\.csv, line 3: the bytes are not utf-8"):
        read(exports, encoding="utf-8")


def test_names_that_are_missing_or_repeated_get_one_of_their_own(exports: Path) -> None:
    (exports / "patients.csv").write_text("Phone,phone,,id\n1,2,3,4\n")
    assert read(exports).column_names == ["Phone", "phone_2", "column_3", "id"]


def test_a_header_alone_is_an_empty_table(exports: Path) -> None:
    for ending in ("", "\n", "\r\n"):
        (exports / "patients.csv").write_bytes(f"id,name{ending}".encode())
        table = read(exports)
        assert (table.num_rows, table.column_names) == (0, ["id", "name"])


def test_a_text_that_is_no_table_is_passed_over(exports: Path) -> None:
    (exports / "readme.txt").write_text("These files were exported on Monday.\nThank you.\n")
    (exports / "patients.csv").write_text("id,name\n1,a\n")
    with open_source(SourceSettings(url=str(exports))) as source:
        assert [table.name for table in source.describe()] == ["patients"]


@pytest.mark.parametrize("mark", [b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf"])
def test_a_byte_order_mark_alone_is_an_empty_file(exports: Path, mark: bytes) -> None:
    (exports / "patients.csv").write_bytes(mark)
    with pytest.raises(SourceError, match=r"patients\.csv is empty"):
        read(exports)


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
def test_half_a_character_at_the_end_names_the_line(exports: Path) -> None:
    (exports / "patients.csv").write_bytes(b"id,name\n1,a\n2\xce")
    with pytest.raises(SourceError, match=r"patients\.csv, line 3"):
        read(exports, encoding="utf-8")


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, "holds no table"),
        ({"readme.md": "hello"}, "holds no table"),
        ({"patients.csv": ""}, r"patients\.csv is empty"),
        ({"a.csv": "x,y\n1,2\n", "A.txt": "x,y\n1,2\n"}, "would both be the table"),
    ],
)
def test_a_folder_that_cannot_be_used_is_one_clear_error(
    exports: Path, files: dict[str, str], expected: str
) -> None:
    for name, text in files.items():
        (exports / name).write_text(text)
    with (
        pytest.raises(SourceError, match=expected),
        open_source(SourceSettings(url=str(exports))) as source,
    ):
        source.describe()


def test_a_zip_is_read_like_the_folder(exports: Path, tmp_path: Path) -> None:
    (exports / "patients.csv").write_bytes("id;name\n1;Ελένη\n".encode("cp1253"))
    archive = tmp_path / "export.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.write(exports / "patients.csv", "2026/patients.csv")
        packed.writestr("__MACOSX/patients.csv", b"\x00")
        packed.writestr("?x", b"")
    archive.write_bytes(archive.read_bytes().replace(b"?x", b"\0x"))  # an entry without a name
    assert read(archive).equals(read(exports))
    assert read(exports / "patients.csv").equals(read(exports))
    archive.write_bytes(b"PK\x03\x04 broken")
    with pytest.raises(SourceError, match="not a readable zip"):
        read(archive)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_an_entry_of_a_zip_that_is_torn_is_one_clear_error(tmp_path: Path, method: int) -> None:
    archive = tmp_path / "export.zip"
    with zipfile.ZipFile(archive, "w", method) as packed:
        packed.writestr("patients.csv", "id,name\n" + "1,Ελένη\n" * 400)
    whole = bytearray(archive.read_bytes())
    whole[80:90] = bytes(10)
    archive.write_bytes(whole)
    with pytest.raises(SourceError, match=r"patients\.csv"):
        read(archive)


@pytest.mark.parametrize("damage", [slice(0, 20), slice(30, None), slice(12, 16)])
def test_a_compressed_dump_that_is_torn_is_one_clear_error(tmp_path: Path, damage: slice) -> None:
    whole = gzip.compress(b"CREATE TABLE t (a int);\nINSERT INTO t VALUES (1);\n" * 9)
    torn = bytearray(whole)
    del torn[damage]
    (tmp_path / "dump.sql.gz").write_bytes(torn)
    with (
        pytest.raises(SourceError, match=r"dump\.sql\.gz"),
        open_source(SourceSettings(url=str(tmp_path / "dump.sql.gz")), work=tmp_path) as source,
    ):
        list(source.read(source.describe()[0].name, 100))


@pytest.mark.parametrize("name", ["old.mdb", "old.accdb", "practice.bak"])
def test_kinds_that_are_not_read_say_what_to_do(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(SourceError, match="cannot be read directly") as caught:
        open_source(SourceSettings(url=str(tmp_path / name)))
    assert "CSV" in str(caught.value)


def test_the_open_dental_exports_hold_what_the_database_holds(open_dental: Path) -> None:
    with (
        open_source(SourceSettings(url=str(open_dental / "csv"))) as exported,
        open_source(SourceSettings(url=str(open_dental / "opendental_synth.sqlite"))) as database,
    ):
        tables = [table.name for table in exported.describe()]
        assert tables == [table.name for table in database.describe()]
        for name in tables:
            one = pa.concat_tables(list(exported.read(name, 1_000)))
            two = pa.concat_tables(list(database.read(name, 1_000)))
            assert (one.num_rows, one.column_names) == (two.num_rows, two.column_names)


Cell = st.text(st.characters(codec="utf-8", exclude_characters="\x00\r"), max_size=12)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(Cell, Cell, Cell), min_size=1, max_size=12), st.sampled_from(",;\t|"))
def test_what_a_writer_quotes_comes_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, str]], mark: str
) -> None:
    path = tmp_path_factory.mktemp("csv") / "patients.csv"
    text = io.StringIO()
    writer = csv.writer(text, delimiter=mark, quoting=csv.QUOTE_ALL)
    writer.writerows([("one", "two", "three"), *rows])
    path.write_text(text.getvalue(), encoding="utf-8", newline="")
    got = [tuple(row.values()) for row in read(path).to_pylist()]
    assert got == [tuple(cell or None for cell in row) for row in rows]


def test_a_file_of_random_bytes_ends_in_a_message_every_time(exports: Path) -> None:
    """The reader's threads must have let go of everything when the interpreter ends."""
    (exports / "patients.csv").write_bytes(random.Random(3).randbytes(3_000))
    code = (
        "import sys\n"
        "from migrator_kit.engagement import SourceSettings\n"
        "from migrator_kit.errors import SourceError\n"
        "from migrator_kit.source.connect import open_source\n"
        "source = open_source(SourceSettings(url=sys.argv[1]))\n"
        "try:\n"
        "    for table in source.describe():\n"
        "        list(source.read(table.name, 50_000))\n"
        "except SourceError as error:\n"
        "    sys.exit(str(error))\n"
    )
    command = [sys.executable, "-c", code, str(exports)]
    begun = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    said = [each.communicate(timeout=120)[1] for each in begun]
    assert [each.returncode for each in begun] == [1] * 4, said
    assert all("patients.csv" in each for each in said)


@pytest.mark.parametrize(
    ("content", "encoding", "undecodable"),
    [
        (b"id,name\n" + bytes(range(128, 256)) * 40, "cp1253", True),
        ("id,name\n1,Μαρία\n".encode("cp1253"), "cp1253", False),
        (b"id,name\n1,a\n2,\xff,x\n" * 9, "utf-8", True),
        (b"id,name\n1,a\xce", "utf-8", True),
        ("id,name\n1,Μαρία\n".encode() * 9, "utf-8", False),
    ],
)
def test_the_reader_is_told_of_no_error_and_lets_go_of_all(
    content: bytes, encoding: str, undecodable: bool
) -> None:
    reading = Reading(io.BytesIO(content), encoding, tolerated=3)
    stream, ragged = reading.stream(), reading.ragged_rows()
    while stream.read(50):
        ragged(None)
    assert reading.undecodable is undecodable
    waiting = threading.Thread(target=reading.wait)
    waiting.start()
    waiting.join(0.05)
    assert waiting.is_alive()
    del stream, ragged
    waiting.join(5)
    assert not waiting.is_alive()
