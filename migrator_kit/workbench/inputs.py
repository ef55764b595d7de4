"""What a page was made from, by digest: the last block of every notebook."""

from __future__ import annotations

import platform

from migrator_kit import __version__
from migrator_kit.chain import code_digest
from migrator_kit.engagement import digest_file
from migrator_kit.evidence.tables import Table, facts
from migrator_kit.workbench.session import Session


def inputs_table(session: Session) -> Table:
    """Return run, snapshot, mapping, code and environment by digest."""
    mapping = session.engagement.mapping_path
    return facts(
        "This page was made from",
        run=session.run_id,
        snapshot=f"{session.snapshot.snapshot_id} ({session.snapshot.digest[:16]})",
        taken=session.snapshot.manifest.taken_at.strftime("%Y-%m-%d %H:%M %Z"),
        mapping=digest_file(mapping)[:16] if mapping.exists() else "none yet",
        settings=digest_file(session.engagement.folder / "engagement.yml")[:16],
        code=f"migrator-kit {__version__} ({code_digest()[:16]})",
        environment=f"Python {platform.python_version()}, {platform.system()}",
        patient_data_shown="yes, asked for" if session.reveal else "no",
    )
