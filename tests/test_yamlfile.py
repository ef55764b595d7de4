"""Nonsense in the files that people edit: every finding at once, with line and expectation."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest
from ruamel.yaml import YAML

from migrator_kit import yamlfile
from migrator_kit.engagement import Engagement, EngagementFile, SourceSettings
from migrator_kit.mapping.files import PROFILES, profile_path, write_default
from migrator_kit.mapping.json_schema import engagement_schema, mapping_schema, schemas
from migrator_kit.mapping.model import Mapping
from migrator_kit.yamlfile import InvalidYaml, load_model


def findings(tmp_path: Path, text: str | bytes) -> list[str]:
    path = tmp_path / "engagement.yml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InvalidYaml) as caught:
        load_model(path, EngagementFile)
    return [str(finding) for finding in caught.value.findings]


def test_everything_wrong_is_told_at_once(tmp_path: Path) -> None:
    text = (
        "client: x\nsource:\n  url: a\n  time_zon: y\n  time_zone: Europe/Athen\n"
        "target:\n  kind: sandbx\n  file_limit_mb: many\nsampel: {}\nsample: {size: 4}\n"
        "mapping: 5\n"
    )
    assert findings(tmp_path, text) == [
        "engagement.yml:5: source.time_zone: there is no such time zone: did you mean "
        "Europe/Athens?",
        "engagement.yml:4: source.time_zon: is no setting here (did you mean time_zone?)",
        "engagement.yml:7: target.kind: expected 'emulator', 'sandbox', 'developer' or "
        "'production'",
        "engagement.yml:8: target.file_limit_mb: expected a number",
        "engagement.yml:10: sample.size: expected greater than or equal to 50",
        "engagement.yml:11: mapping: expected a block of settings",
        "engagement.yml:9: sampel: is no setting here (did you mean sample?)",
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("client: a\nclient: b\nsource:\n  url: a\n  url: b\n",
         ["engagement.yml:2: client stands twice (keep one of them)",
          "engagement.yml:5: url stands twice (keep one of them)"]),
        ("client: x\nsource:\n\turl: a\n",
         ["engagement.yml:3: a tab where YAML takes spaces only (indent with spaces)"]),
        ("source: {url: x}\n", ["engagement.yml: client: is missing"]),
        ("[1, 2]\n", ["engagement.yml: expected a mapping of settings at the top"]),
        ("", ["engagement.yml: expected a mapping of settings at the top"]),
        ("client: [x\n", ["engagement.yml:2: while parsing a flow sequence expected ',' or ']', "
                          "but got '<stream end>'"]),
        ("a: " + "[" * 600, ["engagement.yml: brackets within brackets, too deep to be meant"]),
        (b"client: x\nsource: \xff\n",
         ["engagement.yml:2: a letter that is not UTF-8 (save the file as UTF-8)"]),
        ("client: \x00\n", ["engagement.yml: this is not YAML"]),
    ],
)  # fmt: skip
def test_what_is_no_yaml(tmp_path: Path, text: str | bytes, told: list[str]) -> None:
    assert findings(tmp_path, text) == told


def test_aliases_cannot_swell(tmp_path: Path) -> None:
    lines = ["a: &a [x, x]"]
    lines += [f"{n}: &{n} [{', '.join([f'*{p}'] * 9)}]" for p, n in zip("abcdefg", "bcdefgh",
                                                                       strict=True)]  # fmt: skip
    assert "endless" in findings(tmp_path, "\n".join(lines))[0]


def test_a_key_that_stands_twice_shows_no_value(tmp_path: Path) -> None:
    assert "secret" not in str(findings(tmp_path, "client: secret1\nclient: secret2\n"))


def test_the_packaged_schemas_are_as_the_models_say() -> None:
    for name, text in schemas().items():
        assert (yamlfile.SCHEMAS / name).read_text("utf-8") == text, (
            "write them anew: python -m migrator_kit.docs"
        )


@pytest.mark.parametrize("profile", PROFILES)
def test_the_profiles_fit_the_schema_of_a_mapping(profile: str) -> None:
    tree = YAML(typ="safe").load(profile_path(profile))
    check = jsonschema.Draft7Validator(mapping_schema())
    assert [error.message for error in check.iter_errors(tree)] == []
    tree["objects"][0]["fields"][0]["transform"] = {"phone": {"regoin": "GR"}}
    assert list(check.iter_errors(tree))


def test_a_new_engagement_fits_its_schema_and_names_it(tmp_path: Path) -> None:
    settings = EngagementFile(client="x", source=SourceSettings(url="y"))
    engagement = Engagement.create(tmp_path / "e", settings)
    write_default(engagement, "dent_o_soft")
    files = [(engagement.folder / "engagement.yml", engagement_schema()),
             (engagement.mapping_path, mapping_schema())]  # fmt: skip
    for path, schema in files:
        first, _, _ = path.read_text("utf-8").partition("\n")
        named = first.removeprefix("# yaml-language-server: $schema=")
        assert (path.parent / named).is_file()
        jsonschema.Draft7Validator(schema).validate(YAML(typ="safe").load(path))
    assert load_model(engagement.mapping_path, Mapping).profile == "dent_o_soft"


def test_every_setting_of_the_engagement_is_described() -> None:
    source = engagement_schema()["$defs"]["SourceSettings"]["properties"]
    assert all("description" in one for name, one in source.items() if "$ref" not in str(one))
