"""Owners: staff to Zoho users by e-mail, overrides, and who steps in where nobody fits."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import duckdb
import pandas as pd
import pytest

from migrator_kit.engagement import (
    Engagement,
    EngagementFile,
    SourceSettings,
    TargetKind,
    TargetSettings,
)  # fmt: skip
from migrator_kit.errors import ConfigError, SourceError
from migrator_kit.load.owners import How, Owners, resolve_owners
from migrator_kit.load.target import Target
from migrator_kit.mapping.model import Mapping
from migrator_kit.zoho.org import User

STAFF = pd.DataFrame(
    {
        "owner_key": ["DR1", "DR2", "DR3", "DR4", "DR1"],
        "name": ["One", "Two", "Three", "Four", "One again"],
        "email": [" Ada@Clinic.example ", "left@clinic.example", None, "nobody@else.example", "x"],
        "active": [1, 0, 1, 1, 1],
    }
)


class Snapshot:
    def connect(self) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect()
        connection.register("providers", STAFF)
        return connection


def user(number: int, email: str, status: str = "active") -> User:
    return User(str(number), email, f"User {number}", status, True, "Standard", "", "UTC")


ADMIN = user(1, "admin@clinic.example")


def org() -> Target:
    users = (ADMIN, user(2, "ada@clinic.example"), user(3, "left@clinic.example", "inactive"))
    made = SimpleNamespace(users=users, api_user=ADMIN, kind=TargetKind.SANDBOX)
    return cast("Target", made)


def resolved(tmp_path: Path, owners_yml: str = "", select: str = "FROM providers",
             **target: Any) -> Owners:  # fmt: skip
    settings = EngagementFile(
        client="C", source=SourceSettings(url="x.db"), target=TargetSettings(**target)
    )
    engagement = Engagement.create(tmp_path / "engagement", settings)
    if owners_yml:
        engagement.owners_path.write_text(owners_yml)
    mapping = Mapping.model_validate({"profile": "p", "objects": [], "owners": {"select": select}})
    return resolve_owners(engagement, Snapshot(), mapping, org())


def how(owners: Owners) -> dict[str, str]:
    return dict(zip(owners.table["owner_key"], owners.table["how"], strict=True))


def test_staff_are_found_by_email_whatever_its_case(tmp_path: Path) -> None:
    owners = resolved(tmp_path)
    assert how(owners) == {
        "DR1": How.EMAIL, "DR2": How.INACTIVE, "DR3": How.NO_EMAIL, "DR4": How.NO_USER,
    }  # fmt: skip
    assert owners.user_ids == {"DR1": "2", "DR2": "1", "DR3": "1", "DR4": "1"}
    assert owners.unresolved["owner_key"].tolist() == ["DR2", "DR3", "DR4"]
    assert owners.default == ADMIN


def test_owners_yml_overrides_and_names_the_default(tmp_path: Path) -> None:
    owners = resolved(
        tmp_path, "default: ada@clinic.example\nowners:\n  DR2: Admin@Clinic.example\n"
    )
    assert owners.user_ids == {"DR1": "2", "DR2": "1", "DR3": "2", "DR4": "2"}
    assert how(owners)["DR2"] == How.FILE


def test_the_engagement_names_a_default_owner(tmp_path: Path) -> None:
    assert resolved(tmp_path, default_owner="ADA@clinic.example").default.id == "2"


@pytest.mark.parametrize(
    ("owners_yml", "says"),
    [
        ("owners:\n  DR2: who@clinic.example\n", "named for DR2 is unknown"),
        ("owners:\n  DR2: left@clinic.example\n", "named for DR2 is not active"),
        ("default: left@clinic.example\n", "the default owner is not active"),
        ("owners:\n  DR99: ada@clinic.example\n", "DR99"),
        ("owner:\n  DR2: x\n", "owners.yml:1"),
    ],
)
def test_a_wrong_owners_file_is_one_clear_error(tmp_path: Path, owners_yml: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        resolved(tmp_path, owners_yml)


def test_a_wrong_select_names_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="lacks: active, name"):
        resolved(tmp_path, select="SELECT owner_key, email FROM providers")
    with pytest.raises(SourceError, match="cannot be run"):
        resolved(tmp_path / "other", select="SELECT * FROM nowhere")
