"""The vault of an earlier program is taken over: nothing that undo and delta need is lost."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from migrator_kit.load.vault import Vault, Written

KEY = b"k" * 32


def test_images_that_lay_one_by_one_are_found_again(tmp_path: Path) -> None:
    path = tmp_path / "images.db"
    vault = Vault(path, KEY)
    images = {
        f"P{number}": Written({"Last_Name": f"Äbel {number}"}, frozenset({"Phone"}))
        for number in range(450)
    }
    place = [("Patient", source_id, f"digest of {source_id}") for source_id in images]
    sealed = [vault._seal(one, [images[one[1]].fields, ["Phone"]]) for one in place]
    vault.close()
    with sqlite3.connect(path) as connection:
        connection.execute(
            "CREATE TABLE written (object TEXT, source_id TEXT, digest TEXT, sealed BLOB,"
            " PRIMARY KEY (object, source_id, digest)) WITHOUT ROWID"
        )
        rows = [(*one, seal) for one, seal in zip(place, sealed, strict=True)]
        connection.executemany("INSERT INTO written VALUES (?, ?, ?, ?)", rows)
    connection.close()

    digests = {source_id: digest for _, source_id, digest in place}
    for _ in range(2):
        again = Vault(path, KEY)
        assert again.written("Patient", digests) == images
        again.close()
    with sqlite3.connect(path) as connection:
        names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    connection.close()
    assert "written" not in names
