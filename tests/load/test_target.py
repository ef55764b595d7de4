"""The engagement's own emulator: started once, shared, stopped by the last; kinds of orgs."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from migrator_kit.engagement import Engagement, EngagementFile, SourceSettings, TargetSettings
from migrator_kit.errors import ConfigError, TerminalError
from migrator_kit.load.local_org import answers
from migrator_kit.load.target import open_target, stop_emulator


def engagement_in(folder: Path, **target: Any) -> Engagement:
    settings = EngagementFile(
        client="C", source=SourceSettings(url="x.db"), target=TargetSettings(**target)
    )
    return Engagement.create(folder / "engagement", settings)


def test_the_emulator_starts_on_first_use_and_is_shared(tmp_path: Path) -> None:
    engagement = engagement_in(tmp_path)
    with_first = open_target(engagement)
    again = open_target(Engagement.open(engagement.folder))
    assert again.url == with_first.url
    assert with_first.org.type == "sandbox"
    assert with_first.api_user.active
    assert any(not user.active for user in with_first.users)
    state = json.loads((engagement.private / "emulator.json").read_text())
    assert with_first.url.endswith(f":{state['port']}")
    url = with_first.url
    with_first.close()
    again.close()
    stop_emulator(engagement)
    assert not answers(url)
    stop_emulator(engagement)
    later = open_target(engagement)
    assert later.url == url, "the port is kept, so that access tokens stay good"
    assert later.org.id == with_first.org.id, "the org outlives its process"
    later.close()
    stop_emulator(engagement)


def test_the_last_process_to_end_stops_the_emulator(tmp_path: Path) -> None:
    engagement = engagement_in(tmp_path)
    program = textwrap.dedent(f"""
        from migrator_kit.engagement import Engagement
        from migrator_kit.load.target import open_target
        print(open_target(Engagement.open({str(engagement.folder)!r})).url)
    """)
    run = [sys.executable, "-c", program]
    alone = subprocess.run(run, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert not answers(alone.stdout.strip())
    mine = open_target(engagement)
    shared = subprocess.run(run, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert shared.stdout.strip() == mine.url
    assert answers(mine.url), "another user of the emulator keeps it running"
    mine.close()
    stop_emulator(engagement)


def test_an_org_of_another_kind_is_refused(emulator: Any, tmp_path: Path) -> None:
    emulator.settings(org_type="production")
    with pytest.raises(TerminalError, match="kind emulator"):
        open_target(engagement_in(tmp_path, url=emulator.url))


def test_missing_credentials_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ZOHO_CLIENT_ID", "ZOHO_CLIENT_SECRET", "ZOHO_REFRESH_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigError, match="ZOHO_REFRESH_TOKEN"):
        open_target(engagement_in(tmp_path, kind="sandbox"))
