"""The frame of every page: head with client, title, run and date; contents; body; foot.

A page is one file that shows itself without a network, a script or any other file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from html.parser import HTMLParser

from migrator_kit.errors import EvidenceError
from migrator_kit.evidence.style import CSS, PAGE_CSS

CONTENTS_FROM = 4
"""A page with fewer headings needs no list of them."""


_DELTA = "<div><dt>Delta</dt><dd>what changed since the load before</dd></div>"


@dataclass(frozen=True, slots=True)
class PageHead:
    """What stands at the top of a page. `made` is the date as it is to be read."""

    client: str
    title: str
    run_id: str
    made: str
    language: str = "en"
    revealed: bool = False
    """Patient data is shown readably, on request."""
    stopped: bool = False
    """The run of this page ended before its last step."""
    made_from: str = "Run"
    """What `run_id` is the name of, as it stands before it."""
    delta: bool = False
    """The page is about what changed since an earlier load."""


def render_page(head: PageHead, body: str) -> str:
    """Return a whole page. Raises EvidenceError where it would not stand alone."""
    client, title = escape(head.client), escape(head.title)
    body, parts = _numbered(body)
    made_from = escape(head.made_from[:1].lower() + head.made_from[1:])
    page = f"""<!DOCTYPE html>
<html lang="{escape(head.language)}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{title} · {client}</title>
<style>{CSS}</style>
<style>{PAGE_CSS}</style>
</head>
<body>
<div class="page">
<header class="page-head">
<p class="client">{client}</p>
<h1>{title}</h1>
<dl><div><dt>{escape(head.made_from)}</dt><dd>{escape(head.run_id)}</dd></div>
<div><dt>Date</dt><dd>{escape(head.made)}</dd></div>{_DELTA if head.delta else ""}</dl>
{_warnings(head)}</header>
{_contents(parts)}<main>
{body}
</main>
<footer class="page-foot">{client} · {title} · {made_from} {escape(head.run_id)}</footer>
</div>
</body>
</html>
"""
    check_self_contained(page, head.title)
    return page


def date_of_run(run_id: str) -> str:
    """Return when a run began, as its id tells."""
    found = _RUN_TIME.match(run_id)
    if not found:
        return "not noted"
    moment = datetime.strptime("".join(found.groups()), "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    return moment.strftime("%Y-%m-%d %H:%M UTC")


_RUN_TIME = re.compile(r"^(\d{8})-(\d{6})")


def _warnings(head: PageHead) -> str:
    told = []
    if head.stopped:
        told.append("This run stopped before its end. What follows the last result was not done.")
    if head.revealed:
        told.append("Patient data is shown readably here, as was asked for.")
    return "".join(f'<div class="finding problem"><p>{text}</p></div>\n' for text in told)


_HEADING = re.compile(r"<h2(?P<attributes>[^>]*)>(?P<text>.*?)</h2>", re.DOTALL)
_TAG = re.compile(r"<[^>]+>")


def _numbered(body: str) -> tuple[str, list[tuple[str, str]]]:
    """Return a body whose second headings have ids, and these ids with the headings' text."""
    found: list[tuple[str, str]] = []

    def with_id(heading: re.Match[str]) -> str:
        target = f"part-{len(found) + 1}"
        found.append((target, _TAG.sub("", heading["text"]).strip()))
        return f'<h2 id="{target}">{heading["text"]}</h2>'

    return _HEADING.sub(with_id, body), found


def _contents(found: list[tuple[str, str]]) -> str:
    if len(found) < CONTENTS_FROM:
        return ""
    items = "".join(f'<li><a href="#{target}">{text}</a></li>' for target, text in found)
    return f'<nav class="contents" aria-label="Contents"><p>Contents</p><ol>{items}</ol></nav>\n'


def check_self_contained(page: str, name: str) -> None:
    """Raise EvidenceError where a page would run code or names something to be fetched."""
    checker = _Checker()
    checker.feed(page)
    checker.close()
    if checker.found:
        line, what = checker.found[0]
        raise EvidenceError(
            f"The page {name!r} {what} (line {line}).",
            hint="Everything a page shows must be inside it: text, tables, plots as SVG.",
        )


_ACTIVE = frozenset({
    "script", "iframe", "frame", "object", "embed", "applet", "link", "base", "form", "portal",
})  # fmt: skip
_FETCHED = frozenset({
    "src", "srcset", "href", "xlink:href", "action", "formaction", "poster", "background", "data",
    "ping", "manifest",
})  # fmt: skip
_FETCHED_BY_CSS = re.compile(r"@import|url\(\s*['\"]?(?!data:|#)|\bimage-set\(", re.IGNORECASE)
_SCHEME = re.compile(r"^\s*(?:[a-z][a-z0-9+.-]*:|//|\\)", re.IGNORECASE)


class _Checker(HTMLParser):
    """Walks a page and notes what would run or be fetched, with its line."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[int, str]] = []
        self._in_style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_style = tag == "style"
        if tag in _ACTIVE:
            self._note(f"holds a <{tag}> element")
        for what in _active_attributes(tag, dict(attrs)):
            self._note(what)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self._in_style = False

    def handle_endtag(self, tag: str) -> None:
        if tag == "style":
            self._in_style = False

    def handle_data(self, data: str) -> None:
        if self._in_style and _FETCHED_BY_CSS.search(data):
            self._note("has a style that fetches something")

    def _note(self, what: str) -> None:
        self.found.append((self.getpos()[0], what))


def _active_attributes(tag: str, attributes: dict[str, str | None]) -> Iterator[str]:
    """Yield what is wrong with the attributes of one element."""
    for name, value in attributes.items():
        text = value or ""
        if name.startswith("on"):
            yield f"has a handler {name} on <{tag}>"
        elif name == "style" and _FETCHED_BY_CSS.search(text):
            yield f"has a style on <{tag}> that fetches something"
        elif name == "http-equiv" and text.lower() == "refresh":
            yield "would load another page by itself"
        elif name in _FETCHED and not _stays_inside(tag, name, text):
            yield f"names something outside of itself in <{tag} {name}>"


def _stays_inside(tag: str, name: str, value: str) -> bool:
    """Return whether a reference is in the page, or a link to a file beside it."""
    if value.lstrip().lower().startswith("data:image/"):
        return True
    if tag == "a" and name == "href":
        return not _SCHEME.match(value)
    return value.startswith("#")
