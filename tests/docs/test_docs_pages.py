"""The pages agree with the code: transforms, errors, reasons, links, and each has its place."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from migrator_kit.docs import FOLDER, PAGES, contents, read_page
from migrator_kit.docs.error_catalogue import GATES, classes, error_catalogue
from migrator_kit.docs.mapping_reference import (
    mapping_reference,
    read_examples,
    run_example,
)
from migrator_kit.errors import ParameterError
from migrator_kit.load.states import Reason as LoadReason
from migrator_kit.mapping.rejects import RejectReason
from migrator_kit.mapping.transforms import REGISTRY
from migrator_kit.source.rights import READ_ONLY_USER
from migrator_kit.zoho.reasons import Reason, documented_codes

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "migrator_kit"
EXAMPLES = read_examples()
ANEW = "write it anew: python -m migrator_kit.docs"


def test_the_mapping_reference_is_as_the_registry_says() -> None:
    assert read_page("mapping-reference") == mapping_reference(), ANEW
    assert set(EXAMPLES) == set(REGISTRY), "every transform has an example"


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_each_example_gives_what_the_page_says(name: str) -> None:
    example = EXAMPLES[name]
    told = [(row["gives"], row.get("reason")) for row in example["rows"]]
    assert run_example(name, example) == told


def test_the_page_makes_a_read_only_user_as_the_doctor_says() -> None:
    page = read_page("prepare-practice")
    for statements in READ_ONLY_USER.values():
        for statement in statements:
            assert statement.format(database="practice", schema="public") in page


def test_the_error_catalogue_is_as_the_code_says() -> None:
    assert read_page("errors") == error_catalogue(), ANEW


def test_every_error_and_reason_is_documented_and_used_somewhere() -> None:
    page = read_page("errors")
    names = [
        *(one.__name__ for one in classes()), *RejectReason, *LoadReason, *Reason,
        *documented_codes(),
    ]  # fmt: skip
    assert [name for name in names if f"`{name}`" not in page and f"`{name} " not in page] == []
    used = set(_names_used())
    raised = {one.__name__ for one in classes() if not one.__subclasses__()}
    assert raised - used == set()
    homes = {"RejectReason": RejectReason, "Reason": Reason, "LoadReason": LoadReason}
    for home, reasons in homes.items():
        name = "Reason" if home == "LoadReason" else home
        unused = {r.name for r in reasons} - {u.rpartition(".")[2] for u in used if f"{name}." in u}
        assert unused == set(), f"{home} that nothing gives: {unused}"


def test_every_gate_is_documented() -> None:
    gates = set(re.findall(r"gate=\"([\w-]+)\"", _package_text()))
    gates |= set(re.findall(r"^GATE = \"([\w-]+)\"", _package_text(), re.M))
    assert gates
    assert gates - set(GATES) == set()


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name: str) -> None:
    text = read_page(name)
    assert text.startswith("# ")
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        if not target.startswith("http"):
            assert (FOLDER / target).exists(), f"{name}.md names {target}"


def test_the_readme_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#\s]+)", (ROOT / "README.md").read_text("utf-8")):
        assert target.startswith("http") or (ROOT / target).exists(), target


def test_pages_are_listed_and_found() -> None:
    assert {path.stem for path in FOLDER.glob("*.md")} == set(PAGES)
    assert all(name in contents() for name in PAGES)
    with pytest.raises(ParameterError, match="Did you mean security"):
        read_page("securty")


def _package_text() -> str:
    return "\n".join(path.read_text("utf-8") for path in sorted(PACKAGE.rglob("*.py")))


def _names_used() -> Iterator[str]:
    """Yield names that the package calls, and attributes of enumerations that it reads."""
    for path in PACKAGE.rglob("*.py"):
        if path.parent.name == "docs":
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Name):
                yield node.id
            elif isinstance(node, ast.Attribute):
                yield _dotted(node)


def _dotted(node: Any) -> str:
    return f"{_dotted(node.value)}.{node.attr}" if isinstance(node, ast.Attribute) else (
        node.id if isinstance(node, ast.Name) else ""
    )  # fmt: skip
