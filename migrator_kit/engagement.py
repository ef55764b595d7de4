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
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from migrator_kit import yamlfile
from migrator_kit.errors import ConfigError
from migrator_kit.rest_settings import RestSettings
from migrator_kit.spelling import meant

FILE_NAME = "engagement.yml"


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


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


OneMark = Annotated[str, Field(min_length=1, max_length=1)]


class ColumnSettings(_Section):
    """How the dates or amounts of one column of text are read."""

    day_first: bool | None = None
    decimal_comma: bool | None = None


class TableSettings(_Section):
    """How one exported table is read, where what was found out about its file is wrong."""

    encoding: str | None = None
    delimiter: OneMark | None = None
    quote: OneMark | Literal["none"] | None = None
    header_row: Annotated[int, Field(ge=1)] | None = None
    """Row of a worksheet that holds the column names."""
    day_first: bool | None = None
    """How dates such as 03/04/2020 are read, where what was found is wrong or unclear."""
    decimal_comma: bool | None = None
    """Whether 1.234,50 is read as a number, where what was found is wrong or unclear."""
    watermark: str | Literal[False] | None = None
    """Column that grows whenever a row changes, for a further snapshot; false: read it whole."""
    columns: dict[str, ColumnSettings] = {}
    """Exceptions for single columns, by name."""

    def column(self, name: str) -> ColumnSettings:
        """Return how a column is read: what is said for it, else what is said for its table."""
        own = self.columns.get(name, ColumnSettings())
        both = {"day_first": self.day_first, "decimal_comma": self.decimal_comma}
        return own.model_copy(update={k: v for k, v in both.items() if getattr(own, k) is None})


class BlobSettings(_Section):
    """A column that holds the practice's files; `name` is the column with their names."""

    table: str
    column: str
    name: str | None = None


class SourceSettings(_Section):
    """Where the practice's data is, and how to read what it says."""

    url: str
    """Path of a database, dump, folder or zip of exports or carried file; or a URL."""
    profile: str | None = None
    """The practice's program, if it is a known one: dent_o_soft or open_dental."""
    documents: Path | None = None
    """Folder of the files that the source names, if it is not found beside it."""
    blobs: BlobSettings | None = None
    """Where the files are, if they lie in a table and not in a folder."""
    encoding: str | None = None
    """Code page of exported text files, where the one found is wrong."""
    delimiter: OneMark | None = None
    """Mark between the values of exported text files, where the one found is wrong."""
    tables: dict[str, TableSettings] = {}
    """Exceptions for single tables, by name."""
    rest: RestSettings | None = None
    """What to read, where `url` is the address of a JSON service."""
    time_zone: str = "America/New_York"
    """The practice's time zone, such as Europe/Athens: times without an offset are in it."""
    region: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] = "US"
    """Two capital letters of the country: phone numbers without a country code are of it."""
    day_first: bool = False
    """How dates in columns of text are read where neither they nor their tables tell."""
    part_rows: Annotated[int, Field(ge=1_000, le=1_000_000)] = 50_000
    """Rows that are worked on at once: fewer need less memory."""

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        known = available_timezones()
        if value not in known:
            near = meant(value, sorted(known))
            instead = f"did you mean {near}?" if near else "such a name is Europe/Athens"
            raise ValueError(f"there is no such time zone: {instead}")
        return value

    @property
    def zone(self) -> ZoneInfo:
        """The practice's time zone."""
        return ZoneInfo(self.time_zone)

    def table(self, name: str) -> TableSettings:
        """Return how a table is read: what is said for it, else what is said for all."""
        own = self.tables.get(name, TableSettings())
        both = {"encoding": self.encoding, "delimiter": self.delimiter}
        return own.model_copy(update={k: v for k, v in both.items() if getattr(own, k) is None})


class PracticeSource(SourceSettings):
    """One practice of a group. Its record keys begin with its name: `north:4711`."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,19}$")]


class TargetSettings(_Section):
    """Which Zoho CRM the engagement writes to. Credentials are never here: see `zoho.auth`."""

    kind: TargetKind = TargetKind.EMULATOR
    """What kind of org this is: the loader refuses every other kind."""
    data_centre: DataCentre = DataCentre.US
    """Where the org lives, by the end of the address its users sign in at."""
    url: str | None = None
    """Address of an emulator that runs already; an org's own is known by its data centre."""
    accounts_url: str | None = None
    """Address that gives access tokens, where it is not the data centre's."""
    upload_url: str | None = None
    """Address for bulk files, where it is not the data centre's."""
    edition: str = "enterprise"
    """Edition of the local emulator; an org tells its own."""
    default_owner: str | None = None
    """E-mail of the Zoho user who owns what nobody else does."""
    file_limit_mb: Annotated[float, Field(gt=0, le=100)] = 25
    """Larger files are listed and linked by a note instead of uploaded."""


class SampleSettings(_Section):
    """How the sample is chosen: 50 to 100 records, reproducible by seed."""

    size: Annotated[int, Field(ge=50, le=100)] = 80
    """Records of the sample, parents of the chosen ones not counted."""
    seed: int = 7
    """Another seed chooses other records."""


