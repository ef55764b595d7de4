"""What can be said of the dependencies without a network: pins, licences, what is installed.

No advisory database is reachable here: known weaknesses are looked for with `pip-audit` where
there is a network (docs/security.md).
"""

from __future__ import annotations

import re
from collections import Counter
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
_ENTRY = re.compile(r"^([\w.-]+)==(\S+)(?: ; (.*?))? \\$", re.M)
_FITS = {
    "MIT": r"\bmit\b|\bexpat\b|\bmit-cmu\b|\bhpnd\b|\bcnri\b",
    "BSD": r"\bbsd|\b0bsd\b",
    "Apache": r"apache",
    "PSF": r"psf|python software foundation|python-2\.0",
    "ISC": r"\bisc\b",
    "MPL": r"mpl|mozilla",
    "ZPL": r"\bzpl|zope",
    "Unlicense": r"unlicense|public domain|cc0|0bsd|wtfpl",
    "LGPL": r"lgpl|lesser general public",
}
"""Licences that a program under Apache-2.0 may depend on; LGPL as a library of its own only."""

_READ_BY_HAND = {
    "pyrage": "MIT",  # named in its licence file alone
    "zohocrmsdk8-0": "Apache",  # its licence stands in the file alone; used by tests only
}


def locked() -> dict[str, str]:
    """Return the pinned packages for this Python, by canonical name."""
    text = (ROOT / "requirements.lock").read_text("utf-8")
    return {
        canonicalize_name(name): version
        for name, version, marker in _ENTRY.findall(text)
        if not marker or Marker(marker).evaluate()
    }


def test_what_is_installed_is_what_is_pinned() -> None:
    wrong = {
        name: (version, distribution(name).version)
        for name, version in locked().items()
        if distribution(name).version != version
    }
    assert wrong == {}, "run `make setup`"


def test_every_licence_goes_with_ours() -> None:
    found = {name: licence_of(distribution(name)) for name in locked()}
    counts = Counter(kind for kind in found.values() if kind)
    print("\nLicences:", ", ".join(f"{kind} {count}" for kind, count in counts.most_common()))
    assert sorted(name for name, kind in found.items() if kind is None) == []


def licence_of(package: Distribution) -> str | None:
    """Return which of the admitted licences a package names, or None."""
    name = canonicalize_name(package.metadata["Name"])
    if name in _READ_BY_HAND:
        return _READ_BY_HAND[name]
    told = [
        *(package.metadata.get_all("License-Expression") or []),
        *(c for c in package.metadata.get_all("Classifier") or [] if c.startswith("License")),
        *((package.metadata.get_all("License") or [""])[0].splitlines()[:3]),
    ]
    text = " ".join(told).lower()
    return next((kind for kind, pattern in _FITS.items() if re.search(pattern, text)), None)


@pytest.mark.parametrize("name", ["pandas", "jupyterlab", "pydantic"])
def test_the_licence_of_a_known_package_is_read(name: str) -> None:
    assert licence_of(distribution(name)) in ("BSD", "MIT")
