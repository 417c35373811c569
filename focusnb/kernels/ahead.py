"""Work done ahead: the next frames are decoded while the present one is computed with."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")


def ahead(work: Callable[[Item], Made], items: Iterable[Item], threads: int) -> Iterator[Made]:
    """The results of work(item), in order; `threads` of them are made at the same time.

    At most one more lies ready. With one thread nothing is done ahead. What work raises is
    raised when its turn comes; when the iterator is given up, work that has not begun is dropped.
    """
    if threads <= 1:
        yield from map(work, items)
        return
    rest = iter(items)
    pool = ThreadPoolExecutor(threads, thread_name_prefix="ahead")
    ready: deque[Future[Made]] = deque()
    try:
        ready.extend(pool.submit(work, item) for item in islice(rest, threads + 1))
        while ready:
            made = ready.popleft().result()
            ready.extend(pool.submit(work, item) for item in islice(rest, 1))
            yield made
    finally:
        pool.shutdown(cancel_futures=True)
