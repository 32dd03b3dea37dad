"""Concurrent requests to a service, with answers in batches.

Several requests run at a time, the service's rate limit sets the pace, and answers come back in
batches that the caller stores while further requests are under way. A batch is handed over every
second or so, so that a process that is killed has little to ask again. When the service asks us to
wait or fails for good, nothing more is asked, the answers so far are handed over first, and the
error is raised after them.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from smallhours.errors import BrokenReply, NotFound, ServiceError
from smallhours.services.patience import PassingFault

Question = TypeVar("Question")
Answer = TypeVar("Answer")

WORKERS = 8
# Asked ahead of the storing, so that the service's rate is used while a batch is stored.
AHEAD = 64
BATCH = 1000
# At Last.fm's 4 calls a second, a kill loses 4 answers and the one or two under way.
STORE_EVERY_S = 1.0
# Storing may take a tenth of the time; a large lake gets fewer and larger batches.
PAUSE_PER_STORING = 9.0
# The number of failed requests that ends the asking; a single one must not.
TOLERATED = 5


def ask_all(
    questions: Sequence[Question],
    ask: Callable[[Question], Answer],
    *,
    missing: Answer,
    batch: int = BATCH,
    every_s: float = STORE_EVERY_S,
) -> Iterator[list[tuple[Question, Answer]]]:
    """Ask every question; yield the answers in batches, in the order of the questions.

    Args:
        questions: What to ask.
        ask: Asks one; must be thread-safe.
        missing: The answer that stands for "does not exist" (NotFound); that is an answer too.
        batch: Answers to a batch, at most.
        every_s: Seconds after which the answers so far are a batch, at the least.

    Raises:
        ServiceError: any other than NotFound, after the answers around it were yielded. A rate
            limit or a refusal ends the asking at once, replies that can't be used after a few.
    """
    remaining = iter(questions)
    waiting: deque[tuple[Question, Future[Answer]]] = deque()
    answers: list[tuple[Question, Answer]] = []
    failures: list[ServiceError] = []
    pause, stored_at = every_s, time.monotonic()
    with ThreadPoolExecutor(WORKERS) as pool:
        try:
            while True:
                while len(waiting) < AHEAD and not _hopeless(failures):
                    question = next(remaining, None)
                    if question is None:
                        break
                    waiting.append((question, pool.submit(ask, question)))
                if not waiting:
                    break
                question, future = waiting.popleft()
                outcome = _outcome(future, missing)
                if isinstance(outcome, ServiceError):
                    failures.append(outcome)
                    if _hopeless(failures):
                        waiting = deque(each for each in waiting if not each[1].cancel())
                else:
                    answers.append((question, outcome))
                if answers and (len(answers) >= batch or time.monotonic() - stored_at >= pause):
                    begun = time.monotonic()
                    yield answers
                    answers, stored_at = [], time.monotonic()
                    pause = max(every_s, PAUSE_PER_STORING * (stored_at - begun))
        finally:
            # The caller may have gone away, or been unable to store.
            pool.shutdown(wait=False, cancel_futures=True)
    if answers:
        yield answers
    if failures:
        raise failures[-1] if _hopeless(failures) else failures[0]


def _outcome(future: "Future[Answer]", missing: Answer) -> Answer | ServiceError:
    try:
        return future.result()
    except NotFound:
        return missing
    except ServiceError as error:
        return error


def _hopeless(failures: Sequence[ServiceError]) -> bool:
    """Return whether further requests are pointless."""
    return len(failures) >= TOLERATED or any(
        not isinstance(each, BrokenReply | PassingFault) for each in failures
    )
