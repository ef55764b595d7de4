"""What every request passes: statistics, faults, token, edition, slots, credits, the handler."""

from __future__ import annotations

import asyncio
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import orjson
from anyio import to_thread
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, Response

from migrator_kit.emulator import oauth
from migrator_kit.emulator.answers import (
    ApiError,
    Reply,
    failure,
    invalid_method,
    invalid_url,
)
from migrator_kit.emulator.call import Call, UploadedFile
from migrator_kit.emulator.crm import Crm, User
from migrator_kit.emulator.edits import edit_by_colleague
from migrator_kit.emulator.faults import Act, Rule, When
from migrator_kit.emulator.router import Match, Route, Router
from migrator_kit.emulator.server import CutResponse, HalfResponse

JSON = "application/json;charset=UTF-8"
MULTIPART_SLACK = 1024 * 1024
_DEFAULT_CODES = {
    401: ("INVALID_TOKEN", "invalid oauth token"),
    429: ("TOO_MANY_REQUESTS", "too many requests"),
    500: ("INTERNAL_ERROR", "Internal Server Error"),
    502: ("BAD_GATEWAY", "Bad Gateway"),
    503: ("SERVICE_UNAVAILABLE", "Service Unavailable"),
}


class Gate:
    """Serves every request of one org."""

    def __init__(self, crm: Crm, router: Router) -> None:
        self._crm = crm
        self._router = router
        self._late: set[asyncio.Task[None]] = set()

    async def __call__(self, request: Request) -> Response:
        """The answer to one request."""
        method, path = request.method, request.url.path
        match = self._router.find(method, path)
        if path.startswith("/_emulator"):
            return await self._administer(request, match)
        self._crm.stats.request(match.endpoint(method))
        rules = self._crm.faults.strike(method, path)
        cut = await self._before(rules)
        if cut is not None:
            return cut
        late = next((rule for rule in rules if rule.when is When.LATE), None)
        if late is not None:
            await request.body()
            task = asyncio.create_task(self._serve_later(request, match, late.seconds))
            self._late.add(task)
            task.add_done_callback(self._late.discard)
            return self._instead(late)
        reply = await self._serve(request, match)
        return await self._after(rules, reply)

    async def _administer(self, request: Request, match: Match) -> Response:
        if match.route is None:
            return respond(invalid_url().reply())
        call = self._call(request, match, self._crm.api_user)
        call.body = await request.body()
        return respond(await run_in_threadpool(_handle, match.route, call))

    async def _before(self, rules: list[Rule]) -> Response | None:
        for rule in rules:
            if rule.do is Act.DELAY:
                await asyncio.sleep(rule.seconds)
            elif rule.do is Act.REVOKE_TOKEN:
                await run_in_threadpool(oauth.revoke_all, self._crm)
            elif rule.do is Act.DRAIN_CREDITS:
                self._crm.meter.drain(rule.remaining)
            elif rule.when is When.BEFORE and rule.do in (Act.ANSWER, Act.CUT):
                return self._instead(rule)
        return None

    async def _serve_later(self, request: Request, match: Match, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self._serve(request, match)

    async def _after(self, rules: list[Rule], reply: Reply) -> Response:
        for rule in rules:
            if rule.do is Act.EDIT:
                await run_in_threadpool(edit_by_colleague, self._crm, rule)
            elif rule.do is Act.HALF:
                return self._half(reply)
            elif rule.when is When.AFTER and rule.do in (Act.ANSWER, Act.CUT):
                return self._instead(rule)
        self._crm.stats.answered(reply.status)
        return respond(reply)

    def _half(self, reply: Reply) -> Response:
        whole = reply.file.read_bytes() if reply.file else respond(reply).body
        self._crm.stats.answered(0)
        return HalfResponse(whole, reply.status, dict(reply.headers), media_type=JSON)

    def _instead(self, rule: Rule) -> Response:
        if rule.do is Act.CUT:
            self._crm.stats.answered(0)
            return CutResponse()
        code, message = _DEFAULT_CODES.get(rule.status, ("INTERNAL_ERROR", ""))
        body = failure(rule.code or code, rule.message or message)
        self._crm.stats.answered(rule.status)
        return respond(Reply(rule.status, body, headers=dict(rule.headers)))

    async def _serve(self, request: Request, match: Match) -> Reply:
        route = match.route
        if route is None:
            return (invalid_method() if match.method_only else invalid_url()).reply()
        try:
            if not route.guarded:
                call = self._call(request, match, self._crm.api_user)
                return await self._run(request, route, call)
            user = self._admit(request)
            return await self._guarded(request, route, self._call(request, match, user))
        except ApiError as error:
            return error.reply()
        except ClientDisconnect:
            return Reply(400)

    def _admit(self, request: Request) -> User:
        user = oauth.authenticate(self._crm, request.headers.get("authorization", ""))
        if not self._crm.edition.api_access:
            raise ApiError("FEATURE_NOT_SUPPORTED", "the API is not available in this edition")
        return user

    async def _guarded(self, request: Request, route: Route, call: Call) -> Reply:
        with ExitStack() as slots:
            _take(slots, self._crm.meter.enter())
            self._crm.stats.enter()
            slots.callback(self._crm.stats.leave)
            return await self._run(request, route, call, slots)

    async def _run(
        self, request: Request, route: Route, call: Call, slots: ExitStack | None = None
    ) -> Reply:
        kind = request.headers.get("content-type", "")
        if kind.startswith("multipart/form-data"):
            await self._refuse_large(request)
            async with request.form(max_files=20, max_fields=50) as form:
                call.form = {k: v for k, v in form.items() if isinstance(v, str)}
                files = [v for _, v in form.multi_items() if isinstance(v, UploadFile)]
                return await run_in_threadpool(self._with_files, route, call, files, slots)
        call.body = await request.body()
        if kind.startswith("application/x-www-form-urlencoded"):
            call.form = {k: v for k, v in (await request.form()).items() if isinstance(v, str)}
        return await run_in_threadpool(self._pay_and_handle, route, call, slots)

    def _pay_and_handle(self, route: Route, call: Call, slots: ExitStack | None) -> Reply:
        if slots is None:
            return _handle(route, call)
        if route.heavy is not None and route.heavy(call):
            _take(slots, self._crm.meter.enter_sub())
        with _lasting(call, self._crm.faults.latency()):
            if not self._crm.meter.spend(route.cost(call)):
                raise ApiError(
                    "LIMIT_EXCEEDED", "You have reached your API credit limit", status=429
                )
            reply = _handle(route, call)
        header = self._crm.meter.header()
        if not header:
            return reply
        return Reply(
            reply.status, reply.body, reply.content, reply.file, {**reply.headers, **header}
        )

    def _with_files(
        self, route: Route, call: Call, files: list[UploadFile], slots: ExitStack | None
    ) -> Reply:
        """Put the uploaded bytes beside the database, then let the handler take them."""
        taken: list[UploadedFile] = []
        try:
            for upload in files:
                path = self._crm.store.files / f"incoming-{uuid.uuid4().hex}"
                with path.open("wb") as target:
                    shutil.copyfileobj(upload.file, target, 1024 * 1024)
                taken.append(UploadedFile(upload.filename or "file", path, path.stat().st_size))
            call.uploads = tuple(taken)
            return self._pay_and_handle(route, call, slots)
        finally:
            for upload_file in taken:
                upload_file.path.unlink(missing_ok=True)

    async def _refuse_large(self, request: Request) -> None:
        """413 before anything is kept; the body is read to its end so that the answer arrives."""
        length = request.headers.get("content-length", "0")
        limit = self._crm.settings.attachment_bytes + MULTIPART_SLACK
        if not length.isdigit() or int(length) <= limit:
            return
        try:
            async for _chunk in request.stream():
                continue
        except ClientDisconnect:
            return
        raise ApiError(
            "FILE_SIZE_MORE_THAN_ALLOWED_SIZE",
            "file size exceeds the allowed size",
            {"maximum_size_in_bytes": self._crm.settings.attachment_bytes},
            413,
        )

    def _call(self, request: Request, match: Match, user: User) -> Call:
        host = request.headers.get("host", "")
        return Call(
            crm=self._crm,
            user=user,
            method=request.method,
            path=request.url.path,
            params=dict(request.query_params),
            headers=request.headers,
            names=match.names,
            base_url=f"http://{host}",
        )


def respond(reply: Reply) -> Response:
    """The HTTP form of a reply."""
    headers = dict(reply.headers)
    if reply.file is not None:
        return FileResponse(reply.file, reply.status, headers)
    if reply.content is not None:
        return Response(reply.content, reply.status, headers)
    if reply.body is None:
        return Response(status_code=reply.status, headers=headers)
    return Response(orjson.dumps(reply.body), reply.status, headers, media_type=JSON)


async def widen_thread_pool(threads: int) -> None:
    """Allow more handlers at a time than the default of the thread pool."""
    limiter: Any = to_thread.current_default_thread_limiter()
    limiter.total_tokens = threads


def _handle(route: Route, call: Call) -> Reply:
    try:
        return route.handler(call)
    except ApiError as error:
        return error.reply()


@contextmanager
def _lasting(call: Call, seconds: float) -> Iterator[None]:
    """Let a call last so long at least since it came, its own work included."""
    try:
        yield
    finally:
        time.sleep(max(0.0, call.came + seconds - time.monotonic()))


def _take(slots: ExitStack, leave: Callable[[], None] | None) -> None:
    if leave is None:
        raise ApiError("TOO_MANY_REQUESTS", "too many concurrent requests", status=429)
    slots.callback(leave)
