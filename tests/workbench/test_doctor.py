"""The doctor: each thing that would stop a migration is named, with what to do about it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from migrator_kit import yamlfile
from migrator_kit.cli import main
from migrator_kit.demo import new_engagement
from migrator_kit.engagement import Engagement, EngagementFile
from migrator_kit.load.org_schema import OrgSchema
from migrator_kit.load.target import stop_emulator
from migrator_kit.mapping.decisions import decide
from migrator_kit.mapping.files import default_mapping, write_default
from migrator_kit.sample import generate
from migrator_kit.source.snapshot import take_snapshot
from migrator_kit.workbench.doctor import Check, examine
from migrator_kit.workbench.doctor.machine import (
    GIGABYTE,
    clock_check,
    disk_check,
    memory_check,
    package_check,
    python_check,
    time_at,
)
from migrator_kit.workbench.doctor.practice import read_only_check
from migrator_kit.workbench.doctor.target import (
    credits_check,
    edition_check,
    notes_check,
    room_check,
    scopes_check,
    users_check,
)
from migrator_kit.zoho.limits import limits_for
from migrator_kit.zoho.org import Org

MACHINE = ["Python", "Packages", "Disk", "Memory"]
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def an_org(edition: str, *, trial: bool = False) -> Org:
    return Org("1", "2", "Harbor", "production", edition, 3, trial, "UTC", "USD", hipaa=False)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Engagement, tuple[str, ...]]]:
    """An engagement with a snapshot and a confirmed mapping, and its practice's active staff."""
    folder = tmp_path_factory.mktemp("doctor")
    practice = generate(folder / "practice", patients=20, seed=5)
    engagement = new_engagement(folder / "engagement", str(practice.database), client="Harbor")
    take_snapshot(engagement)
    write_default(engagement, "dent_o_soft")
    decide(engagement, by="Dr. Example")
    yield engagement, practice.owners
    stop_emulator(engagement)


@pytest.fixture
def engagement(made: tuple[Engagement, tuple[str, ...]]) -> Iterator[Engagement]:
    """The engagement; what a test writes into engagement.yml is taken back."""
    path = made[0].folder / "engagement.yml"
    before = path.read_text(encoding="utf-8")
    yield made[0]
    path.write_text(before, encoding="utf-8")


