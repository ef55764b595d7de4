"""Shared objects of the conformance tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.conformance.documented import Samples
from tests.conformance.org import Org

SAMPLES = Path(__file__).parents[2].parent / "shared" / "data" / "19_zoho_docs_samples"


@pytest.fixture(scope="session")
def samples() -> Samples:
    if not SAMPLES.is_dir():
        pytest.skip("the vendor's documented samples are not at hand")
    return Samples(SAMPLES)


@pytest.fixture(scope="module")
def org(samples: Samples, emulator_module: Any) -> Org:
    return Org(emulator_module)
