"""Concurrent requests to a service, with answers in batches.

Several requests run at a time, the service's rate limit sets the pace, and answers come back in
batches that the caller stores while further requests are under way. A batch is handed over every
second or so, so that a process that is killed has little to ask again.

A question that the service fails to answer is left out and counted, and those that failed lately
are not asked (`services.deferred`). When too many fail, or the service asks us to wait or refuses
us as a whole, nothing more is asked, the answers so far are handed over first, and the error is
raised after them.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from smallhours.errors import NotFound, ServiceError
from smallhours.services.deferred import Tally

Request = TypeVar("Request")
Reply = TypeVar("Reply")

WORKERS = 8
# Asked ahead of the storing, so that the service's rate is used while a batch is stored.
MAX_QUEUED = 64
BATCH = 1000
# At Last.fm's 4 calls a second, a kill loses 4 answers and the one or two under way.
STORE_EVERY_S = 1.0
# Storing may take a tenth of the time; a large lake gets fewer and larger batches.
PAUSE_PER_STORE_TIME = 9.0


def fetch_all(
    questions: Sequence[Request],
    ask: Callable[[Request], Reply],
    *,
    missing: Reply,
    about: Callable[[Request], str],
    tally: Tally,
    describe: Callable[[Request], str] = str,
    batch: int = BATCH,
    every_s: float = STORE_EVERY_S,
) -> Iterator[list[tuple[Request, Reply]]]:
    """Ask every question; yield the answers in batches, in the order of the questions.

    Args:
        questions: What to ask.
        ask: Asks one; must be thread-safe.
        missing: The answer that stands for "does not exist" (NotFound); that is an answer too.
        about: Names the artist or tag that a question is about.
        tally: Counts what becomes of the questions, and knows which of them wait.
        describe: Says a question in words; no two questions in the same.
        batch: Answers to a batch, at most.
        every_s: Seconds after which the answers so far are a batch, at the least.

    Raises:
        ServiceError: after the answers around it were yielded. A rate limit or a refused key ends
            the asking at once, what may be the fault of single questions when there is too much.
    """
    remaining = (each for each in questions if tally.is_due(describe(each)))
    waiting: deque[tuple[Request, Future[Reply]]] = deque()
    answers: list[tuple[Request, Reply]] = []
    ending: ServiceError | None = None
    pause, stored_at = every_s, time.monotonic()
    with ThreadPoolExecutor(WORKERS) as pool:
        try:
            while True:
                while len(waiting) < MAX_QUEUED and ending is None:
                    question = next(remaining, None)
                    if question is None:
                        break
                    waiting.append((question, pool.submit(ask, question)))
                if not waiting:
                    break
                question, future = waiting.popleft()
                outcome = _outcome(future, missing)
                if isinstance(outcome, ServiceError):
                    ending = ending or tally.fail(outcome, about(question), describe(question))
                    if ending is not None:
                        waiting = deque(each for each in waiting if not each[1].cancel())
                else:
                    answers.append((question, outcome))
                    tally.answer(describe(question))
                if answers and (len(answers) >= batch or time.monotonic() - stored_at >= pause):
                    begun = time.monotonic()
                    yield answers
                    answers, stored_at = [], time.monotonic()
                    pause = max(every_s, PAUSE_PER_STORE_TIME * (stored_at - begun))
        finally:
            # The caller may have gone away, or been unable to store.
            pool.shutdown(wait=False, cancel_futures=True)
    if answers:
        yield answers
    if ending is not None:
        raise ending


def _outcome(future: "Future[Reply]", missing: Reply) -> Reply | ServiceError:
    try:
        return future.result()
    except NotFound:
        return missing
    except ServiceError as error:
        return error
