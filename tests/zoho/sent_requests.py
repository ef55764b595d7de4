"""Every request that the client sends in the tests, held against the vendor's OpenAPI files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests

from migrator_kit.zoho import sessions
from tests.zoho.vendor_files import VendorFiles

RECORDS = r"(POST|PUT) /crm/v8/(?!Notes)\w+(/upsert)?"
# Defects of the files, by request and by what they do not describe in it.
DEFECTS = {
    "the fields of a record are those of the org": (RECORDS, r"body\.data\[\]\.[\w$]+"),
    "documented for upsert on its page, not in the files": (
        r"POST /crm/v8/\w+/upsert",
        r"body\.skip_feature_execution",
    ),
    "documented for writing records, of which notes are a module": (
        r"(POST|PUT) /crm/v8/Notes",
        r"body\.(trigger|skip_feature_execution)",
    ),
    "documented for deleting records, of which notes are a module": (
        r"DELETE /crm/v8/Notes",
        r"parameter wf_trigger",
    ),
    "documented for lists of related records, not again for notes": (
        r"GET /crm/v8/\w+/\w+/Notes",
        r"parameter per_page",
    ),
    "in every documented sample of a bulk write, not in the files": (
        r"POST /crm/bulk/v8/write",
        r"body\.ignore_empty",
    ),
    "a text in the documented samples of a bulk write, an object in the files": (
        r"POST /crm/bulk/v8/write",
        r"body\.resource\[\]\.field_mappings\[\]\.default_value\.value: string",
    ),
    "documented on the page of bulk read jobs, not in the files": (
        r"POST /crm/bulk/v8/read",
        r"body\.query\.page_token",
    ),
    "the address of a result is named by the job's status": (
        r"GET /v8/crm/\w+/bulk-write/\w+/\w+\.zip",
        "address",
    ),
}


def is_defect(place: str, fault: str) -> bool:
    """Whether a fault of a request is one of the files, not of the client."""
    return any(
        re.fullmatch(where, place) and re.fullmatch(what, fault) for where, what in DEFECTS.values()
    )


class SentRequests:
    """Counts the client's requests by method and address, and keeps what is wrong with them."""

    def __init__(self, files: VendorFiles) -> None:
        self._files = files
        self._wrong: list[str] = []
        self.places: set[str] = set()

    def take_wrong(self) -> list[str]:
        """What was wrong since the last time."""
        wrong, self._wrong = self._wrong, []
        return wrong

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Look at what every session of the client sends, before it is sent."""
        make = sessions.make

        def watched(*, direct: bool) -> requests.Session:
            session = make(direct=direct)
            send = session.send

            def look_and_send(request: requests.PreparedRequest, **how: Any) -> requests.Response:
                self._look(request)
                return send(request, **how)

            session.send = look_and_send  # type: ignore[method-assign]
            return session

        sessions.make = watched
        try:
            yield
        finally:
            sessions.make = make

    def _look(self, request: requests.PreparedRequest) -> None:
        url = urlsplit(str(request.url))
        if url.path.startswith("/oauth/"):
            return
        body = request.body if request.headers.get("Content-Type") == "application/json" else None
        faults = self._files.faults(
            str(request.method),
            url.path,
            set(parse_qs(url.query, keep_blank_values=True)),
            None if body is None else json.loads(body),
        )
        place = f"{request.method} {url.path}"
        self.places.add(place)
        self._wrong += [f"{place}: {fault}" for fault in faults if not is_defect(place, fault)]
