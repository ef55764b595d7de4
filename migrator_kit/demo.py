"""New engagements, and the demo: the whole main job on the local Zoho CRM emulator."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import requests
from pydantic import BaseModel, ValidationError

from migrator_kit.chain import Step, run_chain, run_delta_chain
from migrator_kit.engagement import (
    Engagement,
    EngagementFile,
    SourceSettings,
    keep_private,
)
from migrator_kit.errors import ConfigError

Settings = TypeVar("Settings", bound=BaseModel)

REVIEWER = "Demo reviewer (automatic, not a person)"
"""Who confirms the demo's mapping and signs its sample off; stated as such in the evidence."""

_NAMED = re.compile(r"([a-z][a-z0-9_]*)=(.+)")

_MARKER = ".migrator-demo"


@dataclass(frozen=True, slots=True)
class DemoResult:
    """Where the demo's engagement and evidence are, and where its objects stand."""

    engagement: Engagement
    status: dict[str, Any]
    evidence: Path
    pack: Path


@dataclass(frozen=True, slots=True)
class FirstLook:
    """What a source shows when it is opened: its tables with their columns, and its profile."""

    tables: dict[str, set[str]]
    profile: str | None


def first_look(source: str) -> FirstLook:
    """Open a source and return what is there. Raises SourceError."""
    from migrator_kit.mapping.files import detect_profile
    from migrator_kit.source.connect import open_source

    with open_source(_checked(SourceSettings, {"url": _absolute(source)})) as opened:
        tables = {table.name: set(table.columns) for table in opened.describe()}
    return FirstLook(tables, detect_profile(tables))


def new_engagement(
    folder: Path,
    source: str,
    *,
    profile: str | None = None,
    client: str | None = None,
    time_zone: str | None = None,
    region: str | None = None,
    look: FirstLook | None = None,
) -> Engagement:
    """Make an engagement after a look at its source. Raises SourceError, ConfigError.

    The target is the engagement's own emulator until `engagement.yml` says otherwise: a rehearsal
    comes before an org.
    """
    _known_profile(profile)
    given = _given(source, time_zone, region)
    look = look or first_look(source)
    given["profile"] = profile or look.profile
    name = name_of_source(source) if client is None else client
    return Engagement.create(folder, _checked(EngagementFile, {"client": name, "source": given}))


def new_group(
    folder: Path,
    places: Mapping[str, str],
    *,
    profile: str | None = None,
    client: str | None = None,
    time_zone: str | None = None,
    region: str | None = None,
) -> Engagement:
    """Make an engagement of several practices, by name their path or URL; errors as above."""
    _known_profile(profile)
    sources = [
        {
            **_given(place, time_zone, region),
            "name": name,
            "profile": profile or first_look(place).profile,
        }
        for name, place in places.items()
    ]
    told = {"client": client or "Group of practices", "sources": sources}
    return Engagement.create(folder, _checked(EngagementFile, told))


def places_of(given: Sequence[str]) -> str | dict[str, str] | None:
    """Return what `--source` says: one place, `NAME=PLACE` for each practice of a group, or None.

    Raises ConfigError for several places without names of their own.
    """
    named = [_NAMED.fullmatch(one) for one in given]
    places = {match[1]: match[2] for match in named if match}
    if len(places) == len(given):
        return places or None
    if len(given) == 1:
        return given[0]
    raise ConfigError(
        "Each practice of a group needs a name of its own.",
        hint="For example: --source north=north.db --source south=south.db",
    )


def _known_profile(profile: str | None) -> None:
    from migrator_kit.mapping.files import PROFILES

    if profile is not None and profile not in PROFILES:
        raise ConfigError(
            f"There is no profile {profile!r}.", hint=f"Known profiles: {', '.join(PROFILES)}"
        )


def _given(source: str, time_zone: str | None, region: str | None) -> dict[str, Any]:
    told = {"time_zone": time_zone, "region": region}
    given: dict[str, Any] = {name: value for name, value in told.items() if value}
    given["url"] = _absolute(source)
    _checked(SourceSettings, given)
    return given


