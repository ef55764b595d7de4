"""Phone numbers and e-mail addresses: each its own, until dirt makes it otherwise."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from migrator_kit.sample.columns import Column, Floats, Rows, joined, keep, padded, text, values
from migrator_kit.sample.dirt import Dirt
from migrator_kit.sample.draw import DirtDraw
from migrator_kit.sample.people import Identities, ascii_name

# Area codes of the United States. The exchange is 555 throughout, which reaches no household.
_AREA_CODES = (
    "201 202 203 205 206 207 208 209 210 212 213 214 215 216 217 218 219 224 225 228 229 231 234 "
    "239 240 248 251 252 253 254 256 260 262 267 269 270 276 281 301 302 303 304 305 307 308 309 "
    "310 312 313 314 315 316 317 318 319 320 321 323 325 330 331 334 336 337 339 347 351 352 360 "
    "361 386 401 402 404 405 406 407 408 409 410 412 413 414 415 417 419 423 424 425 430 432 434 "
    "435 440 443 469 470 475 478 479 480 484 501 502 503 504 505 507 508 509 510 512 513 515 516 "
    "517 518 520 530 540 541 551 559 561 562 563 567 570 571 573 574 575 580 585 586 601 602 603 "
    "605 606 607 608 609 610 612 614 615 616 617 618 619 620 623 626 630 631 636 641 646 650 651 "
    "660 661 662 678 682 701 702 703 704 706 707 708 712 713 714 715 716 717 718 719 720 724 727 "
    "731 732 734 740 754 757 760 763 765 770 772 773 774 775 781 785 786 801 802 803"
)
_AREAS = np.array(_AREA_CODES.split())
_LINES = 10_000
_STRIDE = 1_234_567  # has no factor in common with the number of phone numbers

_STYLES = (("(", ") 555-"), ("", "-555-"), ("", ".555."), ("", "555"), ("+1 ", " 555 "))
_ABROAD = {
    "Greece": ("+30 69", 10_000_000, 89_999_999),
    "Spain": ("+34 6", 10_000_000, 89_999_999),
    "Germany": ("+49 171 ", 3_000_000, 8_999_999),
}

_DOMAINS = ("example.com", "example.net", "example.org", "mail.example.com", "post.example.net")

_NOT_GIVEN = ("n/a", "N/A", "none", "-", "unknown", "refused")
_REMARKS = (" (work)", " call after 5pm", " MOTHER")
_SECOND = ("; office@example.com", ", office@example.com", " or home@example.net")
_LONG_DOMAIN = "@" + "north-eastern-regional-office." * 4
_NO_ADDRESS = (
    *("none", "declined", "no email", "n/a", "@", "jane.doe@", "@example.com", "jane@@example.com"),
    *("jane doe@example.com", "jane@example,com", "jane.example.com", "jane@example", "x@.com"),
)


def phone_numbers(
    rng: np.random.Generator, people: Identities, ordinals: Rows, line: int
) -> Column:
    """Return one number for each patient, written in the styles practices use.

    `line` is 0 or 1: a patient's second phone. No number repeats below a million patients.
    """
    space = len(_AREAS) * _LINES
    place = (2 * ordinals + line) * _STRIDE % space
    area = _AREAS[place // _LINES].astype(np.object_)
    tail = padded(place % _LINES, 4)
    style = rng.integers(0, len(_STYLES), len(ordinals))
    before, middle = (values([pair[k] for pair in _STYLES])[style] for k in range(2))
    numbers = joined(before, area, middle, tail)
    for country, (prefix, low, high) in _ABROAD.items():
        rows = np.flatnonzero(people.country == country)
        numbers[rows] = joined(prefix, text(rng.integers(low, high, len(rows))))
    return numbers


def email_addresses(rng: np.random.Generator, people: Identities, ordinals: Rows) -> Column:
    """Return one address for each patient; the patient's number keeps namesakes apart."""
    first, last = _spelled(people.first), _spelled(people.last)
    style = rng.integers(0, 3, len(ordinals))
    initial = first.astype("U1").astype(np.object_)
    given = np.select([style == 0, style == 1], [first, initial], default="").astype(np.object_)
    dot = np.where(style == 2, "", ".").astype(np.object_)
    domain = values(_DOMAINS)[rng.integers(0, len(_DOMAINS), len(ordinals))]
    return joined(given, dot, last, text(ordinals + 1), "@", domain)


def _spelled(names: Column) -> Column:
    distinct, places = np.unique(names.astype(np.str_), return_inverse=True)
    return values([ascii_name(name) for name in distinct.tolist()])[places]


def dirty_phones(rng: np.random.Generator, draw: DirtDraw, phones: Column) -> None:
    """Put in what people type into a phone field, in place."""
    given = np.flatnonzero(phones != None)  # noqa: E711  (compared row by row)
    changes: dict[Dirt, Callable[[str, float], str]] = {
        Dirt.PHONE_NOT_GIVEN: lambda _, u: _NOT_GIVEN[int(u * len(_NOT_GIVEN))],
        Dirt.PHONE_TOO_SHORT: lambda phone, u: phone[-4 - int(u * 4) :],
        Dirt.PHONE_TWO_NUMBERS: lambda phone, u: f"{phone} / 212-555-{int(u * 9_000) + 1_000}",
        Dirt.PHONE_EXTENSION: lambda phone, u: f"{phone} ext. {int(u * 400) + 10}",
        Dirt.PHONE_REMARK: lambda phone, u: phone + _REMARKS[int(u * len(_REMARKS))],
        Dirt.PHONE_ZEROS: lambda _, u: ("000-000-0000", "0000000000", "(999) 999-9999")[int(u * 3)],
    }  # fmt: skip
    _change(rng, phones, draw.rows(rng, given, *changes), changes)


def dirty_emails(rng: np.random.Generator, draw: DirtDraw, emails: Column, own: Rows) -> None:
    """Put in what people type into an e-mail field, in place. `own` are the rows it may hit."""
    changes: dict[Dirt, Callable[[str, float], str]] = {
        Dirt.EMAIL_TOO_LONG: lambda email, _: email.replace("@", _LONG_DOMAIN),
        Dirt.EMAIL_TWO: lambda email, u: email + _SECOND[int(u * len(_SECOND))],
        Dirt.EMAIL_INVALID: lambda _, u: _NO_ADDRESS[int(u * len(_NO_ADDRESS))],
        Dirt.EMAIL_UNTRIMMED: lambda mail, u: (f" {mail}", f"{mail} ", mail.upper())[int(u * 3)],
    }  # fmt: skip
    _change(rng, emails, draw.rows(rng, own, *changes), changes)


def _change(
    rng: np.random.Generator,
    column: Column,
    drawn: dict[Dirt, Rows],
    changes: dict[Dirt, Callable[[str, float], str]],
) -> None:
    for kind, rows in drawn.items():
        chances: Floats = rng.random(len(rows))
        column[rows] = values(
            [changes[kind](old, u) for old, u in zip(column[rows], chances, strict=True)]
        )


def some(rng: np.random.Generator, column: Column, share: float, always: Rows) -> Column:
    """Return the column with only a share of its values, and those of the rows in `always`."""
    kept = rng.random(len(column)) < share
    kept[always] = True
    return keep(column, kept)
