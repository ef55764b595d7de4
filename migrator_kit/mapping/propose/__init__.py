"""Proposals: which column goes where, how sure that is, and why."""

from __future__ import annotations

from migrator_kit.mapping.propose.proposal import (
    Proposal,
    proposal_report,
    propose,
    propose_mapping,
)
from migrator_kit.mapping.propose.ranking import rank_matches

__all__ = ["Proposal", "proposal_report", "propose", "propose_mapping", "rank_matches"]
