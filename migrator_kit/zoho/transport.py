"""One way to Zoho CRM for every call: token, pacing, retries, classes of error.

A call says what it is (`Call`), the transport sends it and gives an `Answer`, or raises one of
TransientError (nothing landed, retries used up), AmbiguousError (a write may have landed),
TerminalError (refused), BudgetExhausted (stopped before the credits end). Bodies and parameters
are never logged, and no cause that could quote them is chained to an error.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

import orjson
import requests
import tenacity

from migrator_kit.errors import TargetError, TerminalError, TransientError
from migrator_kit.zoho import faults, sessions
from migrator_kit.zoho.answers import Answer
from migrator_kit.zoho.auth import Token, TokenCache
from migrator_kit.zoho.calls import Call
from migrator_kit.zoho.hosts import is_zoho, upload_host
from migrator_kit.zoho.pacer import Pacer
from migrator_kit.zoho.results import ITEM_STATUSES, items_of
from migrator_kit.zoho.settings import ZohoSettings
from migrator_kit.zoho.values import json_bytes

LOG = logging.getLogger("migrator_kit.zoho")
Result = TypeVar("Result")


class _AgainError(Exception):
    """One attempt did nothing; it may be repeated after `after` seconds, or when we choose."""

    def __init__(self, error: TargetError, after: float | None = None) -> None:
        super().__init__()
        self.error = error
        self.after = after


class Transport:
    """Sends calls. Thread-safe: one token cache and one pacer, one HTTP session per thread."""

    def __init__(
        self,
        settings: ZohoSettings,
        *,
        pacer: Pacer | None = None,
        tokens: TokenCache | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.settings = settings
        self.pacer = pacer or Pacer(settings, clock=clock)
        self.tokens = tokens or TokenCache(settings, sleep=sleep, clock=clock)
        self.before_call: Callable[[Call], None] | None = None
        self._sleep, self._clock = sleep, clock
        self._sessions = sessions.PerThread()

    def close(self) -> None:
        """Close all connections and note the credits used."""
        self._sessions.close()
        self.pacer.close()

    def send(self, call: Call) -> Answer:
        """Send a call that is answered in JSON."""
        return self._repeat(call, lambda response: self._read(call, response), streamed=False)

    def stream(self, call: Call, consume: Callable[[requests.Response], Result]) -> Result:
        """Send a read whose answer is taken in pieces by `consume`.

        When the line is cut in the middle, the call is sent again and `consume` starts anew.
        """
        return self._repeat(call, consume, streamed=True)

    def _repeat(
        self, call: Call, take: Callable[[requests.Response], Result], *, streamed: bool
    ) -> Result:
        if self.before_call is not None:
            self.before_call(call)
        attempts = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(self.settings.retries.attempts),
            wait=self._pause,
            retry=tenacity.retry_if_exception_type(_AgainError),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            found: Result = attempts(self._with_token, call, take, streamed)
        except _AgainError as last:
            raise last.error from None
        return found

    def _pause(self, state: tenacity.RetryCallState) -> float:
        """Return the wait before the next attempt: the server's word, else full jitter."""
        retries = self.settings.retries
        error = state.outcome.exception() if state.outcome else None
        asked = error.after if isinstance(error, _AgainError) else None
        if asked is not None:
            wait = min(asked, retries.quota_wait)
        else:
            ceiling = min(
                retries.longest_wait, retries.first_wait * 2 ** (state.attempt_number - 1)
            )
            wait = random.uniform(0, ceiling)  # noqa: S311 - jitter, no secret
        LOG.info("attempt %d did nothing; next in %.1f s", state.attempt_number, wait)
        return wait

    def _with_token(
        self, call: Call, take: Callable[[requests.Response], Result], streamed: bool
    ) -> Result:
        """Send once; after INVALID_TOKEN refresh once and send once more (fact sheet 1.3)."""
        token = self._token()
        try:
            return self._once(call, take, streamed, token)
        except TerminalError as error:
            if error.code != "INVALID_TOKEN":
                raise
        self.tokens.discard(token)
        LOG.info("%s: access token refused, refreshing it", call.place)
        return self._once(call, take, streamed, self._token())

    def _token(self) -> Token:
        try:
            return self.tokens.token()
        except TransientError as error:
            raise _AgainError(error) from None

    def _once(
        self, call: Call, take: Callable[[requests.Response], Result], streamed: bool, token: Token
    ) -> Result:
        started = time.perf_counter()
        with self.pacer.call(call.credits, sub=call.sub) as charge:
            try:
                response = self._request(call, token)
            except requests.RequestException as error:
                failed = faults.from_exception(error, call.place, call.writes)
                if isinstance(failed, TransientError):
                    if faults.never_sent(error):
                        charge.refund()
                    raise _AgainError(failed) from None
                raise failed from None
            with response:
                LOG.debug(
                    "%s %d %.0f ms",
                    call.place,
                    response.status_code,
                    (time.perf_counter() - started) * 1000,
                )
                charge.observe(response.headers)
                try:
                    if streamed and not _is_file(response):
                        self._refused(call, response, _json(response.content))
                    return take(response)
                except requests.RequestException as error:
                    failed = faults.from_exception(error, call.place, call.writes)
                    if isinstance(failed, TransientError):
                        raise _AgainError(failed) from None
                    raise failed from None

    def _request(self, call: Call, token: Token) -> requests.Response:
        url = self._url(call, token)
        headers = dict(call.headers)
        upload = call.upload() if call.upload else None
        data: Any = None
        if upload is not None:
            headers["Content-Type"] = upload.content_type
            data = upload
        elif call.body is not None:
            headers["Content-Type"] = "application/json"
            data = json_bytes(call.body)
        timeouts = self.settings.timeouts
        try:
            return self._sessions.get(url).request(
                call.method,
                url,
                params=dict(call.params) or None,
                data=data,
                headers=headers,
                auth=sessions.TokenAuth(token.value),
                timeout=(timeouts.connect, timeouts.upload if upload else timeouts.read),
                allow_redirects=False,
                stream=True,
            )
        finally:
            if upload is not None:
                upload.close()

    def _url(self, call: Call, token: Token) -> str:
        api = self.settings.api_url or token.api_domain
        if call.path.startswith(("https://", "http://")):
            if not is_zoho(call.path) and urlsplit(call.path).netloc != urlsplit(api).netloc:
                raise TerminalError(
                    f"{call.method}: Zoho CRM named a download host that is not its own.",
                    hint="The access token is not sent there. Check the network for a proxy.",
                )
            return call.path
        if call.host == "upload":
            return (self.settings.upload_url or upload_host(api)) + call.path
        return api + call.path

    def _read(self, call: Call, response: requests.Response) -> Answer:
        """Return the answer, or raise by what it says. Lists of per-record answers come first."""
        status = response.status_code
        content = response.content
        if status in (204, 304) or (status == 200 and not content and not call.writes):
            return Answer(status, None, call)
        body = _json(content)
        if status in ITEM_STATUSES and items_of(body, call.items_key) is not None:
            return Answer(status, body, call)
        if isinstance(body, dict) and status < 400 and body.get("status") != "error":
            return Answer(status, body, call)
        return self._refused(call, response, body)

    def _refused(self, call: Call, response: requests.Response, body: object) -> Answer:
        """Return a refusal that the call takes for an answer, or raise the error it means."""
        status = response.status_code
        code, _ = faults.envelope(body)
        if status == 413 and code is None:
            body, code = {"code": "FILE_TOO_LARGE", "status": "error"}, "FILE_TOO_LARGE"
        remaining = response.headers.get("X-API-CREDITS-REMAINING")
        if faults.credits_used_up(status, code, remaining):
            raise self.pacer.meter.exhausted()
        if call.missing_ok and status in (400, 404) and code == "INVALID_DATA":
            return Answer(204, None, call)
        if call.envelope_ok and status in (200, 400, 403, 404, 413, 415) and code:
            return Answer(status, body, call)
        # Below 400 a JSON error envelope is a refusal all the same.
        shown = 400 if status < 400 and code else status
        error = faults.from_answer(call.place, shown, body, call.writes, media=_media(response))
        if isinstance(error, TransientError):
            if status == 429:
                self.pacer.throttled()
            raise _AgainError(error, faults.retry_after(response.headers, self._clock()))
        raise error


def _media(response: requests.Response) -> str:
    return response.headers.get("Content-Type", "").split(";")[0].strip().lower()


def _is_file(response: requests.Response) -> bool:
    """Return whether a download was answered with its bytes, not with an error or a proxy page."""
    if response.status_code == 204:
        return True
    page = _media(response) in ("text/html", "application/json")
    return response.status_code == 200 and (not page or "Content-Disposition" in response.headers)


def _json(content: bytes) -> object:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return None
