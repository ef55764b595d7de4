"""Random sequences of operations leave the same records, whoever carries them out.

The vendor's SDK works on one fresh org, our client on another. Each operation must end alike, and
what the two APIs read back at the end must be the same, ids and the system's times left out.
"""

from __future__ import annotations

import string
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

pytest.importorskip("zohocrmsdk", reason="the vendor's SDK is a test dependency (extra dev)")

from migrator_kit.zoho import FieldSpec, ZohoClient, ZohoSettings
from tests.zoho.two_clients import KEY, ClientHand, Hand, Link, Outcome, Pick, SdkHand

KEYED = ("Accounts", "Contacts", "Deals")
SYSTEM = {
    "Created_Time", "Modified_Time", "Last_Activity_Time", "Closed_Time", "$download_url",
}  # fmt: skip
Row = dict[str, Any]

letters = string.ascii_letters + string.digits + "äßέλ漢😀'\"\\<&>%,;-_ "
words = st.text(letters, min_size=1, max_size=12).map(lambda text: f"x{text}x")
texts = st.none() | st.text(letters + "\n\t", max_size=40).map(lambda text: f"x{text}x")
days = st.none() | st.dates(date(1900, 1, 1), date(2100, 1, 1))
moments = st.datetimes(datetime(2000, 1, 1), datetime(2040, 1, 1)).map(
    lambda moment: moment.replace(microsecond=0, tzinfo=UTC)
)
amounts = st.none() | st.integers(0, 10**9).map(lambda cents: cents / 100)
DEAL = {"Stage": Pick("Qualification"), "Pipeline": Pick("Standard (Standard)")}
MANDATORY: dict[str, st.SearchStrategy[Row]] = {
    "Accounts": st.fixed_dictionaries({"Account_Name": words}),
    "Contacts": st.fixed_dictionaries({"Last_Name": words}),
    "Deals": st.fixed_dictionaries({"Deal_Name": words}).map(lambda row: {**DEAL, **row}),
    "Tasks": st.fixed_dictionaries({"Subject": words}),
    "Events": st.builds(
        lambda title, start, minutes: {
            "Event_Title": title,
            "Start_DateTime": start,
            "End_DateTime": start + timedelta(minutes=minutes),
        },
        words,
        moments,
        st.integers(0, 600),
    ),
}
OPTIONAL: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "Accounts": {"Annual_Revenue": amounts, "Description": texts},
    "Contacts": {
        "First_Name": words, "Date_of_Birth": days, "Email_Opt_Out": st.booleans(),
        "Lead_Source": st.sampled_from([Pick("Advertisement"), Pick("New in the list")]),
        "Description": texts,
    },
    "Deals": {"Amount": amounts, "Closing_Date": days, "Description": texts},
    "Tasks": {"Due_Date": days, "Status": st.just(Pick("Completed")), "Description": texts},
    "Events": {"Venue": words, "Description": texts},
}  # fmt: skip


def optional(module: str) -> st.SearchStrategy[Row]:
    return st.fixed_dictionaries({}, optional=OPTIONAL[module])


def rows(module: str) -> st.SearchStrategy[Row]:
    return st.builds(lambda one, more: {**more, **one}, MANDATORY[module], optional(module))


