"""Notes, dates, numbers, phones as nobody should have written them: every transform answers."""

from __future__ import annotations

import pandas as pd
import pytest

from migrator_kit.mapping.rejects import RejectReason
from migrator_kit.mapping.transforms import REGISTRY, Locale, read_options, run
from tests.fuzz.hunting import hunt, mutated
from tests.mapping.test_transform_properties import OPTIONS

LOCALE = Locale("America/New_York", "US")
RTF = (
    b"{\\rtf1\\ansi\\ansicpg1253{\\fonttbl{\\f0 Arial;}}{\\*\\generator x;}\\f0 Tooth \\b 36\\b0"
    b"\\par \\'e1\\'e2 \\u8364? {\\pict\\pngblip 89504e47}\\tab done\\line}"
)
HTML = (
    b"<html><head><script>alert(1)</script></head><body><p>Recall &amp; <b>note</b><br>"
    b"<table><tr><td>1</td><td>2</td></tr></table><img src=x onerror=y></body></html>"
)
VALUES = {
    "notes": (RTF, HTML, "Ελληνικά κείμενα".encode(), b"M\xc3\x83\xc2\xbcller"),
    "dates": (b"1980-02-03", b"03/04/2020 10:30 PM", b"2020-01-02T03:04:05.678+02:00",
              b"29.02.1900", b"March 5, 2001", b"20200102"),
    "numbers": (b"1,234.50", b"(12.00)", b"1e3", b"EUR 12,50-", b"+0007", b"1.234.567,89"),
    "contacts": (b"+30 210 123 4567 x12", b"(212) 555-0142 / 555-0143", b"a.b@c.example; d@e.org",
                 b"http://www.x.example/a?b#c", b"C:\\docs\\x\\..\\y.jpg"),
    "names": (b"Dr. Maria van der Berg-Smith, Jr. (Mia)", b"M\xc3\xbcller GmbH", b"18-21, 36 MOD"),
}  # fmt: skip


@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", VALUES)
def test_every_transform_answers_every_text(kind: str) -> None:
    chosen = [(t, read_options(t.name, OPTIONS.get(t.name, {}), LOCALE)) for t in REGISTRY.values()]
    known = {str(reason) for reason in RejectReason}

    def attempt(data: bytes) -> None:
        column = pd.Series([data.decode("utf-8", "replace"), None], dtype="str", name="a")
        for transform, options in chosen:
            columns = [column] * (4 if transform.name == "note" else 2 if transform.many else 1)
            done, reasons = run(transform, columns, options)
            assert len(done) == len(reasons) == 2
            assert set(reasons.dropna()) <= known

    hunt(f"transforms of {kind}", attempt, mutated(*VALUES[kind]), few=3)
