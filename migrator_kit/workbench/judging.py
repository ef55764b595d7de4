"""Judging again without running: other thresholds on kept counts, the library's own pages."""

from __future__ import annotations

import json
from pathlib import Path

from migrator_kit.engagement import Engagement
from migrator_kit.errors import GateClosed, ParameterError
from migrator_kit.quality.data_docs import write_data_docs
from migrator_kit.quality.model import Stage
from migrator_kit.quality.report import QualityReport
from migrator_kit.quality.suites import load_suites
from migrator_kit.quality.waivers import load_waivers
from migrator_kit.workbench.audit import readable_mapping
from migrator_kit.workbench.quality import kept_counts, shaped_frames, source_frames
from migrator_kit.workbench.session import Session


def judged_anew(engagement: Engagement, stage: Stage) -> QualityReport:
    """Return what the newest run counted, under the thresholds and waivers of now; nothing runs.

    Raises GateClosed where the stage was not judged yet.
    """
    path = kept_counts(engagement, stage)
    if not path.is_file():
        raise GateClosed(
            f"The {stage} data was not judged yet.", gate=str(stage), opens_with="migrator run DIR"
        )
    stored = QualityReport.from_json(json.loads(path.read_text(encoding="utf-8")))
    return stored.rejudged(load_suites(stage)).with_waivers(load_waivers(engagement.folder))


def data_docs(session: Session, stage: Stage, folder: Path) -> Path:
    """Write Great Expectations' own pages of a stage into `folder` and return the first one.

    Raises ParameterError for the target, whose rows are read back by notebook 05 alone, and for a
    folder that holds something else.
    """
    if stage is Stage.TARGET:
        raise ParameterError(
            "Data Docs are made of source and shaped data.",
            hint="Landed data is judged in notebook 05: migrator run DIR --from reconcile",
        )
    if folder.exists() and any(folder.iterdir()) and not (folder / "validations").is_dir():
        raise ParameterError(f"{folder} holds something else.", hint="Name a new folder.")
    source = stage is Stage.SOURCE
    frames = source_frames(session, readable_mapping(session)) if source else shaped_frames(session)
    return write_data_docs(folder, stage, frames, progress=session.progress)
