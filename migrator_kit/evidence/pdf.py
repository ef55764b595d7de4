"""Pages as PDF, printed by an installed Chromium. The same page gives the same bytes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from migrator_kit.errors import EvidenceError

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
_SECONDS = 120
_DATES = re.compile(rb"/(CreationDate|ModDate) \(D:[^)]*\)")
_NODE = re.compile(rb"(?<=\()node\d+(?=\))")
_LINKS = re.compile(r'<a href="(?!#)[^"]*"')
_SWITCHES = (
    "--headless", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-extensions",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-pdf-header-footer",
)  # fmt: skip


def browser() -> str | None:
    """Return the path of a Chromium on this machine, or None."""
    return next((found for name in BROWSERS if (found := shutil.which(name))), None)


def print_pdf(page: Path, pdf: Path) -> Path:
    """Print a page that stands alone. Raises EvidenceError where no browser does it."""
    program = browser()
    if program is None:
        raise EvidenceError(
            "There is no Chromium to print pages with.", hint="On Debian: apt install chromium"
        )
    with tempfile.TemporaryDirectory() as work:
        # A browser writes links as paths of this machine; on paper they lead nowhere anyway.
        unlinked = Path(work) / page.name
        unlinked.write_text(_LINKS.sub("<a", page.read_text(encoding="utf-8")), encoding="utf-8")
        command = [program, *_SWITCHES, f"--user-data-dir={work}/profile", f"--print-to-pdf={pdf}"]
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            command.append("--no-sandbox")
        command.append(unlinked.as_uri())
        try:
            done = subprocess.run(  # noqa: S603 (a browser of this machine, a page of ours)
                command, capture_output=True, timeout=_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            done = None
    if done is None or done.returncode or not pdf.is_file():
        raise EvidenceError(
            f"{page.name} could not be printed as PDF.",
            hint="Pack without PDF: migrator pack DIR --no-pdf",
        )
    pdf.write_bytes(_renumbered(_DATES.sub(_blank_date, pdf.read_bytes())))
    return pdf


def _renumbered(content: bytes) -> bytes:
    """Return a document whose nodes are numbered in their order, with numbers as long as before.

    The browser numbers them as they come to be, which differs from one printing to the next.
    """
    order = {node: n for n, node in enumerate(dict.fromkeys(_NODE.findall(content)), 1)}
    return _NODE.sub(lambda found: b"node%0*d" % (len(found[0]) - 4, order[found[0]]), content)


def _blank_date(found: re.Match[bytes]) -> bytes:
    """Return a fixed date of the same length: offsets in the file stay true."""
    start = b"/" + found[1] + b" (D:"
    digits = len(found[0]) - len(start) - 1
    return start + b"19800101000000+00'00'"[:digits].ljust(digits, b"0") + b")"
