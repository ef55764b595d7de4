"""Where parts are worked on: in threads, in processes, or on a Dask cluster, by one setting."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any, TypeVar

from migrator_kit.engagement import ComputeSettings

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Pool:
    """Runs a function over a few arguments at a time."""

    at_a_time: int

    def run(
        self, function: Callable[..., Result], arguments: Sequence[tuple[Any, ...]]
    ) -> list[Result]:
        """Return the results in the order of the arguments. The first error is raised."""
        if len(arguments) == 1:
            return [function(*arguments[0])]
        import dask

        work = dask.delayed(function, pure=False)  # type: ignore[attr-defined]
        return list(dask.compute(*(work(*each) for each in arguments)))  # type: ignore[attr-defined, no-untyped-call]


@contextmanager
def open_pool(settings: ComputeSettings) -> Iterator[Pool]:
    """Open what the engagement's `compute` settings name: a Dask scheduler or a cluster's URL."""
    if "://" in settings.scheduler:
        from distributed import Client

        with Client(settings.scheduler) as client:  # type: ignore[no-untyped-call]
            yield Pool(max(settings.workers, len(client.ncores())))
        return
    import dask

    chosen: dict[str, Any] = {"scheduler": settings.scheduler, "num_workers": settings.workers}
    with ExitStack() as stack:
        if settings.scheduler == "processes":
            # One pool for the whole run: Dask would start new processes for every few parts.
            method = get_context("spawn")
            pool = ProcessPoolExecutor(settings.workers, mp_context=method)
            chosen["pool"] = stack.enter_context(pool)
        stack.enter_context(dask.config.set(chosen))
        yield Pool(settings.workers)
