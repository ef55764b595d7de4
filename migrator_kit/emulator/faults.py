"""Faults on purpose: seeded, chosen per request, the same for the same order of requests.

A document (file of `--faults`, or body of `PUT /_emulator/faults`) looks like

    {"seed": 7,
     "latency": {"median_ms": 80, "p95_ms": 300},
     "rules": [{"do": "answer", "status": 503, "when": "after", "match": "POST /crm/v8/*",
                "chance": 0.1, "skip": 2, "times": 3}]}

`do` is one of the Act names; README.md lists what each takes.
"""

from __future__ import annotations

import math
import random
import threading
from collections.abc import Iterable
from dataclasses import dataclass, fields
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

# The standard normal quantile of 95 %, to fit a log-normal curve through median and p95.
_Z95 = 1.6448536269514722


class FaultsError(ValueError):
    """The faults document is wrong; the message names the place."""


class Act(StrEnum):
    """What a rule does to a request."""

    ANSWER = "answer"
    CUT = "cut"
    HALF = "half"
    DELAY = "delay"
    REVOKE_TOKEN = "revoke_token"  # noqa: S105 - the name of a fault
    DRAIN_CREDITS = "drain_credits"
    EDIT = "edit"
    SLOW_JOB = "slow_job"
    FAIL_JOB = "fail_job"


class When(StrEnum):
    """Before the call is carried out, after its effect was committed, or both at odds: a cut that
    is `late` ends the connection at once, and the call is carried out `seconds` later all the same.
    """

    BEFORE = "before"
    AFTER = "after"
    LATE = "late"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of the document."""

    do: Act
    match: str = "*"
    when: When = When.BEFORE
    chance: float = 1.0
    skip: int = 0
    times: int | None = None
    status: int = 500
    code: str = ""
    message: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    seconds: float = 0.0
    remaining: float = 0.0
    module: str = "Contacts"
    field: str = "Description"
    value: str = "Edited by a colleague"


class _Armed:
    """A rule with its counters and its own random numbers."""

    def __init__(self, rule: Rule, seed: str) -> None:
        self.rule = rule
        self.random = random.Random(seed)  # noqa: S311 - reproducible faults, no secret
        self.matched = 0
        self.done = 0

    def strikes(self) -> bool:
        self.matched += 1
        if self.rule.times is not None and self.done >= self.rule.times:
            return False
        hit = self.random.random() < self.rule.chance
        if self.matched <= self.rule.skip or not hit:
            return False
        self.done += 1
        return True


class Faults:
    """The faults in force."""

    def __init__(self, base_latency_ms: float = 0.0) -> None:
        self._lock = threading.Lock()
        self._base_ms = base_latency_ms
        self.load({})

    def set_base_latency(self, milliseconds: float) -> None:
        """The fixed latency of `--latency-ms`, under whatever the document adds."""
        self._base_ms = milliseconds

    def load(self, document: Any) -> None:
        """Put a document in force and start counting anew. Raises FaultsError when it is wrong."""
        if not isinstance(document, dict):
            raise FaultsError("faults: expected an object")
        unknown = set(document) - {"seed", "latency", "rules"}
        if unknown:
            raise FaultsError(f"faults: unknown key {sorted(unknown)[0]}")
        seed = document.get("seed", 0)
        rules = [_rule(raw, n) for n, raw in enumerate(document.get("rules") or [])]
        curve = _curve(document.get("latency") or {})
        with self._lock:
            self._document = document
            self._curve = curve
            self._latency = random.Random(f"{seed}/latency")  # noqa: S311 - not a secret
            self._armed = [_Armed(rule, f"{seed}/{n}") for n, rule in enumerate(rules)]

    def strike(self, method: str, path: str, only: Iterable[Act] | None = None) -> list[Rule]:
        """The rules that hit this request, in their order."""
        line = f"{method} {path}"
        wanted = None if only is None else frozenset(only)
        with self._lock:
            return [
                armed.rule
                for armed in self._armed
                if (armed.rule.do in wanted if wanted else armed.rule.do not in _JOB_ACTS)
                and fnmatchcase(line, armed.rule.match)
                and armed.strikes()
            ]

    def latency(self) -> float:
        """Seconds that this call takes at least."""
        with self._lock:
            if self._curve is None:
                return self._base_ms / 1000
            mu, sigma = self._curve
            return (self._base_ms + self._latency.lognormvariate(mu, sigma)) / 1000

    def document(self) -> dict[str, Any]:
        """The document in force and how often each rule struck."""
        with self._lock:
            struck = [{"matched": armed.matched, "struck": armed.done} for armed in self._armed]
            return {"faults": self._document, "rules": struck}


_JOB_ACTS = frozenset({Act.SLOW_JOB, Act.FAIL_JOB})


def _rule(raw: Any, position: int) -> Rule:
    place = f"faults: rules[{position}]"
    if not isinstance(raw, dict):
        raise FaultsError(f"{place}: expected an object")
    known = {item.name: item for item in fields(Rule)}
    for name in raw:
        if name not in known:
            raise FaultsError(f"{place}: unknown key {name}; known are {', '.join(known)}")
    try:
        values = dict(raw)
        values["do"] = Act(raw.get("do", ""))
        values["when"] = When(raw.get("when", "before"))
        values["headers"] = tuple(dict(raw.get("headers") or {}).items())
        rule = Rule(**values)
        in_range = 0 <= rule.chance <= 1 and 100 <= rule.status <= 599
    except (TypeError, ValueError) as error:
        raise FaultsError(f"{place}: {error}") from error
    if rule.when is When.LATE and rule.do is not Act.CUT:
        raise FaultsError(f"{place}: only a cut can be late")
    if not in_range:
        raise FaultsError(f"{place}: chance goes from 0 to 1, status from 100 to 599")
    return rule


def _curve(latency: Any) -> tuple[float, float] | None:
    if not latency:
        return None
    if not isinstance(latency, dict) or set(latency) - {"median_ms", "p95_ms"}:
        raise FaultsError("faults: latency takes median_ms and p95_ms")
    median = latency.get("median_ms", 0)
    p95 = latency.get("p95_ms", median)
    if not isinstance(median, int | float) or not isinstance(p95, int | float):
        raise FaultsError("faults: latency takes numbers")
    if median <= 0 or p95 < median:
        raise FaultsError("faults: latency needs 0 < median_ms <= p95_ms")
    return math.log(median), math.log(p95 / median) / _Z95