@pytest.fixture
def late_host() -> Iterator[str]:
    """A host that is twelve minutes behind."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response_only(404)
            self.send_header("Date", format_datetime(NOW - timedelta(minutes=12), usegmt=True))
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()


def told(engagement: Engagement, section: str, **changes: Any) -> Path:
    """Write changes into engagement.yml as a person would and return the folder."""
    tree = engagement.settings.model_dump(mode="json", exclude_none=True)
    tree[section] |= changes
    EngagementFile.model_validate(tree)
    with (engagement.folder / "engagement.yml").open("w", encoding="utf-8") as stream:
        yamlfile.round_trip().dump(tree, stream)
    return engagement.folder


def named(checks: list[Check]) -> dict[str, Check]:
    assert len({check.name for check in checks}) == len(checks)
    for check in checks:
        assert bool(check.remedy) == (check.level != "ok"), check
    return {check.name: check for check in checks}


def test_without_an_engagement_only_the_machine_is_looked_at(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = main(["doctor", "--json"])
    report = json.loads(capsys.readouterr().out)
    assert [check["name"] for check in report["checks"]] == MACHINE
    assert code == (0 if report["ok"] else 1)
    assert report["checks"][1]["level"] == "ok"


def test_a_ready_engagement_passes_on_its_own_emulator(
    engagement: Engagement, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", str(engagement.folder)]) == 0
    out = capsys.readouterr().out
    for name in (*MACHINE, "Source", "Source read-only", "Documents", "Snapshot", "Mapping",
                 "Credentials", "Org", "Org type", "Clock", "Scopes", "Edition", "API tier",
                 "Credits", "Notes", "Custom fields"):  # fmt: skip
        assert f"ok    {name} " in out, name
    assert "warn  Users" in out
    assert "→ Invite them" in out


def test_staff_who_are_users_are_counted(
    made: tuple[Engagement, tuple[str, ...]], engagement: Engagement, emulator: Any
) -> None:
    folder = told(engagement, "target", url=emulator.url)
    emulator.add_users([{"email": email} for email in made[1]])
    before = emulator.stats()
    users = named(examine(folder))["Users"]
    matched, of, staff = users.found.split()[:3]
    assert (of, int(matched)) == ("of", len(made[1]))
    assert int(staff) >= int(matched) > 0
    assert emulator.stats().get("writes") == before.get("writes")


def test_an_org_of_another_kind_fails(
    engagement: Engagement, emulator: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    emulator.settings(org_type="production")
    folder = told(engagement, "target", url=emulator.url)
    assert main(["doctor", str(folder), "--json"]) == 1
    checks = {one["name"]: one for one in json.loads(capsys.readouterr().out)["checks"]}
    assert checks["Org type"]["level"] == "fail"
    assert "production" in checks["Org type"]["found"]
    assert checks["Org type"]["remedy"]


def test_a_small_edition_has_no_room_for_the_fields(
    engagement: Engagement, tmp_path: Path, start_emulator: Callable[..., Any]
) -> None:
    running = start_emulator(tmp_path / "small.db", "--edition", "standard")
    folder = told(engagement, "target", url=running.url, edition="standard")
    checks = named(examine(folder))
    assert checks["Custom fields"].level == "fail"
    assert "Contacts needs" in checks["Custom fields"].found
    assert "10 calls at once" in checks["API tier"].found


def test_missing_credentials_are_named_and_nothing_is_sent(
    engagement: Engagement, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ZOHO_CLIENT_ID", "ZOHO_CLIENT_SECRET", "ZOHO_REFRESH_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ZOHO_CLIENT_ID", "1000.visible-id")
    checks = named(examine(told(engagement, "target", kind="sandbox")))
    assert checks["Credentials"].level == "fail"
    said = checks["Credentials"].found + checks["Credentials"].remedy
    assert "ZOHO_REFRESH_TOKEN" in said
    assert "visible-id" not in said
    assert "Org" not in checks


def test_a_source_that_is_gone_stops_only_who_has_no_snapshot(
    engagement: Engagement, emulator: Any, tmp_path: Path
) -> None:
    told(engagement, "target", url=emulator.url)
    gone = engagement.settings.model_copy(
        update={"source": engagement.settings.source.model_copy(update={"url": "/gone.db"})}
    )
    with_snapshot = Engagement(engagement.folder, gone)
    checks = named(examine(told(with_snapshot, "target", url=emulator.url)))
    assert checks["Source"].level == "warn"
    assert "delta" in checks["Source"].found
    fresh = Engagement.create(tmp_path / "fresh", gone)
    checks = named(examine(told(fresh, "target", url=emulator.url)))
    assert checks["Source"].level == "fail"
    assert checks["Snapshot"].level == checks["Mapping"].level == "warn"
    for name in ("Users", "Custom fields"):
        assert checks[name].level == "warn", "what cannot be known yet says why"
        assert "there is no" in checks[name].found


def test_the_clock_is_read_from_what_a_host_answers(late_host: str) -> None:
    assert clock_check(NOW, time_at(late_host)).level == "fail"
    assert clock_check(NOW, time_at("http://127.0.0.1:9/")).level == "warn"


def test_a_folder_without_an_engagement_is_wrong_usage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", str(tmp_path)]) == 2
    assert "migrator init" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("check", "level"),
    [
        (python_check((3, 10, 9)), "fail"),
        (python_check((3, 13, 0)), "ok"),
        (disk_check(GIGABYTE, 0), "fail"),
        (disk_check(5 * GIGABYTE, GIGABYTE), "warn"),
        (disk_check(5 * GIGABYTE, 4 * GIGABYTE), "fail"),
        (disk_check(50 * GIGABYTE, 4 * GIGABYTE), "ok"),
        (memory_check(GIGABYTE), "fail"),
        (memory_check(3 * GIGABYTE), "warn"),
        (memory_check(None), "warn"),
        (memory_check(8 * GIGABYTE), "ok"),
        (clock_check(NOW, NOW + timedelta(seconds=5)), "ok"),
        (clock_check(NOW, NOW + timedelta(minutes=3)), "warn"),
        (clock_check(NOW, NOW - timedelta(minutes=11)), "fail"),
        (clock_check(NOW, None), "warn"),
        (package_check(["a>=1.2,<2", "b_c[x]==3"], {"a": "1.10.1", "b-c": "3.0"}), "ok"),
        (package_check(["a>=1.2,<2"], {"a": "2.0"}), "fail"),
        (package_check(["a>=1.2"], {"a": "1.1.9"}), "fail"),
        (package_check(["a"], {}), "fail"),
        (package_check(['a>9; extra == "dev"'], {}), "ok"),
        (scopes_check(()), "ok"),
        (scopes_check(("ZohoCRM.bulk.ALL",)), "fail"),
        (credits_check(0, 1_000), "fail"),
        (credits_check(100, 1_000), "warn"),
        (credits_check(900, 1_000), "ok"),
        (users_check(5, 0), "ok"),
        (users_check(5, 2), "warn"),
        (notes_check("NOT_SUPPORTED"), "warn"),
        (notes_check(None), "ok"),
        (read_only_check("mssql"), "warn"),
        (read_only_check("postgresql"), "ok"),
        (read_only_check("postgresql", "GRANT SELECT …"), "warn"),
        (edition_check(an_org("enterprise"), "enterprise"), "ok"),
        (edition_check(an_org("professional"), "enterprise"), "warn"),
        (edition_check(an_org("free"), "free"), "warn"),
        (edition_check(an_org("enterprise", trial=True), "enterprise"), "warn"),
    ],
)
def test_each_check_says_how_bad_it_is_and_what_to_do(check: Check, level: str) -> None:
    assert check.level == level
    assert check.found
    assert bool(check.remedy) == (level != "ok")


@pytest.mark.parametrize(("edition", "level"), [("free", "fail"), ("enterprise", "ok")])
def test_room_counts_what_the_mapping_creates(edition: str, level: str) -> None:
    mapping = default_mapping("dent_o_soft")
    assert room_check(mapping, OrgSchema({}, None), limits_for(edition)).level == level
