"""How long shaping takes: the full default mapping on 100,000 patients, on one core."""

from __future__ import annotations

import random
import time

import pandas as pd
import pytest

from migrator_kit.mapping.files import default_mapping
from migrator_kit.mapping.model import ObjectName
from migrator_kit.mapping.shape import ShapeContext, shape_part
from migrator_kit.mapping.transforms import Locale
from migrator_kit.sample.schema import TABLE_BY_NAME

ROWS = 100_000


def patients(rows: int) -> pd.DataFrame:
    """Patients who are all different, one in fifty with a phone or address that is no good."""
    draw = random.Random(1)
    areas = ("212", "646", "917", "347", "718")
    frame = {name: [None] * rows for name in TABLE_BY_NAME["patients"].column_names}
    numbers = range(rows)
    frame |= {
        "patient_id": [f"{n:06d}" for n in numbers],
        "practice_id": ["P01"] * rows,
        "provider_id": [f"DR{n % 20:02d}" for n in numbers],
        "title": ["Mr" if n % 3 else None for n in numbers],
        "first_name": [f"José {n % 5_000}" for n in numbers],
        "last_name": [f"O'Neil {n}" for n in numbers],
        "birth_date": [f"{1930 + n % 90}-{1 + n % 12:02d}-{1 + n % 28:02d}" for n in numbers],
        "sex": ["MFU"[n % 3] for n in numbers],
        "phone_home": [
            f"({draw.choice(areas)}) {draw.randint(200, 999)}-{draw.randint(0, 9999):04d}"
            for _ in numbers
        ],
        "phone_mobile": [
            f"{draw.choice(areas)}{draw.randint(2_000_000, 9_999_999)}" if n % 50 else "12 or 13"
            for n in numbers
        ],
        "email": [f"user{n}@example.org" if n % 50 else "none given" for n in numbers],
        "street": [f"{n} Elm Street" for n in numbers],
        "city": [f"City {n % 900}" for n in numbers],
        "postcode": [f"{n % 99_999:05d}" for n in numbers],
        "status": ["active"] * rows,
        "sms_consent": [n % 2 for n in numbers],
        "email_consent": [n % 2 for n in numbers],
        "medical_alerts": ["Latex\r\nPenicillin" if n % 9 == 0 else None for n in numbers],
        "balance": [f"{draw.random() * 1_000:.2f}" for _ in numbers],
        "created_at": [
            f"{2000 + n % 25}-03-04 10:{n % 60:02d}:{n // 60 % 60:02d}" for n in numbers
        ],
        "modified_at": [f"2025-{1 + n % 12:02d}-04 10:{n % 60:02d}:11" for n in numbers],
        "x_vip": [0] * rows,
    }
    frame |= {"source_id": frame["patient_id"], "provider_name": ["Dr A B"] * rows}
    return pd.DataFrame(frame)


@pytest.mark.benchmark
@pytest.mark.slow
def test_a_hundred_thousand_patients_are_shaped_in_seconds() -> None:
    frame = patients(ROWS)
    mapping = default_mapping("dent_o_soft").object(ObjectName.PATIENT)
    began = time.process_time()
    part = shape_part(frame, mapping, ShapeContext(Locale("America/New_York", "US")))
    took = time.process_time() - began
    print(f"\n{ROWS:,} patients, {len(mapping.fields)} fields: {took:.1f} s of one core")
    assert len(part.frame) == ROWS
    assert took < 25
