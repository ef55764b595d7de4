"""Finds the handler of a method and path. Literal segments win over named ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from migrator_kit.emulator.call import Call, Handler

Cost = Callable[[Call], float]


def one_credit(_call: Call) -> float:
    """The cost of anything that the vendor's list does not name."""
    return 1.0


@dataclass(frozen=True, slots=True)
class Route:
    """An address. `guarded` asks for a token, slot and credits; `heavy` takes a sub-slot too."""

    method: str
    template: str
    handler: Handler
    cost: Cost = one_credit
    heavy: Callable[[Call], bool] | None = None
    guarded: bool = True


@dataclass(frozen=True, slots=True)
class Match:
    """What the router found: the route, or none with the reason, and the named segments."""

    route: Route | None
    names: dict[str, str]
    method_only: bool = False

    def endpoint(self, method: str) -> str:
        """The address for statistics: modules by name, ids as `{id}`."""
        if self.route is None:
            return f"{method} (unknown)"
        text = self.route.template
        for name in ("module", "related"):
            if name in self.names:
                text = text.replace(f"{{{name}}}", self.names[name])
        return f"{method} {text}"


class Router:
    """All addresses of the emulator, by number of segments."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._by_length: dict[int, list[tuple[tuple[str, ...], Route]]] = {}
        for route in routes:
            segments = tuple(route.template.strip("/").split("/"))
            self._by_length.setdefault(len(segments), []).append((segments, route))
        for entries in self._by_length.values():
            entries.sort(key=lambda entry: tuple(part.startswith("{") for part in entry[0]))

    def find(self, method: str, path: str) -> Match:
        """The best route for the request."""
        parts = path.strip("/").split("/")
        other_method = False
        for segments, route in self._by_length.get(len(parts), ()):
            names = _fit(segments, parts)
            if names is None:
                continue
            if route.method == method:
                return Match(route, names)
            other_method = True
        return Match(None, {}, method_only=other_method)


def _fit(segments: tuple[str, ...], parts: list[str]) -> dict[str, str] | None:
    names = {}
    for segment, part in zip(segments, parts, strict=True):
        if segment.startswith("{"):
            names[segment[1:-1]] = part
        elif segment != part:
            return None
    return names
