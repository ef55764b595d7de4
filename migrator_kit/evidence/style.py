"""The one stylesheet of all evidence: notebook pages, the index, tables, findings, plots."""

from __future__ import annotations

from importlib.resources import files

INK, BLUE, GREEN, AMBER, RED, GREY = (
    "#1d2733", "#1c4e80", "#17633a", "#8a5a00", "#9b1c1c", "#5b6770",
)  # fmt: skip
"""Text and accents; each has a contrast of at least 4.5 to 1 on white."""


def _read(name: str) -> str:
    folder = files("migrator_kit.evidence").joinpath("template")
    return folder.joinpath(name).read_text(encoding="utf-8")


CSS = _read("evidence.css")
"""Styles of what a notebook shows: findings, tables, plots."""

PAGE_CSS = _read("page.css")
"""Styles of the pages around it, print included."""


_IN_NOTEBOOK = f"<style>{CSS}{_read('lab.css')}</style>"
"""JupyterLab styles every table itself, and more strongly: what it overrules is said again."""


def styled(html: str) -> str:
    """Return a fragment with the stylesheet it needs, so that it looks right anywhere."""
    return _IN_NOTEBOOK + html


def unstyled(html: str) -> str:
    """Return a fragment without the stylesheet: a page has it once, in its head."""
    return html.replace(_IN_NOTEBOOK, "")
