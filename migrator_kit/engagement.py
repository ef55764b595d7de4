"""One client's migration: `engagement.yml` as a typed model, its folders, its run ids, its key.

An engagement is a folder. Everything a run reads or writes lies in it, so it can be moved, backed
up and handed over as one thing.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, ConfigDict, Field, field_validator

from migrator_kit import yamlfile
from migrator_kit.errors import ConfigError

FILE_NAME = "engagement.yml"


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TargetKind(StrEnum):
    """What kind of org the engagement may write to. The loader refuses any other kind."""

    EMULATOR = "emulator"
    SANDBOX = "sandbox"
    DEVELOPER = "developer"
    PRODUCTION = "production"


class DataCentre(StrEnum):
    """Zoho's data centres, by the short names of the fact sheet (section 1.5)."""

    US = "us"
    EU = "eu"
    IN = "in"
    AU = "au"
    JP = "jp"
    CN = "cn"
    CA = "ca"
    SA = "sa"


class SourceSettings(_Section):
    """Where the practice's data is, and how to read what it says."""

    url: str
    profile: str | None = None
    documents: Path | None = None
    encoding: str | None = None
    """Code page of exported text files, where the one found is wrong."""
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    """Mark between the values of exported text files, where the one found is wrong."""
    time_zone: str = "America/New_York"
    region: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] = "US"
    day_first: bool = False
    part_rows: Annotated[int, Field(ge=1_000, le=1_000_000)] = 50_000

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError(f"{value!r} is no time zone name such as 'Europe/Athens'")
        return value

    @property
    def zone(self) -> ZoneInfo:
        """The practice's time zone."""
        return ZoneInfo(self.time_zone)


class TargetSettings(_Section):
    """Which Zoho CRM the engagement writes to. Credentials are never here: see `zoho.auth`."""

    kind: TargetKind = TargetKind.EMULATOR
    data_centre: DataCentre = DataCentre.US
    url: str | None = None
    accounts_url: str | None = None
    upload_url: str | None = None
    edition: str = "enterprise"
    default_owner: str | None = None
    file_limit_mb: Annotated[float, Field(gt=0, le=100)] = 25


class SampleSettings(_Section):
    """How the sample is chosen: 50 to 100 records, reproducible by seed."""

    size: Annotated[int, Field(ge=50, le=100)] = 80
    seed: int = 7


class ComputeSettings(_Section):
    """Where parts are worked on: a Dask scheduler name or the address of a cluster."""

    scheduler: str = "threads"
    workers: Annotated[int, Field(ge=1, le=64)] = 2


class EngagementFile(_Section):
    """The content of `engagement.yml`."""

    version: Literal[1] = 1
    client: Annotated[str, Field(min_length=1, max_length=80)]
    source: SourceSettings
    target: TargetSettings = TargetSettings()
    sample: SampleSettings = SampleSettings()
    compute: ComputeSettings = ComputeSettings()
    ledger: str | None = None


class Engagement:
    """An engagement folder with its settings. All paths are absolute."""

    def __init__(self, folder: Path, settings: EngagementFile) -> None:
        self.folder = folder
        self.settings = settings

    @classmethod
    def create(cls, folder: Path | str, settings: EngagementFile) -> Engagement:
        """Make a new engagement folder. Raises ConfigError where one stands already."""
        path = Path(folder).expanduser().resolve()
        if (path / FILE_NAME).exists():
            raise ConfigError(
                f"{path} already holds an engagement.",
                hint="Choose another folder, or go on with `migrator status` there.",
            )
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        (path / "private").mkdir(mode=0o700, exist_ok=True)
        tree = settings.model_dump(mode="json", exclude_none=True)
        with (path / FILE_NAME).open("w", encoding="utf-8") as stream:
            yamlfile.round_trip().dump(tree, stream)
        return cls(path, settings)

    @classmethod
    def open(cls, folder: Path | str) -> Engagement:
        """Read the engagement in `folder`. Raises ConfigError with file and line."""
        path = Path(folder).expanduser().resolve()
        if not (path / FILE_NAME).is_file():
            raise ConfigError(
                f"{path} is not an engagement: {FILE_NAME} is missing.",
                hint="Make one with: migrator init DIR --source PATH_OR_URL",
            )
        try:
            return cls(path, yamlfile.load_model(path / FILE_NAME, EngagementFile))
        except yamlfile.InvalidYaml as error:
            lines = "\n".join(f"  - {finding}" for finding in error.findings)
            raise ConfigError(f"{FILE_NAME} cannot be used.\n{lines}") from None

    @property
    def mapping_path(self) -> Path:
        """`mapping.yml`: the proposed and confirmed mapping."""
        return self.folder / "mapping.yml"

    @property
    def owners_path(self) -> Path:
        """`owners.yml`: source staff to Zoho user e-mail, where the address alone does not tell."""
        return self.folder / "owners.yml"

    @property
    def snapshots(self) -> Path:
        """Folder of immutable snapshots, one sub-folder each."""
        return self.folder / "snapshots"

    @property
    def shaped(self) -> Path:
        """Folder of shaped datasets, one sub-folder per digest of snapshot and mapping."""
        return self.folder / "shaped"

    @property
    def runs(self) -> Path:
        """Folder of runs: executed notebooks, HTML evidence, lists, diffs."""
        return self.folder / "runs"

    @property
    def private(self) -> Path:
        """Folder (mode 0700) for what never leaves the machine: key, pre-images, tokens."""
        path = self.folder / "private"
        path.mkdir(mode=0o700, exist_ok=True)
        return path

    @property
    def ledger_url(self) -> str:
        """SQLAlchemy URL of the ledger."""
        return self.settings.ledger or f"sqlite:///{self.folder / 'ledger.db'}"

    @property
    def emulator_db(self) -> Path:
        """Database of the engagement's own local Zoho CRM."""
        return self.folder / "emulator.db"

    def key(self) -> bytes:
        """Return the engagement's secret key, made on first use, readable by its owner alone."""
        path = self.private / "key"
        if not path.exists():
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(secrets.token_bytes(32))
        return path.read_bytes()

    def new_run_id(self, now: datetime | None = None) -> str:
        """Return an id for a run that sorts by time, for example `20261122-184601-3f2a`."""
        instant = (now or datetime.now(UTC)).strftime("%Y%m%d-%H%M%S")
        return f"{instant}-{secrets.token_hex(2)}"


def digest_file(path: Path) -> str:
    """Return the SHA-256 of a file as hex, read in blocks."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def digest_text(*parts: str) -> str:
    """Return one SHA-256 over several texts, each bounded so that they cannot run together."""
    whole = hashlib.sha256()
    for part in parts:
        encoded = part.encode()
        whole.update(len(encoded).to_bytes(8, "big"))
        whole.update(encoded)
    return whole.hexdigest()


def slug(name: str) -> str:
    """Return a name fit for a file or folder: lower case, words joined by `_`."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