def with_row(kind: str, modules: tuple[str, ...]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.sampled_from(modules).flatmap(
        lambda module: st.tuples(st.just(kind), st.just(module), rows(module), st.integers(0, 2))
    )


changes = {module: optional(module) | MANDATORY[module] for module in MANDATORY}
some = st.integers(0, 9)
LINKS = (
    ("Contacts", "Account_Name", "Accounts"),
    ("Contacts", "Reporting_To", "Contacts"),
    ("Deals", "Contact_Name", "Contacts"),
    ("Deals", "Account_Name", "Accounts"),
    ("Tasks", "Who_Id", "Contacts"),
)
OPERATIONS = st.one_of(
    with_row("insert", tuple(MANDATORY)),
    with_row("upsert", KEYED),
    st.tuples(st.just("update"), some, st.fixed_dictionaries(changes)),
    st.tuples(st.just("link"), st.sampled_from(LINKS), some, some),
    st.tuples(st.just("delete"), some),
    st.tuples(st.just("note"), some, words, words),
    st.tuples(st.just("change_note"), some, words),
    st.tuples(st.just("delete_note"), some),
    st.tuples(st.just("attach"), some, st.binary(min_size=1, max_size=20)),
    st.tuples(st.just("detach"), some),
)
# One record of each module, a note and a file, for the operations to work on.
STARTS = st.tuples(
    *(st.tuples(st.just("insert"), st.just(module), rows(module), some) for module in MANDATORY),
    st.tuples(st.just("note"), some, words, words),
    st.tuples(st.just("attach"), some, st.binary(min_size=1, max_size=20)),
)


class Run:
    """One sequence, through one hand, on one org."""

    def __init__(
        self, hand: Hand, session: requests.Session, url: str, name: str, folder: Path
    ) -> None:
        self._hand, self._session, self._url, self._name = hand, session, url, name
        self._folder = folder
        self._records: dict[str, str] = {}
        self._notes: list[str] = []
        self._files: list[tuple[str, str, str]] = []

    def carry_out(self, operation: tuple[Any, ...]) -> tuple[str, int | None]:
        """How an operation ended: its code, and which record it made or met."""
        kind, *rest = operation
        outcome: Outcome = getattr(self, f"_{kind}")(*rest)
        return outcome.code, self._place(outcome.id)

    def _place(self, number: str | None) -> int | None:
        return list(self._records).index(number) if number in self._records else None

    def _chosen(self, index: int, *modules: str) -> tuple[str, str]:
        known = [
            (module, number)
            for number, module in self._records.items()
            if not modules or module in modules
        ]
        return known[index % len(known)]

    def _made(self, module: str, outcome: Outcome) -> Outcome:
        if outcome.id:
            self._records.setdefault(outcome.id, module)
        return outcome

    def _keyed(self, module: str, row: Row, key: int) -> Row:
        return {**row, KEY: f"{self._name}-{key}"} if module in KEYED else row

    def _insert(self, module: str, row: Row, key: int) -> Outcome:
        return self._made(module, self._hand.insert(module, self._keyed(module, row, key)))

    def _upsert(self, module: str, row: Row, key: int) -> Outcome:
        return self._made(module, self._hand.upsert(module, self._keyed(module, row, key)))

    def _update(self, index: int, rows: dict[str, Row]) -> Outcome:
        module, number = self._chosen(index)
        return self._hand.update(module, number, rows[module] or {"Description": "x"})

    def _link(self, link: tuple[str, str, str], index: int, other: int) -> Outcome:
        child, field, parent = link
        target = Link(self._chosen(other, parent)[1])
        return self._hand.update(*self._chosen(index, child), {field: target})

    def _delete(self, index: int) -> Outcome:
        return self._hand.delete(*self._chosen(index))

    def _note(self, index: int, title: str, content: str) -> Outcome:
        outcome = self._hand.note(*self._chosen(index), title, content)
        self._notes += [outcome.id] if outcome.id else []
        return outcome

    def _change_note(self, index: int, content: str) -> Outcome:
        return self._hand.change_note(self._notes[index % len(self._notes)], content)

    def _delete_note(self, index: int) -> Outcome:
        return self._hand.delete_note(self._notes[index % len(self._notes)])

    def _attach(self, index: int, content: bytes) -> Outcome:
        file = self._folder / "Röntgen 1.txt"
        file.write_bytes(content)
        chosen = self._chosen(index)
        outcome = self._hand.attach(*chosen, file)
        self._files += [(*chosen, outcome.id)] if outcome.id else []
        return outcome

    def _detach(self, index: int) -> Outcome:
        return self._hand.detach(*self._files[index % len(self._files)])

    def state(self) -> list[Any]:
        """Every record with its notes and files, as the API reads them back."""
        return [
            [self._read(f"{module}/{number}{part}") for part in ("", *RELATED)]
            for number, module in self._records.items()
        ]

    def _read(self, path: str) -> Any:
        answer = self._session.get(f"{self._url}/crm/v8/{path}", timeout=30)
        if answer.status_code != 200:
            return answer.status_code
        return [self._without_ids(row) for row in answer.json()["data"]]

    def _without_ids(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._without_ids(item) for item in value]
        if isinstance(value, dict):
            return {
                key: self._without_ids(part) for key, part in value.items() if key not in SYSTEM
            }
        if isinstance(value, str) and len(value) >= 15 and value.isdigit():
            return f"record {self._place(value)}"
        return value


RELATED = (
    "/Notes?fields=Note_Title,Note_Content,Parent_Id,Owner",
    "/Attachments?fields=File_Name,Size,Parent_Id",
)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory, start_emulator: Any) -> Iterator[Any]:
    """A function that begins the same sequence twice: through the SDK, and through our client."""
    folder = tmp_path_factory.mktemp("two")
    emulators = [start_emulator(folder / f"{name}.db") for name in ("sdk", "client")]
    clients = [ZohoClient(ZohoSettings.for_emulator(emulator.url)) for emulator in emulators]
    spec = FieldSpec("Source System ID", "text", length=100, unique=True)
    for client in clients:
        for module in KEYED:
            assert all(made.ok for made in client.metadata.create_fields(module, [spec]))
    hands = (SdkHand(emulators[0].url, folder), ClientHand(clients[1]))
    sessions = [emulator.session() for emulator in emulators]
    numbers = count()

    def begin() -> list[Run]:
        name = f"run {next(numbers)}"
        urls = [emulator.url for emulator in emulators]
        return [Run(*parts, name, folder) for parts in zip(hands, sessions, urls, strict=True)]

    yield begin
    for client in clients:
        client.close()


# Not shrunk: a sequence is short enough to be read, and shrinking one over HTTP takes minutes.
@settings(
    max_examples=25,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
@given(start=STARTS, operations=st.lists(OPERATIONS, min_size=3, max_size=14))
def test_the_sdk_and_our_client_leave_the_same_state(
    two: Any, start: tuple[Any, ...], operations: list[tuple[Any, ...]]
) -> None:
    theirs, ours = two()
    for operation in (*start, *operations):
        ended = [run.carry_out(operation) for run in (theirs, ours)]
        assert ended[0] == ended[1], operation
        assert ended[0][0] == "SUCCESS" or operation in operations
    assert theirs.state() == ours.state()
