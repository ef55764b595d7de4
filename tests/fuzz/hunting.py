"""Looking for inputs that break a reader: only the project's own errors may come out of it.

In `make test` each reader gets a few fixed inputs. `make fuzz` (MIGRATOR_FUZZ_SECONDS for each
reader) goes on with fresh ones until the time is over, gathers every distinct crash instead of
stopping at the first, and prints how many inputs were tried.
"""

from __future__ import annotations

import io
import os
import signal
import time
import traceback
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from migrator_kit.errors import MigratorError

SECONDS = float(os.environ.get("MIGRATOR_FUZZ_SECONDS", "0"))
FEW = 12
ROUND = 200
HANG = 30
"""Seconds of processor time that one input may take."""

_KINDS = ("replace", "insert", "delete", "repeat", "cut", "swap")
_SPICE = (
    b"", b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\r", b"\n", b"\r\n", b"\t", b'"', b"'", b"\\",
    b",", b";", b"|", b"`", b"(", b")", b"{", b"}", b"[", b"]", b":", b"-", b"--", b"/*", b"*/",
    b"#", b"&a", b"*a", b"!!python/object/apply:os.system", b"<<", b"../", b"..\\", b"/etc/x",
    b"=1+1", b"NULL", b"null", b"true", b"NaN", b"Infinity", b"1e999", b"-0", b"9" * 40,
    b"2024-02-30", b"0000-00-00", b"+30 210", b"a@b.c", "Ω".encode(), "İ".encode(),
    "\u202e".encode(), "😀".encode(), b"\xc3", b"\xed\xa0\x80", b"A" * 3000, b"(" * 500,
    b"[" * 2000, b"%", b"$", b"@", b"\x1b", b"\x1a",
)  # fmt: skip


class Hang(Exception):
    """An input that takes more processor time than any real one."""


def mutated(*originals: bytes, words: Sequence[bytes] = ()) -> st.SearchStrategy[bytes]:
    """Return files near the originals: pieces replaced, put in, taken out, repeated, cut off."""
    edit = st.tuples(
        st.sampled_from(_KINDS),
        st.integers(0, 1 << 20),
        st.integers(0, 60),
        st.sampled_from((*_SPICE, *words)) | st.binary(max_size=6),
    )
    return st.builds(_edited, st.sampled_from(originals), st.lists(edit, max_size=5))


def mutated_zip(original: bytes, *others: bytes) -> st.SearchStrategy[bytes]:
    """Return archives near the original: the bytes of the zip, or those of a file inside."""
    names = zipfile.ZipFile(io.BytesIO(original)).namelist()
    inside = st.builds(
        lambda name, content: _with_file(original, name, content),
        st.sampled_from([*names, "../outside.csv", "/outside.csv", "a" * 300]),
        mutated(*(read_entry(original, name)[:4000] for name in names), *others),
    )
    return mutated(original) | inside


def read_entry(archive: bytes, name: str) -> bytes:
    """Return one file of an archive."""
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return opened.read(name)


def hunt(
    reader: str,
    attempt: Callable[[Any], object],
    inputs: st.SearchStrategy[Any],
    *,
    allowed: tuple[type[Exception], ...] = (),
    few: int = FEW,
    outside: Path | None = None,
) -> None:
    """Give `attempt` inputs, and fail with every distinct error that is none of the project's.

    `outside` is a folder in which nothing new may appear.
    """
    before = listing(outside)
    tried, crashes = 0, dict[str, tuple[str, str]]()

    def once(data: Any) -> None:
        nonlocal tried
        tried += 1
        try:
            with limited():
                attempt(data)
        except (MigratorError, *allowed):
            return
        except Exception as error:  # noqa: BLE001 (the hunt is for whatever comes)
            crashes.setdefault(_where(error), (repr(data)[:600], traceback.format_exc(limit=-6)))

    began, number = time.monotonic(), 0
    while number == 0 or time.monotonic() - began < SECONDS:
        _round(once, inputs, number, ROUND if SECONDS else few)
        number += 1
    print(f"\nfuzz {reader}: {tried:,} inputs, {len(crashes)} crashes")
    assert not crashes, "\n\n".join(f"{place}\n{shown}\n{trace}"
                                    for place, (shown, trace) in crashes.items())  # fmt: skip
    assert listing(outside) == before, "a file was written where none belongs"


def listing(folder: Path | None) -> set[str]:
    """Return every path below a folder."""
    return set() if folder is None else {str(path) for path in folder.rglob("*")}


def _round(once: Callable[[Any], None], inputs: Any, number: int, examples: int) -> None:
    run = given(inputs)(once)
    run = settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )(seed(number)(run))
    run()


def _edited(original: bytes, edits: list[tuple[str, int, int, bytes]]) -> bytes:
    data = bytearray(original)
    for kind, place, length, word in edits:
        at = place % (len(data) + 1)
        piece = bytes(data[at : at + length])
        match kind:
            case "replace":
                data[at : at + length] = word
            case "insert":
                data[at:at] = word
            case "delete":
                del data[at : at + length]
            case "repeat":
                data[at:at] = piece * 3
            case "cut":
                del data[at:]
            case "swap":
                data[at : at + length] = piece[::-1]
    return bytes(data)


def _with_file(archive: bytes, name: str, content: bytes) -> bytes:
    written = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(archive)) as old,
        zipfile.ZipFile(written, "w") as new,
    ):
        new.comment = old.comment
        for entry in old.namelist():
            if entry != name:
                new.writestr(entry, old.read(entry))
        new.writestr(name, content)
    return written.getvalue()


def _where(error: BaseException) -> str:
    """Return what names a crash: its kind, and the last lines of the package it went through."""
    frames = [
        f"{Path(frame.filename).name}:{frame.lineno}"
        for frame in traceback.extract_tb(error.__traceback__)
        if "migrator_kit" in frame.filename
    ]
    return f"{type(error).__name__} at {' < '.join(reversed(frames[-2:])) or 'outside'}"


@contextmanager
def limited() -> Iterator[None]:
    """Raise Hang where the block takes too much processor time, however loaded the machine is."""

    def stop(_number: int, _frame: object) -> None:
        raise Hang(f"more than {HANG} seconds")

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, HANG)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