class ComputeSettings(_Section):
    """Where parts are worked on: a Dask scheduler name or the address of a cluster."""

    scheduler: Annotated[
        str, Field(pattern=r"^(threads|processes|synchronous|(tcp|tls|ws|wss)://\S+)$")
    ] = "threads"
    """threads, processes, synchronous, or the address of a Dask cluster (tcp://…)."""
    workers: Annotated[int, Field(ge=1, le=64)] = 2
    """Parts that are worked on at once."""


class LanguageModelSettings(_Section):
    """A language model that may be asked about columns in doubt: it is sent names and shapes."""

    url: Annotated[str, Field(pattern=r"^https?://")]
    model: Annotated[str, Field(min_length=1)]
    key_variable: str | None = None
    """Environment variable that holds the key; the key itself is never here."""


class MappingSettings(_Section):
    """How a mapping is proposed and confirmed. No language model is asked unless one is named."""

    language_model: LanguageModelSettings | None = None
    second_reviewer: bool = False
    """Whether two different persons have to confirm each row."""
    learn_from: tuple[Path, ...] = ()
    """Folders of earlier engagements whose confirmed rows count as evidence: names alone."""


class EngagementFile(_Section):
    """The content of `engagement.yml`."""

    version: Literal[1] = 1
    client: Annotated[str, Field(min_length=1, max_length=80)]
    """The practice's name, as the evidence shows it."""
    source: SourceSettings
    """The practice's data; of a group that of the first practice."""
    sources: tuple[PracticeSource, ...] = ()
    """The practices of a group, in place of `source`."""
    target: TargetSettings = TargetSettings()
    sample: SampleSettings = SampleSettings()
    compute: ComputeSettings = ComputeSettings()
    mapping: MappingSettings = MappingSettings()
    ledger: str | None = None
    """SQLAlchemy URL of the ledger, where it is not the file ledger.db beside this one."""

    @model_validator(mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        """Let `source` be the first of `sources`, whose own mistakes are named where they stand."""
        given = value.get("sources") if isinstance(value, dict) else None
        if not given:
            return value
        if value.get("source") is not None:
            raise ValueError("give `source` for one practice or `sources` for a group, not both")
        try:
            first = PracticeSource.model_validate(given[0]).model_dump(exclude={"name"})
        except (ValidationError, LookupError, TypeError):
            first = {"url": "see `sources`"}
        return {**value, "source": first}

    @field_validator("sources")
    @classmethod
    def _told_apart(cls, value: tuple[PracticeSource, ...]) -> tuple[PracticeSource, ...]:
        names = [one.name for one in value]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two practices have the same name: {', '.join(twice)}")
        return value


class Engagement:
    """An engagement folder with its settings, or one `practice` of it. All paths are absolute."""

    def __init__(self, folder: Path, settings: EngagementFile, practice: str | None = None) -> None:
        self.folder = folder
        self.settings = settings
        self.practice = practice

    @classmethod
    def create(cls, folder: Path | str, settings: EngagementFile) -> Engagement:
        """Make a new engagement folder. Raises ConfigError where one stands already."""
        path = Path(folder).expanduser().resolve()
        if (path / FILE_NAME).exists():
            raise ConfigError(
                f"{path} already holds an engagement.",
                hint="Choose another folder, or go on with `migrator status` there.",
            )
        keep_private()
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        (path / "private").mkdir(mode=0o700, exist_ok=True)
        doubled = {"source"} if settings.sources else {"sources"}
        tree = settings.model_dump(mode="json", exclude_none=True, exclude=doubled)
        with (path / FILE_NAME).open("w", encoding="utf-8") as stream:
            stream.write(yamlfile.place_schema(path, "engagement"))
            yamlfile.round_trip().dump(tree, stream)
        return cls(path, settings)

    @classmethod
    def open(cls, folder: Path | str) -> Engagement:
        """Read the engagement in `folder`. Raises ConfigError with file and line."""
        keep_private()
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
    def practices(self) -> tuple[str, ...]:
        """Names of the practices of a group, in order; empty where there is one practice."""
        return tuple(sorted(one.name for one in self.settings.sources))

    def of(self, practice: str) -> Engagement:
        """Return the engagement as one practice of the group sees it: its source, its snapshots.

        Raises ConfigError for a name that `sources` does not have.
        """
        for one in self.settings.sources:
            if one.name == practice:
                alone = self.settings.model_copy(update={"source": one, "sources": ()})
                return Engagement(self.folder, alone, practice)
        raise ConfigError(
            f"There is no practice {practice!r} in this engagement.",
            hint=f"Its practices: {', '.join(self.practices) or 'none has a name'}.",
        )

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
        """Folder of immutable snapshots, one sub-folder each; of a group one folder a practice."""
        return self.folder / "snapshots" / (self.practice or "")

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


def keep_private() -> None:
    """Let this process make files and folders that their owner alone can read, from now on.

    Snapshots, ledgers, logs and lists hold patient data; who works with an engagement has opened
    it first, and the processes that are started afterwards inherit the rule.
    """
    os.umask(os.umask(0o077) | 0o077)


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
