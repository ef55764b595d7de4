"""Real small files: X-ray-like images, photos, letters and DICOM objects.

A few variants of each kind are rendered once; a document takes one of them and a stamp with its own
key, so that every file has its own bytes and opens in any viewer.
"""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

VARIANTS = 8
LARGE_FRAMES, LARGE_SIDE = 104, 512
LARGE_BYTES = LARGE_FRAMES * LARGE_SIDE * LARGE_SIDE
"""Pixels of the file over the size limit: 26 MiB."""

_INTRA_ORAL_XRAY = UID("1.2.840.10008.5.1.4.1.1.1.3")
_IMPLEMENTATION = UID("2.25.236180415982153")


@cache
def _radiograph(variant: int) -> Image.Image:
    """Draw teeth with roots and crowns on bone, grey as in a radiograph."""
    rng = np.random.default_rng(1_000 + variant)
    image = Image.new("L", (168, 126), 38)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 62, 168, 126), fill=84)
    for tooth in range(4):
        left = 6 + tooth * 40 + int(rng.integers(-3, 4))
        bright = int(rng.integers(150, 190))
        for root in (4, 18):
            tip = 112 + int(rng.integers(-8, 9))
            draw.polygon([(left + root, 55), (left + root + 11, 55), (left + root + 5, tip)],
                         fill=bright - 20)  # fmt: skip
        draw.rounded_rectangle((left, 26, left + 33, 62), 9, fill=bright)
        draw.ellipse((left + 12, 36, left + 21, 58), fill=bright - 60)
        if rng.random() < 0.5:
            draw.ellipse((left + 8, 26, left + 24, 38), fill=250)
    return image.filter(ImageFilter.GaussianBlur(1.6))


@cache
def _photo(variant: int) -> Image.Image:
    """Draw an arch of teeth on gums, in colour."""
    rng = np.random.default_rng(2_000 + variant)
    image = Image.new("RGB", (160, 108), (176, 84, 88))
    draw = ImageDraw.Draw(image)
    for tooth in range(8):
        left, drop = 6 + tooth * 19, abs(tooth - 3.5) * 4
        shade = int(rng.integers(205, 245))
        box = (left, 30 + drop, left + 17, 74 + drop)
        draw.rounded_rectangle(box, 6, fill=(shade, shade - 6, shade - 28))
    return image.filter(ImageFilter.GaussianBlur(0.8))


@cache
def _encoded(kind: str, variant: int) -> bytes:
    buffer = io.BytesIO()
    if kind == "png":
        _photo(variant).quantize(32).save(buffer, "PNG", optimize=True)
    else:
        _radiograph(variant).save(buffer, "JPEG", quality=72)
    return buffer.getvalue()


def png(variant: int, stamp: str) -> bytes:
    """Return a photo with the stamp in a text chunk behind the header."""
    data = _encoded("png", variant)
    chunk = b"tEXtComment\x00" + stamp.encode("latin-1")
    stamped = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    header = 33  # signature and IHDR
    return data[:header] + stamped + data[header:]


def jpeg(variant: int, stamp: str) -> bytes:
    """Return a radiograph with the stamp in a comment segment behind the start marker."""
    data = _encoded("jpg", variant)
    comment = stamp.encode("latin-1")
    return data[:2] + b"\xff\xfe" + struct.pack(">H", len(comment) + 2) + comment + data[2:]


_LETTERS = (
    ("Referral", "Please see the patient for an opinion on the impacted lower wisdom teeth."),
    ("Report", "The root canal treatment was completed without complication."),
    ("Consent to treatment", "I was told about the risks and agree to the treatment."),
    ("Invoice", "Treatment as per plan. Payable within 30 days."),
    ("Statement", "The balance below includes what your carrier has paid so far."),
    ("Privacy notice", "We keep your records for ten years and share them with nobody."),
    ("Estimate", "The estimate is valid for 90 days; your carrier may pay less."),
    ("Recall", "Your last check-up was six months ago. Please call us for a time."),
)


def pdf(variant: int, stamp: str) -> bytes:
    """Return a one-page letter with the stamp as its last line."""
    title, body = _LETTERS[variant % len(_LETTERS)]
    drawn = (
        f"BT /F1 16 Tf 72 720 Td ({title}) Tj ET\n"
        f"BT /F1 10 Tf 72 690 Td ({body}) Tj 0 -40 Td (Document {stamp}) Tj ET\n"
    ).encode("latin-1")
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R "
        b"/Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%sendstream" % (len(drawn), drawn),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    )
    out = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    places = []
    for number, content in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer\n<< /Size %d /Root 1 0 R >>\n" % (len(objects) + 1)
    out += b"startxref\n%d\n%%%%EOF\n" % table
    return bytes(out)


def _uid(*parts: str) -> UID:
    digest = hashlib.sha256("|".join(parts).encode()).digest()
    return UID(f"2.25.{int.from_bytes(digest[:12], 'big')}")


def _dicom_header(stamp: str, rows: int, columns: int) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = _INTRA_ORAL_XRAY
    meta.MediaStorageSOPInstanceUID = _uid("instance", stamp)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = _IMPLEMENTATION
    data = FileDataset("", Dataset(), file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID = _INTRA_ORAL_XRAY
    data.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    data.StudyInstanceUID = _uid("study", stamp)
    data.SeriesInstanceUID = _uid("series", stamp)
    data.Modality = "IO"
    data.PatientName = ""
    data.PatientID = ""
    data.ImageComments = stamp
    data.Rows, data.Columns = rows, columns
    data.SamplesPerPixel = 1
    data.PhotometricInterpretation = "MONOCHROME2"
    data.BitsAllocated = data.BitsStored = 8
    data.HighBit = 7
    data.PixelRepresentation = 0
    return data


def _saved(data: FileDataset) -> bytes:
    buffer = io.BytesIO()
    data.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def dicom(variant: int, stamp: str) -> bytes:
    """Return a DICOM object of a small radiograph; the stamp is its comment."""
    image = _radiograph(variant).resize((84, 62))
    data = _dicom_header(stamp, image.height, image.width)
    data.PixelData = image.tobytes()
    return _saved(data)


def write_large_dicom(path: Path, stamp: str) -> None:
    """Write a valid DICOM volume over 25 MB that takes next to no disk: its pixels are a hole."""
    data = _dicom_header(stamp, LARGE_SIDE, LARGE_SIDE)
    data.NumberOfFrames = LARGE_FRAMES
    data.PixelData = b""
    header = _saved(data)
    # Pixel data is the last element and its length the last four bytes of an empty one.
    path.write_bytes(header[:-4] + struct.pack("<I", LARGE_BYTES))
    with path.open("r+b") as file:
        file.truncate(len(header) + LARGE_BYTES)


RENDER: dict[str, Callable[[int, str], bytes]] = {
    "jpg": jpeg,
    "png": png,
    "pdf": pdf,
    "dcm": dicom,
}
