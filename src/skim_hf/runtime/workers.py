"""Threads that read texts side by side."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")

AHEAD = 2
"""Tasks per thread that are under way or done before their result is asked for."""


class Workers:
    """A number of threads, started when there is work for them and made anew in a forked process.

    Args:
        threads: How many; with 1 all work is done by whoever asks for it.
    """

    def __init__(self, threads: int) -> None:
        self.threads = threads
        # By process: the threads of a parent do not exist in its forked child.
        self._executors: dict[int, Executor] = {}

    def map(self, function: Callable[[ItemT], ResultT], items: Iterable[ItemT]) -> Iterator[ResultT]:
        """Applies a function to items, which are taken only a few ahead of the results.

        Args:
            function: Called in several threads at once.
            items: Any number of them, even more than memory holds.

        Returns:
            The results in the order of the items.
        """
        if self.threads == 1:
            yield from map(function, items)
            return
        executor = self._executor()
        pending: deque[Future[ResultT]] = deque()
        try:
            for item in items:
                pending.append(executor.submit(function, item))
                if len(pending) >= AHEAD * self.threads:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()

    def _executor(self) -> Executor:
        # Imported here, because most programs never need it.
        from concurrent.futures import ThreadPoolExecutor

        process = os.getpid()
        if process not in self._executors:
            # One operation, so that of two threads that come here at once both get the same.
            self._executors.setdefault(process, ThreadPoolExecutor(self.threads, "skim_hf"))
        return self._executors[process]
