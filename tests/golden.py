"""Golden files: texts that clients read, kept beside the tests and reviewed in the diff.

    MIGRATOR_GOLDEN=write .venv/bin/python -m pytest tests/compare/test_client_texts.py

writes them anew. What differs from run to run (ids, digests, times of day) is masked before.
"""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path

VARIABLE = "MIGRATOR_GOLDEN"

_MASKS = (
    (re.compile(r"\b\d{8}-\d{6}-[0-9a-f]{4}\b"), "RUN"),
    (re.compile(r"\b\d{8}-\d{9}-[0-9a-f]{8}\b"), "SNAPSHOT"),
    (re.compile(r"\b\d{18,19}\b"), "ZOHO-ID"),
    (re.compile(r"\b(?:[0-9a-f]{12}|[0-9a-f]{16}|[0-9a-f]{32}|[0-9a-f]{64})\b"), "DIGEST"),
    (re.compile(r"[\d.,]+(?= (?:seconds|hours|minutes|changes an hour)\b)"), "#"),
    (re.compile(r"http://127\.0\.0\.1:\d+"), "http://127.0.0.1:PORT"),
    (re.compile(r"\bPython \d+\.\d+\.\d+"), "Python 3"),
    (re.compile(r"[ \t]{2,}"), "  "),
    (re.compile(r"[ \t]+$", re.MULTILINE), ""),
    (re.compile(r"-{3,}"), "---"),
)


def masked(text: str, *names: str) -> str:
    """Return a text without what differs from run to run; `names` are further words to mask."""
    now = datetime.now(UTC)
    days = "|".join((now + timedelta(days=n)).strftime("%Y-%m-%d") for n in (-1, 0, 1))
    text = re.sub(rf"(?:{days})(?:[ T]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?(?:\+00:00)?", "TODAY", text)
    for name in names:
        text = text.replace(name, "NAME")
    for pattern, word in _MASKS:
        text = pattern.sub(word, text)
    return text.strip() + "\n"


def same_as_golden(path: Path, text: str) -> None:
    """Compare a masked text with its golden file, or write the file where that is asked for."""
    if os.environ.get(VARIABLE) == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return
    known = path.read_text(encoding="utf-8") if path.exists() else ""
    assert text == known, f"{path.name} reads otherwise: {VARIABLE}=write keeps what it says now"


def shortened(page: str, rows: int = 5) -> str:
    """Return a page whose tables end after some rows, and say how many more there were."""

    def cut(body: re.Match[str]) -> str:
        found = re.findall(r"(?s)<tr\b.*?</tr>", body[0])
        more = len(found) - rows
        told = f"<tr><td>({more} more rows)</td></tr>" if more > 0 else ""
        return f"<tbody>{''.join(found[:rows])}{told}</tbody>"

    return re.sub(r"(?s)<tbody\b.*?</tbody>", cut, page)


def text_of(page: str) -> str:
    """Return markup as text: cells of a row on one line, blocks under one another."""
    page = re.sub(r"(?s)<(style|svg|head)\b.*?</\1>", "", page)
    page = re.sub(r"</(?:dt|summary)>", " ", page)
    page = re.sub(r"</t[dh]>\s*(?=<t[dh])", "  ", page)
    page = re.sub(r"</?(?:p|div|tr|h[1-6]|li|table|dl|ol|ul|nav|header|footer)\b[^>]*>", "\n", page)
    lines = (line.strip() for line in unescape(re.sub(r"<[^>]+>", "", page)).splitlines())
    return "\n".join(line for line in lines if line)
