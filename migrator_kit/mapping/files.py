"""`mapping.yml` on disk: packaged profiles, loading, and the checks that name file and line."""

from __future__ import annotations

from collections.abc import Mapping as Map
from functools import cache
from pathlib import Path

from migrator_kit.engagement import Engagement
from migrator_kit.errors import ConfigError, GateClosed, MappingError
from migrator_kit.mapping.model import Mapping
from migrator_kit.mapping.transforms.own import own_text, use_own
from migrator_kit.yamlfile import InvalidYaml, load_model, place_schema

_FOLDER = Path(__file__).parent / "profiles"
PROFILES: tuple[str, ...] = tuple(sorted(path.stem for path in _FOLDER.glob("*.yml")))
"""Names of the packaged profiles."""

_ENOUGH = 0.75
"""Share of a profile's source columns that a source must have to be recognised."""


def profile_path(profile: str) -> Path:
    """Return the packaged file of a profile. Raises ConfigError for an unknown name."""
    if profile not in PROFILES:
        raise ConfigError(
            f"There is no profile {profile!r}.", hint=f"Known profiles: {', '.join(PROFILES)}."
        )
    return _FOLDER / f"{profile}.yml"


@cache
def default_mapping(profile: str) -> Mapping:
    """Return the packaged mapping of a profile. Raises ConfigError for an unknown name."""
    return read_mapping(profile_path(profile))


def detect_profile(tables: Map[str, set[str]]) -> str | None:
    """Return the profile whose source columns these tables have, or None where none fits.

    `tables` gives the column names of each table of the source; case does not matter.
    """
    present = {f"{table}.{column}".lower() for table, columns in tables.items()
               for column in columns}  # fmt: skip
    shares = {}
    for profile in PROFILES:
        wanted = {name for name in known_columns(default_mapping(profile)) if name[-1] != "*"}
        shares[profile] = len(wanted & present) / len(wanted)
    best = max(shares, key=lambda name: shares[name])
    return best if shares[best] >= _ENOUGH else None


def known_columns(mapping: Mapping) -> set[str]:
    """Return the columns of the program's own schema, as `table.column` or `table.*`.

    In small letters; columns that a practice added for itself are left out.
    """
    moved = {source.lower() for item in mapping.objects for row in item.fields
             for source in row.sources if not row.custom_column}  # fmt: skip
    return moved | {source.lower() for entry in mapping.not_moved for source in entry.sources}


def write_default(engagement: Engagement, profile: str) -> Path:
    """Write a profile's mapping as the engagement's, comments included, and return its path.

    Raises ConfigError where the engagement has a mapping already: decisions are never overwritten.
    """
    path = engagement.mapping_path
    if path.exists():
        raise ConfigError(
            f"{path.name} exists already.", hint="Rename it first if it should be made anew."
        )
    text = profile_path(profile).read_text(encoding="utf-8")
    path.write_text(place_schema(path.parent, "mapping") + text, encoding="utf-8")
    return path


def load_mapping(engagement: Engagement) -> Mapping:
    """Return the engagement's mapping, with its own transforms made known.

    Raises GateClosed where there is none yet, MappingError with every finding, file and line.
    """
    if not engagement.mapping_path.exists():
        raise GateClosed(
            "There is no mapping.yml yet.",
            gate="mapping",
            opens_with=f"migrator propose {engagement.folder}",
        )
    use_own(own_text(engagement.folder))
    mapping = read_mapping(engagement.mapping_path)
    if engagement.settings.mapping.second_reviewer:
        return mapping.model_copy(update={"second_reviewer": True})
    return mapping


def read_mapping(path: Path) -> Mapping:
    """Return a mapping from its file. Raises MappingError with every finding, file and line."""
    try:
        return load_model(path, Mapping)
    except InvalidYaml as error:
        raise MappingError(f"{path.name} cannot be used.", findings=error.findings) from None
