"""Reading from a JSON service: GET and nothing else, signed in, tried again, one page at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import count, islice
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase, HTTPBasicAuth
from urllib3.util import Retry

from migrator_kit.errors import SourceError
from migrator_kit.rest_settings import RestPaging, RestSettings, RestTable

_TRY_AGAIN = (408, 425, 429, 500, 502, 503, 504)
_HERE = ("localhost", "127.0.0.1", "::1")
Record = dict[str, Any]


class _ReadOnly(HTTPAdapter):
    """Lets nothing through but GET: whatever else is asked for never leaves the machine."""

    def send(self, request: requests.PreparedRequest, *args: Any, **more: Any) -> Any:
        if request.method != "GET":
            raise SourceError("A source is read-only: the request was not sent.")
        return super().send(request, *args, **more)


class _Bearer(AuthBase):
    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class RestClient:
    """Reads the lists of one service. Raises SourceError without credentials or values."""

    def __init__(self, base: str, settings: RestSettings) -> None:
        self._base = base.rstrip("/") + "/"
        self._settings = settings
        self._session = requests.Session()
        self._session.auth = _credentials(base, settings)
        self._session.headers["Accept"] = "application/json"
        retry = Retry(
            total=settings.retries,
            backoff_factor=0.5,
            backoff_jitter=0.5,
            status_forcelist=_TRY_AGAIN,
            allowed_methods={"GET"},
            raise_on_status=False,
        )
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, _ReadOnly(max_retries=retry, pool_maxsize=16))
        self._pool = ThreadPoolExecutor(settings.parallel, thread_name_prefix="rest")

    def pages(self, name: str, table: RestTable) -> Iterator[list[Record]]:
        """Yield the pages of a list in order; pages that can be counted are asked for ahead."""
        paging = table.paging or self._settings.paging
        if paging.style in ("page", "offset"):
            pages = self._counted(name, table, paging)
        else:
            pages = self._chained(name, table, paging)
        before: list[Record] = []
        for page in pages:
            if page and page == before:
                raise SourceError(
                    f"Table {name}: the service answers every page with the same rows.",
                    hint="Correct `paging:` of the table under `rest:`: style and parameter.",
                )
            yield page
            before = page

    def close(self) -> None:
        """Let go of threads and connections."""
        self._pool.shutdown(cancel_futures=True)
        self._session.close()

    def _counted(self, name: str, table: RestTable, paging: RestPaging) -> Iterator[list[Record]]:
        """Yield pages by number or offset, up to the first empty one.

        A service may hand out fewer rows than asked for: the first page tells how many it gives.
        """
        parameter = paging.parameter or paging.style
        begin = paging.first if paging.style == "page" else 0
        first = self._page(name, table, {parameter: str(begin), **_size(paging)}) or []
        yield first
        if not first:
            return
        step = 1 if paging.style == "page" else len(first)

        def ask(number: int) -> list[Record] | None:
            return self._page(name, table, {parameter: str(number), **_size(paging)}, beyond=True)

        numbers = count(begin + step, step)
        waiting = [self._pool.submit(ask, n) for n in islice(numbers, self._settings.parallel)]
        while waiting:
            page = waiting.pop(0).result()
            if not page:
                break
            waiting.append(self._pool.submit(ask, next(numbers)))
            yield page
        for future in waiting:
            future.cancel()

    def _chained(self, name: str, table: RestTable, paging: RestPaging) -> Iterator[list[Record]]:
        """Yield pages where each names the next, by a cursor or an address."""
        address, seen = urljoin(self._base, table.path.lstrip("/")), set()
        parameters = {**table.parameters, **(_size(paging) if paging.style != "none" else {})}
        while True:
            answer = self._get(name, address, parameters)
            body = _body(name, answer)
            yield self._records(name, table, body)
            following = _following(answer, body, paging)
            if not following:
                return
            if following in seen:
                raise SourceError(
                    f"Table {name}: the service names the same next page again.",
                    hint="Correct `paging:` of the table under `rest:`.",
                )
            seen.add(following)
            if paging.style == "cursor":
                parameters = {**parameters, (paging.parameter or "cursor"): following}
            else:
                address, parameters = self._same_service(name, urljoin(address, following)), {}

    def _same_service(self, name: str, address: str) -> str:
        """Return an address of the service. Raises SourceError for another: it is not ours."""
        if urlsplit(address)[:2] != urlsplit(self._base)[:2]:
            raise SourceError(
                f"Table {name}: the next page lies on another server than the service.",
                hint="Check the service, or give the address it uses as the source's url.",
            )
        return address

    def _page(
        self, name: str, table: RestTable, more: Mapping[str, str], *, beyond: bool = False
    ) -> list[Record] | None:
        """Return one page; None where there is none beyond the last."""
        address = urljoin(self._base, table.path.lstrip("/"))
        answer = self._get(name, address, {**table.parameters, **more}, beyond=beyond)
        if beyond and answer.status_code == 404:
            return None
        return self._records(name, table, _body(name, answer))

    def _get(
        self, name: str, address: str, parameters: Mapping[str, str], *, beyond: bool = False
    ) -> requests.Response:
        try:
            answer = self._session.get(
                address, params=parameters, timeout=self._settings.timeout_seconds
            )
        except requests.RequestException as error:
            raise SourceError(
                f"Table {name}: the service does not answer ({type(error).__name__}).",
                hint="Check the url under `source:`, the network, and that the service is up.",
            ) from None
        if answer.status_code in (401, 403):
            raise SourceError(
                f"Table {name}: the service refuses the credentials ({answer.status_code}).",
                hint=f"Check the environment variable {_variables(self._settings)}.",
            )
        if not answer.ok and not (beyond and answer.status_code == 404):
            raise SourceError(
                f"Table {name}: the service answers {answer.status_code}.",
                hint="Check the table's path and parameters under `rest:`, or ask again later.",
            )
        return answer

    def _records(self, name: str, table: RestTable, body: Any) -> list[Record]:
        place = self._settings.records if table.records is None else table.records
        outer, _, last = place.rpartition(".")
        holder = _at(body, outer) if place else {"": body}
        found = holder.get(last, ...) if isinstance(holder, dict) else ...
        found = [] if found is None else found
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            raise SourceError(
                f"Table {name}: no list of objects at {place or 'the top'} of the answer.",
                hint="Name its place as `records:` under `rest:`, for example data.items.",
            )
        return found


def _credentials(base: str, settings: RestSettings) -> AuthBase | None:
    """Return what signs requests in. Raises SourceError where a variable is missing."""
    parts = urlsplit(base)
    if parts.username or parts.password:
        raise SourceError(
            "The source's url holds credentials.",
            hint="Put them into environment variables and name those under `rest:`.",
        )
    if not any((settings.token_variable, settings.user_variable, settings.password_variable)):
        return None
    if parts.scheme == "http" and parts.hostname not in _HERE and not settings.allow_unencrypted:
        raise SourceError(
            "The credentials would cross the network unencrypted: the source's url is http.",
            hint="Use https, or allow it with `allow_unencrypted: true` under `rest:`.",
        )
    if settings.token_variable:
        return _Bearer(_from_environment(settings.token_variable))
    if not settings.user_variable or not settings.password_variable:
        raise SourceError(
            "Basic authentication needs `user_variable` and `password_variable` under `rest:`."
        )
    user, password = map(_from_environment, (settings.user_variable, settings.password_variable))
    return HTTPBasicAuth(user, password)


def _from_environment(variable: str) -> str:
    value = os.environ.get(variable)
    if not value:
        raise SourceError(
            f"The environment variable {variable} is not set.",
            hint="It holds the credentials of the source, which stand in no file.",
        )
    return value


def _variables(settings: RestSettings) -> str:
    names = (settings.token_variable, settings.user_variable, settings.password_variable)
    return ", ".join(filter(None, names)) or "(none is named: see token_variable under `rest:`)"


def _size(paging: RestPaging) -> dict[str, str]:
    return {paging.size_parameter: str(paging.size)} if paging.size_parameter else {}


def _body(name: str, answer: requests.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        raise SourceError(
            f"Table {name}: the service's answer is not JSON.",
            hint="Check the url and the table's path: is it a web page?",
        ) from None


def _at(body: Any, place: str) -> Any:
    """Return what stands at a dotted place of an answer, None where nothing does."""
    for key in filter(None, place.split(".")):
        body = body.get(key) if isinstance(body, dict) else None
    return body


def _following(answer: requests.Response, body: Any, paging: RestPaging) -> str | None:
    """Return the next cursor or address that an answer names."""
    if paging.style == "none":
        return None
    if paging.next is not None:
        found = _at(body, paging.next)
        return str(found) if found not in (None, "", False) else None
    return answer.links.get("next", {}).get("url") if paging.style == "link" else None
