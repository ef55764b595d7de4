"""The addresses of the emulator and the ASGI application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as StarletteRoute

from migrator_kit.emulator import (
    admin,
    attachments,
    bulk_read,
    bulk_upload,
    bulk_write,
    bulk_write_run,
    coql,
    costs,
    deletion,
    fields_create,
    fields_update,
    metadata,
    oauth,
    people,
    pipelines,
    records_read,
    records_write,
    recycle_bin,
    search,
)
from migrator_kit.emulator.answers import Reply, failure
from migrator_kit.emulator.crm import Crm
from migrator_kit.emulator.gate import Gate, respond, widen_thread_pool
from migrator_kit.emulator.jobs import Jobs
from migrator_kit.emulator.router import Route, Router

THREADS = 64
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_V8 = "/crm/v8"

ADMIN = (
    Route("GET", "/_emulator/stats", admin.get_stats, guarded=False),
    Route("GET", "/_emulator/fired", admin.get_fired, guarded=False),
    Route("GET", "/_emulator/faults", admin.get_faults, guarded=False),
    Route("PUT", "/_emulator/faults", admin.put_faults, guarded=False),
    Route("GET", "/_emulator/settings", admin.get_settings, guarded=False),
    Route("PUT", "/_emulator/settings", admin.put_settings, guarded=False),
    Route("PUT", "/_emulator/hipaa", admin.mark_hipaa, guarded=False),
    Route("POST", "/_emulator/users", people.add_users, guarded=False),
)
ACCOUNTS = (
    Route("POST", "/oauth/v2/token", oauth.token, guarded=False),
    Route("POST", "/oauth/v2/token/revoke", oauth.revoke, guarded=False),
)
SETTINGS = (
    Route("GET", f"{_V8}/org", people.get_org),
    Route("GET", f"{_V8}/users", people.get_users),
    Route("GET", f"{_V8}/users/{{id}}", people.get_user),
    Route("GET", f"{_V8}/settings/modules", metadata.get_modules),
    Route("GET", f"{_V8}/settings/modules/{{module}}", metadata.get_module),
    Route("GET", f"{_V8}/settings/fields", metadata.get_fields),
    Route("POST", f"{_V8}/settings/fields", fields_create.create_fields, costs.by_fields),
    Route("PATCH", f"{_V8}/settings/fields", fields_update.update_many, costs.by_fields),
    Route("GET", f"{_V8}/settings/fields/{{id}}", metadata.get_field),
    Route("PATCH", f"{_V8}/settings/fields/{{id}}", fields_update.update_one, costs.by_fields),
    Route("DELETE", f"{_V8}/settings/fields/{{id}}", fields_update.delete_one, costs.fixed(10)),
    Route("GET", f"{_V8}/settings/fields/{{id}}/pick_list_values", metadata.get_options),
    Route("GET", f"{_V8}/settings/layouts", metadata.get_layouts),
    Route("GET", f"{_V8}/settings/layouts/{{id}}", metadata.get_layout),
    Route("PATCH", f"{_V8}/settings/layouts/{{id}}", fields_update.update_layout),
    Route("GET", f"{_V8}/settings/related_lists", metadata.get_related_lists),
    Route("GET", f"{_V8}/settings/pipeline", pipelines.get_pipelines),
    Route("GET", f"{_V8}/settings/pipeline/{{id}}", pipelines.get_pipeline),
    Route("POST", f"{_V8}/settings/pipeline", pipelines.create_pipelines),
    Route("PUT", f"{_V8}/settings/pipeline", pipelines.update_pipelines),
    Route("PUT", f"{_V8}/settings/pipeline/{{id}}", pipelines.update_pipelines),
    Route("PATCH", f"{_V8}/settings/pipeline/{{id}}", pipelines.update_pipelines),
)
_BIN = f"{_V8}/settings/recycle_bin"
BIN = (
    Route("GET", _BIN, recycle_bin.get_list),
    Route("DELETE", _BIN, recycle_bin.delete_many),
    Route("GET", f"{_BIN}/actions/count", recycle_bin.count),
    Route("POST", f"{_BIN}/actions/empty", recycle_bin.empty_bin),
    Route("POST", f"{_BIN}/actions/restore", recycle_bin.restore_many),
    Route("GET", f"{_BIN}/{{id}}", recycle_bin.get_one),
    Route("DELETE", f"{_BIN}/{{id}}", recycle_bin.delete_one),
    Route("POST", f"{_BIN}/{{id}}/actions/restore", recycle_bin.restore_one),
)
_BULK = "/crm/bulk/v8"
BULK = (
    Route("POST", f"{_V8}/upload", bulk_upload.upload_zip),
    Route("POST", f"{_V8}/files", bulk_upload.upload_files),
    Route("GET", f"{_V8}/files", bulk_upload.download_file),
    Route("POST", f"{_BULK}/write", bulk_write.create, costs.fixed(500)),
    Route("GET", f"{_BULK}/write/{{job}}", bulk_write.get_status),
    Route("GET", "/v8/crm/{org}/bulk-write/{folder}/{job}", bulk_write.download),
    Route("POST", f"{_BULK}/read", bulk_read.create, costs.fixed(50)),
    Route("GET", f"{_BULK}/read/{{job}}", bulk_read.get_status),
    Route("GET", f"{_BULK}/read/{{job}}/result", bulk_read.download),
)
_RECORDS, _RECORD = f"{_V8}/{{module}}", f"{_V8}/{{module}}/{{id}}"
_FILES = f"{_RECORD}/Attachments"
RECORDS = (
    Route("POST", f"{_V8}/coql", coql.execute, costs.by_limit, costs.always),
    Route("GET", _RECORDS, records_read.get_list, heavy=costs.sorted_list),
    Route("POST", _RECORDS, records_write.insert, costs.by_records, costs.many_records),
    Route("PUT", _RECORDS, records_write.update, costs.by_records, costs.many_records),
    Route("DELETE", _RECORDS, deletion.delete_many),
    Route("POST", f"{_RECORDS}/upsert", records_write.upsert, costs.by_records, costs.many_records),
    Route("GET", f"{_RECORDS}/deleted", deletion.get_deleted, costs.fixed(2)),
    Route("GET", f"{_RECORDS}/search", search.search),
    Route("GET", f"{_RECORDS}/actions/count", search.count, costs.fixed(50)),
    Route("POST", f"{_RECORDS}/actions/mass_delete", deletion.mass_delete, costs.by_ids),
    Route("GET", _RECORD, records_read.get_one),
    Route("PUT", _RECORD, records_write.update_one, costs.by_records),
    Route("DELETE", _RECORD, deletion.delete_one),
    Route("GET", f"{_RECORD}/actions/fetch_full_data", search.full_data),
    Route("GET", f"{_RECORD}/Notes", records_read.get_related_notes),
    Route("POST", f"{_RECORD}/Notes", records_write.insert_note, costs.by_records),
    Route("POST", _FILES, attachments.upload),
    Route("GET", _FILES, attachments.get_list),
    Route("DELETE", _FILES, attachments.delete_many),
    Route("GET", f"{_FILES}/{{attachment}}", attachments.download),
    Route("DELETE", f"{_FILES}/{{attachment}}", attachments.delete_one),
    Route("GET", f"{_RECORD}/{{related}}", records_read.get_related),
)


def build_app(crm: Crm) -> Starlette:
    """The application that serves one org."""
    crm.jobs = Jobs(crm, {bulk_write.KIND: bulk_write_run.run, bulk_read.KIND: bulk_read.run})
    gate = Gate(crm, Router((*ADMIN, *ACCOUNTS, *SETTINGS, *BIN, *BULK, *RECORDS)))

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        await widen_thread_pool(THREADS)
        crm.jobs.recover()
        saving = asyncio.create_task(_save_meter(crm))
        yield
        saving.cancel()
        crm.close()

    async def broken(_request: Request, _error: Exception) -> Response:
        return respond(Reply(500, failure("INTERNAL_ERROR", "Internal Server Error")))

    async def serve(request: Request) -> Response:
        return await gate(request)

    return Starlette(
        routes=[StarletteRoute("/{path:path}", serve, methods=_METHODS)],
        exception_handlers={Exception: broken},
        lifespan=lifespan,
    )


async def _save_meter(crm: Crm) -> None:
    """Store the credits used, once a second."""
    while True:
        await asyncio.sleep(1)
        await run_in_threadpool(crm.save_meter)
