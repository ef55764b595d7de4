"""The documents are real files that open, with the stated exceptions."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import PureWindowsPath

import pydicom
import pytest
from PIL import Image

from migrator_kit.sample import generate
from migrator_kit.sample.files import LARGE_BYTES, LARGE_FRAMES, RENDER

MB_25 = 25 * 1024 * 1024


@pytest.fixture
def listed(query, documents):
    """Each row's path in the database with the file it names, found as Windows would find it."""
    on_disk = {
        path.relative_to(documents).as_posix().casefold(): path
        for path in documents.rglob("*")
        if path.is_file()
    }
    return [
        (category, path, on_disk.get(PureWindowsPath(path).as_posix().casefold()))
        for category, path in query("SELECT category, file_path FROM documents")
    ]


def test_no_two_files_differ_by_case_alone(documents):
    names = [p.relative_to(documents).as_posix().casefold() for p in documents.rglob("*.*")]
    assert len(set(names)) == len(names)


def test_paths_are_windows_paths_below_the_folder(listed):
    assert all(re.fullmatch(r"[^\\/:]+\\\d{4}\\[^\\/:*?\"<>|]+", path) for _, path, _ in listed)


def test_missing_files_are_as_many_as_stated(practice, listed):
    missing = [path for _, path, file in listed if file is None]
    assert len(missing) == practice.dirt["document_file_missing"]
    assert len(listed) - len(missing) == practice.counts["files"]


def test_names_in_the_database_differ_in_case_or_are_unusual(practice, documents, listed):
    other_case = [
        path
        for _, path, file in listed
        if file and file.relative_to(documents).parts != PureWindowsPath(path).parts
    ]
    assert len(other_case) == practice.dirt["document_path_case"]
    unusual = [path for _, path, _ in listed if re.search(r"[^\x00-\x7f]|[ #&(]|final", path)]
    assert len(unusual) == practice.dirt["document_name_unusual"]
    for part in ("Ü", "Ακτινογραφία", "ñ", " "):
        assert any(part in path for path in unusual)


def test_images_open(listed):
    opened = Counter()
    for _, _, file in listed:
        if file and file.suffix.lower() in (".jpg", ".png") and file.stat().st_size:
            with Image.open(file) as image:
                image.load()
                assert min(image.size) > 100
                opened[image.format] += 1
    assert opened["JPEG"] > 100
    assert opened["PNG"] > 50


def test_dicom_files_open(listed):
    seen = set()
    for _, _, file in listed:
        if file and file.suffix.lower() == ".dcm" and 0 < file.stat().st_size < MB_25:
            data = pydicom.dcmread(file)
            assert data.pixel_array.shape == (data.Rows, data.Columns)
            assert data.pixel_array.max() > 100
            seen.add(data.SOPInstanceUID)
            assert data.file_meta.MediaStorageSOPInstanceUID == data.SOPInstanceUID
    assert len(seen) > 20


def check_pdf(content: bytes) -> None:
    """Follow the trailer to the cross-reference table and from there to every object."""
    assert content.startswith(b"%PDF-1.")
    assert content.endswith(b"%%EOF\n")
    table = int(re.search(rb"startxref\n(\d+)\n%%EOF\n$", content)[1])
    assert content[table:].startswith(b"xref\n0 ")
    entries = re.findall(rb"(\d{10}) 00000 n \n", content[table:])
    for number, place in enumerate(entries, start=1):
        assert content[int(place) :].startswith(b"%d 0 obj\n" % number)
    stream = re.search(rb"/Length (\d+) >>\nstream\n(.*)endstream", content, re.DOTALL)
    assert int(stream[1]) == len(stream[2])


def test_pdf_files_are_well_formed(listed):
    contents = [f.read_bytes() for _, _, f in listed if f and f.suffix.lower() == ".pdf"]
    contents = [content for content in contents if content]
    assert len(contents) > 100
    for content in contents:
        check_pdf(content)


def test_one_file_is_over_the_limit_and_takes_no_disk(listed):
    large = [file for _, _, file in listed if file and file.stat().st_size > MB_25]
    assert len(large) == 1
    status = large[0].stat()
    assert LARGE_BYTES < status.st_size < LARGE_BYTES + 4_096
    assert status.st_blocks * 512 < 1024 * 1024
    data = pydicom.dcmread(large[0])
    assert data.pixel_array.shape[0] == LARGE_FRAMES


def test_one_file_is_empty_and_the_others_are_small(listed):
    sizes = sorted(file.stat().st_size for _, _, file in listed if file)
    assert sizes[0] == 0 < sizes[1]
    assert sizes[-2] < 16_384


@pytest.mark.parametrize("kind", RENDER)
def test_a_stamp_makes_the_file_its_own(kind):
    first, again, other = (RENDER[kind](0, stamp) for stamp in ("DC1 1", "DC1 1", "DC2 1"))
    assert first == again != other
    assert RENDER[kind](1, "DC1 1") != first


def test_beyond_the_maximum_rows_share_files(tmp_path):
    made = generate(tmp_path, patients=300, most_files=25)
    files = [path for path in made.documents.rglob("*") if path.is_file()]
    assert 25 <= len(files) == made.counts["files"] <= 25 + 8
    assert made.counts["documents"] > 150
