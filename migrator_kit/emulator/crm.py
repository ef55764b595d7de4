"""The org in memory: store, clock, settings, metadata and users, kept in step with the file."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from migrator_kit.emulator.answers import invalid_module
from migrator_kit.emulator.clock import Clock, zone
from migrator_kit.emulator.derived import Stages
from migrator_kit.emulator.editions import EDITIONS, Edition, EditionName
from migrator_kit.emulator.faults import Faults
from migrator_kit.emulator.jobs import Jobs
from migrator_kit.emulator.limits import Meter
from migrator_kit.emulator.schema import Module, Schema, load_schema
from migrator_kit.emulator.seed import seed
from migrator_kit.emulator.settings import Settings
from migrator_kit.emulator.stats import Stats
from migrator_kit.emulator.store import Store, Writer, get_setting, put_setting
from migrator_kit.emulator.validation import Rulebook


@dataclass(frozen=True, slots=True)
class User:
    """A user of the org. `data` is the stored document of the users API."""

    id: int
    data: dict[str, Any] = field(repr=False)

    @property
    def reference(self) -> dict[str, str]:
        """The user as a value of an owner field."""
        return {"name": self.data["full_name"], "id": str(self.id)}

    @property
    def tz(self) -> ZoneInfo:
        """The zone in which this user sees instants."""
        return zone(self.data["time_zone"])

    @property
    def active(self) -> bool:
        """Whether the user may own records."""
        return bool(self.data["status"] == "active")


class Crm:
    """Everything a request handler needs. Metadata is cached and reloaded by `refresh`."""

    jobs: Jobs

    def __init__(self, path: Path, edition: EditionName | None) -> None:
        self.store = Store(path)
        seed(self.store, edition)
        db = self.store.reader()
        self.settings = Settings().changed(get_setting(db, "settings") or {})
        self.clock = Clock(self.settings.clock_offset_s)
        self.stats = Stats()
        self._metadata_lock = threading.Lock()
        self.faults = Faults()
        self.edition: Edition = EDITIONS[EditionName(get_setting(db, "edition"))]
        self.meter = Meter(self.edition, self.clock)
        self.meter.budget = self.edition.credits(self.settings.licences)
        self.meter.load(db)
        self.refresh()

    def refresh(self) -> None:
        """Read metadata and users again after they changed."""
        db = self.store.reader()
        self.schema = load_schema(db)
        # One object, so that checks of the old metadata can never be kept for the new.
        self._compiled: tuple[Schema, dict[str, Rulebook]] = (self.schema, {})
        self.users = {
            number: User(number, json.loads(data))
            for number, data in db.execute("SELECT id, data FROM person ORDER BY id")
        }
        self.api_user = self.users[get_setting(db, "api_user")]
        self.org: dict[str, Any] = get_setting(db, "org")
        self.pipelines: list[dict[str, Any]] = [
            json.loads(data) for (data,) in db.execute("SELECT data FROM pipeline ORDER BY id")
        ]
        self.stages = self._stages()

    @contextmanager
    def changing(self) -> Iterator[Writer]:
        """A transaction that changes metadata or users, one at a time, and what is cached."""
        with self._metadata_lock:
            with self.store.writing() as writer:
                yield writer
            self.refresh()

    def change_settings(self, values: dict[str, Any]) -> None:
        """Turn switches and keep them. Raises ValueError for a wrong one."""
        settings = self.settings.changed(values)
        with self.store.writing() as writer:
            put_setting(writer.db, "settings", settings.document())
        self.settings = settings
        self.clock.offset = settings.clock_offset_s
        self.meter.budget = self.edition.credits(settings.licences)

    def save_meter(self) -> None:
        """Store the credits used since the last time."""
        if self.meter.dirty:
            with self.store.writing() as writer:
                self.meter.save(writer.db)

    def close(self) -> None:
        """End the jobs, store what is still in memory, let go of the file."""
        self.jobs.close()
        self.save_meter()
        self.store.close()

    def module(self, name: str) -> Module:
        """The module of that API name. Raises ApiError INVALID_MODULE."""
        module = self.schema.get(name)
        if module is None:
            raise invalid_module()
        return module

    def rules(self, module: str) -> Rulebook:
        """The compiled checks of a module."""
        schema, compiled = self._compiled
        found = compiled.get(module)
        if found is None:
            found = compiled[module] = Rulebook(schema[module], schema)
        return found

    def _stages(self) -> Stages:
        options = self.schema["Deals"].fields["Stage"].options
        by_name = {option.actual_value: option for option in options}
        by_name.update((option.display_value, option) for option in options)
        pipelines = {
            line["display_value"]: frozenset(stage["id"] for stage in line["maps"])
            for line in self.pipelines
        }
        return Stages(by_name, pipelines)
