"""What is done with a record, case by case."""

from __future__ import annotations

import pandas as pd

from migrator_kit.load.decide import REFUSED_BEFORE, Known, decide

CASES = {
    # source id: key, digest, waiting for, in the ledger as, refused as, expected
    "new": ("k1", "d", None, None, None, ("create", "")),
    "same": ("k2", "d", None, ("2", "d"), None, ("skip", "")),
    "changed": ("k3", "d2", None, ("3", "d"), None, ("update", "")),
    "deleted": ("k4", "d2", None, ("4", "d"), None, ("hold", "deleted_in_target")),
    "stands": ("k5", "d", None, None, None, ("update", "")),
    "twice": ("k6", "d", None, None, None, ("hold", "several_matches")),
    "no parent": ("k7", "d", "Who_Id", None, None, ("hold", "parent_not_landed")),
    "refused": ("k8", "d", None, None, "d", ("hold", REFUSED_BEFORE)),
    "mended": ("k9", "d2", None, None, "d", ("create", "")),
    "refused update": ("k10", "d2", None, ("10", "d"), "d2", ("hold", REFUSED_BEFORE)),
    "collides": ("K1", "d", None, None, None, ("hold", "keys_collide")),
}


def known() -> Known:
    landed = {name: case[3] for name, case in CASES.items() if case[3]}
    found = {"k2": "2", "k3": "3", "k5": "5", "k6": "6", "k10": "10"}
    return Known(
        zoho_ids=pd.Series({name: pair[0] for name, pair in landed.items()}, dtype="str"),
        digests=pd.Series({name: pair[1] for name, pair in landed.items()}, dtype="str"),
        found=pd.Series(found, dtype="str"),
        several=["k6"],
        refused=pd.Series({n: c[4] for n, c in CASES.items() if c[4]}, dtype="str"),
        colliding=["collides"],
    )


def test_every_case() -> None:
    columns = list(zip(*CASES.values(), strict=True))
    frame = decide(list(CASES), list(columns[0]), list(columns[1]), list(columns[2]), known())
    done = dict(
        zip(frame["source_id"], zip(frame["action"], frame["reason"], strict=True), strict=True)
    )
    assert done == {name: case[5] for name, case in CASES.items()}
    ids = frame.set_index("source_id")["zoho_id"]
    assert ids["stands"] == "5"
    assert ids["changed"] == "3"
    assert pd.isna(ids["new"])


def test_nothing_known_means_everything_is_new() -> None:
    frame = decide(["a", "b"], [None, None], ["1", "2"], [None, None], Known())
    assert frame["action"].tolist() == ["create", "create"]
    assert decide([], [], [], [], Known()).empty