def run_demo(
    out: Path,
    *,
    patients: int,
    source: str | None,
    practices: int = 1,
    seed: int,
    replace: bool,
    say: Callable[[str], None],
) -> DemoResult:
    """Generate or take a practice, or a group of them, move it, and return where the evidence is.

    Raises ConfigError where `out` holds something that is not an earlier demo.
    """
    from migrator_kit.mapping.decisions import decide
    from migrator_kit.mapping.files import write_default
    from migrator_kit.sample import generate
    from migrator_kit.sample.later_work import work_on
    from migrator_kit.source.snapshot import take_snapshot
    from migrator_kit.workbench.gates import sign
    from migrator_kit.workbench.packing import pack_evidence
    from migrator_kit.workbench.reports import open_session, status_report

    if source is not None and practices > 1:
        raise ConfigError("A group is generated: give --source or --practices, not both.")
    keep_private()
    folder = _fresh_folder(out, replace=replace)
    staff: tuple[str, ...] = ()
    homes: dict[str, Path] = {}
    databases: dict[str, str] = {}
    if source is None:
        of_a_group = {f"practice{n}": folder / f"practice{n}" for n in range(1, practices + 1)}
        homes = of_a_group if practices > 1 else {"": folder / "practice"}
        say(f"demo: generating {_counted(practices)} of {patients:,} patients")
        made = {name: generate(home, patients=patients, seed=seed + n)
                for n, (name, home) in enumerate(homes.items())}  # fmt: skip
        staff = tuple(dict.fromkeys(email for one in made.values() for email in one.owners))
        databases = {name: str(one.database) for name, one in made.items()}
        source = databases.get("", "")
    if source:
        engagement = new_engagement(folder, source, client="Demo practice")
    else:
        engagement = new_group(folder, databases, client="Demo group")
    if engagement.settings.source.profile is None:
        raise ConfigError(
            "No profile fits this source, so the demo has no mapping for it.",
            hint="Begin with: migrator init DIR --source PATH_OR_URL, then migrator audit DIR",
        )
    say("demo: taking the snapshot")
    take_snapshot(engagement)
    write_default(engagement, engagement.settings.source.profile)
    decide(engagement, by=REVIEWER, note="default mapping of the profile")
    _welcome_staff(engagement, staff)
    run_id = engagement.new_run_id()
    run_chain(engagement, last=Step.SAMPLE, run_id=run_id, say=say)
    sign(open_session(engagement), REVIEWER, "demo: nobody has looked at the sample")
    run_chain(engagement, first=Step.LOAD, run_id=run_id, say=say)
    for n, home in enumerate(homes.values()):
        say("demo: the practice goes on working")
        work_on(home, seed=seed + n)
    run_delta_chain(engagement, say=say)
    say("demo: packing the evidence")
    packed = pack_evidence(engagement, with_pdf=False)
    status = status_report(engagement)
    return DemoResult(engagement, status, Path(status["evidence"]), packed.path)


def _fresh_folder(out: Path, *, replace: bool) -> Path:
    """Return an empty folder for the demo; an earlier one is removed only when asked.

    What a demo left behind that stopped before it had an engagement is removed.
    """
    folder = out.expanduser().resolve()
    if folder.exists() and any(folder.iterdir()):
        if not (folder / _MARKER).exists():
            raise ConfigError(f"{folder} is not empty.", hint="Name an empty folder: --out DIR")
        if not replace and (folder / "engagement.yml").exists():
            raise ConfigError(
                f"{folder} holds an earlier demo.",
                hint="Look at it with `migrator status`, or replace it: --replace",
            )
        from migrator_kit.load.target import stop_emulator

        if (folder / "engagement.yml").exists():
            stop_emulator(Engagement.open(folder))
        shutil.rmtree(folder)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / _MARKER).touch()
    return folder


def _welcome_staff(engagement: Engagement, emails: tuple[str, ...]) -> None:
    """Make the practice's active staff users of the emulated org, as its administrator would."""
    from migrator_kit.load.target import open_target

    url = open_target(engagement).url
    users = [{"email": email} for email in emails]
    if users:
        answer = requests.post(f"{url}/_emulator/users", json={"users": users}, timeout=30)
        answer.raise_for_status()


def _checked(model: type[Settings], given: dict[str, Any]) -> Settings:
    """Return settings as a model. Raises ConfigError with every finding."""
    try:
        return model.model_validate(given)
    except ValidationError as error:
        found = [
            f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
            for problem in error.errors(include_input=False, include_url=False)
        ]
        raise ConfigError("The engagement cannot be made.", hint="\n  ".join(found)) from None


def _absolute(source: str) -> str:
    """Return a path as absolute, a URL as it is."""
    if re.match(r"^[a-z][a-z0-9+.-]*://", source, re.IGNORECASE):
        return source
    return str(Path(source).expanduser().resolve())


def _counted(practices: int) -> str:
    return "a practice" if practices == 1 else f"{practices} practices, each"


def name_of_source(source: str) -> str:
    """Return a name for the practice, by what its source is called."""
    stem = Path(source.split("?")[0].rstrip("/")).stem
    return (re.sub(r"[^\w .-]", "", stem) or "Practice")[:80]
