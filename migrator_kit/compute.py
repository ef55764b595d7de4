"""Where parts are worked on: in threads, in processes, on a Dask cluster, or one after the other.

A part is a name and the arguments of a pure function, so it can be worked on anywhere and again:
a worker that dies costs time and changes nothing. Results come in the order of the parts; only a
few parts are in memory at a time. What a function raises comes back as an error of this package
that names the part and holds no value.
"""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from multiprocessing import get_context
from typing import Any, NamedTuple, TypeVar

from migrator_kit.engagement import ComputeSettings
from migrator_kit.errors import ConfigError, MigratorError

Item = TypeVar("Item")
Result = TypeVar("Result")

_DEATHS = 3
"""How often the workers of one batch may be killed before the run gives up."""
_CONNECT_SECONDS = 15


class Part(NamedTuple):
    """A part of the data: what it is called in a message, and what the function is given."""

    name: str
    arguments: tuple[Any, ...]


Calls = Sequence[Callable[[], Any]]


@dataclass(frozen=True, slots=True)
class Pool:
    """Runs a function over parts, `at_a_time` of them at once."""

    at_a_time: int
    _work: Callable[[Calls], list[Any]]

    def run(self, function: Callable[..., Result], parts: Iterable[Part]) -> Iterator[Result]:
        """Yield the result of each part in order, while the next ones are read and worked on.

        Raises the first error of a part, with the part's name.
        """
        stream = iter(parts)
        batches = iter(lambda: list(islice(stream, self.at_a_time)), [])
        calls = ([partial(_call, function, part) for part in batch] for batch in batches)
        for results in worked_ahead(calls, self._work, ahead=1):
            yield from results


def worked_ahead(
    items: Iterable[Item], work: Callable[[Item], Result], *, ahead: int = 2
) -> Iterator[Result]:
    """Yield `work(item)` in order while up to `ahead` further items are worked on in a thread."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="parts") as pool:
        pending: deque[Future[Result]] = deque()
        try:
            for item in items:
                pending.append(pool.submit(work, item))
                if len(pending) > ahead:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()


@contextmanager
def open_pool(settings: ComputeSettings) -> Iterator[Pool]:
    """Open what the engagement's `compute` settings name: a Dask scheduler or a cluster's address.

    Raises ConfigError where no cluster answers at the address.
    """
    if "://" in settings.scheduler:
        with _cluster(settings.scheduler) as client:
            cores = sum(client.ncores().values())
            yield Pool(max(settings.workers, cores), partial(_on_cluster, client))
    elif settings.scheduler == "processes":
        processes = _Processes(settings.workers)
        try:
            yield Pool(settings.workers, processes.work)
        finally:
            processes.close()
    else:
        yield Pool(settings.workers, partial(_locally, settings))


def _call(function: Callable[..., Result], part: Part) -> Result:
    """Work on one part, wherever this runs. Errors name the part and hold no value."""
    try:
        return function(*part.arguments)
    except MigratorError as error:
        error.message = f"{part.name}: {error.message}"
        raise
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001 (its text may quote a value)
        raise MigratorError(
            f"{part.name} could not be worked on ({type(error).__name__}).",
            hint="Run the same command again; if it stays, report it with this message.",
        ) from None


def _locally(settings: ComputeSettings, calls: Calls) -> list[Any]:
    if len(calls) == 1:
        return [calls[0]()]
    return _compute(calls, scheduler=settings.scheduler, num_workers=settings.workers)


def _compute(calls: Calls, **how: Any) -> list[Any]:
    """Run calls with one of Dask's local schedulers."""
    import dask

    work = [dask.delayed(call, pure=False)() for call in calls]  # type: ignore[attr-defined]
    return list(dask.compute(*work, **how))  # type: ignore[attr-defined, no-untyped-call]


class _Processes:
    """One pool of processes for a whole run: Dask would start new ones for every few parts."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._pool = self._fresh()

    def work(self, calls: Calls) -> list[Any]:
        """Run calls; where a process was killed, all of them once more in new processes."""
        for _ in range(_DEATHS):
            try:
                return _compute(calls, scheduler="processes", pool=self._pool)
            except BrokenProcessPool:
                self.close()
                self._pool = self._fresh()
        raise _died(calls)

    def close(self) -> None:
        """End the processes."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _fresh(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(self._workers, mp_context=get_context("spawn"))


@contextmanager
def _cluster(address: str) -> Iterator[Any]:
    from distributed import Client

    try:
        client = Client(address, timeout=_CONNECT_SECONDS, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError):
        raise ConfigError(
            f"No Dask scheduler answers at {address}.",
            hint="Start one with `dask scheduler`, workers with `dask worker`, or name `threads` "
            "as compute.scheduler in engagement.yml.",
        ) from None
    with client:
        yield client


def _on_cluster(client: Any, calls: Calls) -> list[Any]:
    """Run calls on a cluster, which gives those of a dead worker to another one."""
    from distributed import KilledWorker

    with warnings.catch_warnings():
        # Parts go with the calls and are not placed on a worker first: it could be the one to die.
        warnings.filterwarnings("ignore", message="Sending large graph")
        futures = [client.submit(call, pure=False, retries=_DEATHS) for call in calls]
    try:
        return list(client.gather(futures))
    except KilledWorker:
        raise _died(calls) from None
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"The Dask cluster does not know the module {error.name}.",
            hint="Install this package, in the same version, on its scheduler and its workers.",
        ) from None
    finally:
        client.cancel(futures)


def _died(calls: Calls) -> MigratorError:
    names = [call.args[1].name for call in calls if isinstance(call, partial)]
    return MigratorError(
        f"{', '.join(names)}: the process that worked on it was ended {_DEATHS} times.",
        hint="Most likely memory was short: lower `source.part_rows` or `compute.workers`.",
    )
