"""The findings box: what is good, what needs a decision, what is wrong. It stands first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from typing import Any

from migrator_kit.compare.verdicts import Level, Observation
from migrator_kit.evidence.style import styled

__all__ = ["Finding", "Findings", "Level"]

_SIGNS = {Level.GOOD: "✓", Level.DECISION: "?", Level.PROBLEM: "✗"}
_GRAVEST_FIRST = (Level.PROBLEM, Level.DECISION, Level.GOOD)


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding in a sentence, and what to do where something is to be done."""

    level: Level
    text: str
    remedy: str = ""

    def html(self) -> str:
        """Return the finding as HTML; its level is a sign and a word, never a colour alone."""
        sign, words = _SIGNS[self.level], self.level.words
        remedy = f'<p class="remedy">{escape(self.remedy)}</p>' if self.remedy else ""
        return (
            f'<div class="finding {self.level}" role="listitem"><p><span class="level">'
            f'<span aria-hidden="true">{sign}</span> {words}:</span> {escape(self.text)}</p>'
            f"{remedy}</div>"
        )

    def text_line(self) -> str:
        """Return the finding as one line of plain text."""
        return f"{self.level.words}: {self.text}" + (f" {self.remedy}" if self.remedy else "")


@dataclass(frozen=True, slots=True)
class Findings:
    """A box of findings, the gravest first."""

    findings: tuple[Finding, ...]

    @classmethod
    def of(cls, findings: Iterable[Finding]) -> Findings:
        """Return the box, ordered by gravity, otherwise in the order given."""
        return cls(tuple(sorted(findings, key=lambda one: _GRAVEST_FIRST.index(one.level))))

    @classmethod
    def from_observations(cls, observations: Iterable[Observation]) -> Findings:
        """Return what a reconciliation observed, each sentence under the name of its object."""
        return cls.of(Finding(one.level, f"{one.object}: {one.text}") for one in observations)

    @property
    def problems(self) -> int:
        """How many findings are problems."""
        return sum(finding.level is Level.PROBLEM for finding in self.findings)

    @property
    def worst(self) -> Level:
        """The gravest level in the box; good where it is empty."""
        return self.findings[0].level if self.findings else Level.GOOD

    def text(self) -> str:
        """Return the box as plain text."""
        return "\n".join(finding.text_line() for finding in self._shown())

    def html(self) -> str:
        """Return the box as HTML; all text is escaped."""
        listed = "".join(finding.html() for finding in self._shown())
        return f'<div class="evidence-findings" role="list" aria-label="Findings">{listed}</div>'

    def _shown(self) -> tuple[Finding, ...]:
        return self.findings or (Finding(Level.GOOD, "There is nothing to report."),)

    def _repr_html_(self) -> str:
        return styled(self.html())

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/html": self._repr_html_(), "text/plain": self.text()}

    def __repr__(self) -> str:
        return self.text()
