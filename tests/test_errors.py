"""Errors tell what to do, and their exit codes are a contract."""

from __future__ import annotations

import pytest

from migrator_kit import errors
from migrator_kit.errors import Finding, GateClosed, MappingError, MigratorError


@pytest.mark.parametrize(
    ("kind", "code"),
    [("UsageError", 2), ("ConfigError", 2), ("MappingError", 2), ("ParameterError", 2),
     ("SourceError", 2), ("GateClosed", 3), ("TargetError", 1), ("EvidenceError", 1)],
)  # fmt: skip
def test_exit_codes(kind: str, code: int) -> None:
    assert getattr(errors, kind).exit_code == code


def test_a_closed_gate_names_the_command_that_opens_it() -> None:
    gate = GateClosed("12 rows wait.", gate="mapping", opens_with="migrator confirm DIR --all")
    assert "migrator confirm DIR --all" in str(gate)


def test_a_mapping_error_carries_every_finding() -> None:
    findings = [Finding("mapping.yml:3", "no such field", "did you mean Email?")] * 2
    text = str(MappingError("mapping.yml cannot be used.", findings=findings))
    assert text.count("mapping.yml:3: no such field (did you mean Email?)") == 2


def test_the_drawn_tree_names_every_class() -> None:
    classes = [c for c in vars(errors).values() if isinstance(c, type)]
    own = {c.__name__ for c in classes if issubclass(c, MigratorError)}
    assert own <= set(errors.__doc__.replace("─", " ").split())  # type: ignore[union-attr]
