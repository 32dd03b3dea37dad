"""Concurrent requests to a service, with answers stored in small batches.

Several requests run at a time, the service's rate limit sets the pace, and answers are stored a few
at a time while further requests are under way: a process that is killed has at most ten calls to
repeat. Only where more than five calls are answered in twice the time that storing takes, batches
grow, so that storing never takes more than a third of the time.

A question that the service fails to answer is left out and counted: nothing is stored of it, so
that it is asked again another night. When too many fail, or the service asks us to wait or refuses
us as a whole, nothing more is asked, the answers so far are stored first, and the error is raised
after that.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from smallhours.errors import BrokenReply, NotFound, Refused, ServiceError, SourceRefused
from smallhours.services.retry import TransientError

Request = TypeVar("Request")
Reply = TypeVar("Reply")

WORKERS = 8
# Answers to a batch, and the seconds after which a smaller one is stored.
BATCH = 5
STORE_EVERY_S = 2.0
# Asked and not stored yet: what a kill repeats. Half of them are asked while a batch is stored.
MAX_UNSTORED = 10
# A batch is stored no sooner than so many times the time that storing the last one took.
PAUSE_PER_STORE_TIME = 2.0
# Failures of a stage: this many, or this share of what was asked, but no more than this many one
# after the other. More are the service's trouble.
MAX_FAILURES = 5
MAX_FAILED_SHARE = 0.05


@dataclass
class Tally:
    """The numbers of a stage's answered and failed questions.

    Attributes:
        answered: Number of questions that were answered.
        failed: Number of questions that the service failed to answer.
    """

    answered: int = 0
    failed: int = 0
    _about: set[str] = field(default_factory=set)
    _in_a_row: set[str] = field(default_factory=set)
    _only_refusals: bool = True

    def answer(self) -> None:
        """Count an answer."""
        self.answered += 1
        self._in_a_row.clear()

    def fail(self, failure: ServiceError, about: str) -> ServiceError | None:
        """Count a failure; return the error that ends the asking, or None to go on.

        Args:
            failure: The error.
            about: The artist or tag of the question. All failures about one artist count as one.
        """
        if not _of_one_question(failure):
            return failure
        self.failed += 1
        self._about.add(about)
        self._in_a_row.add(about)
        self._only_refusals &= isinstance(failure, Refused)
        asked = self.answered + self.failed
        few = len(self._about) <= max(MAX_FAILURES, MAX_FAILED_SHARE * asked)
        if few and len(self._in_a_row) <= MAX_FAILURES:
            return None
        if self._only_refusals and not self.answered:
            # Who refuses one question after the other refuses us.
            return SourceRefused(failure.service, _without_service(failure), remedy=failure.remedy)
        return failure


@dataclass(frozen=True)
class Fetch(Generic[Request, Reply]):
    """One kind of question: how it is asked, and how its answers are stored.

    Attributes:
        call: Returns the call that asks a question; it is made in another thread.
        store: Stores answers, each with its question.
        missing: The answer that stands for "does not exist" (NotFound); that is an answer too.
        about: Names the artist or tag that a question is about.
    """

    call: Callable[[Request], Callable[[], Reply]]
    store: Callable[[Sequence[tuple[Request, Reply]]], None]
    missing: Reply
    about: Callable[[Request], str]


def fetch_all(
    questions: Sequence[Request],
    fetch: Fetch[Request, Reply],
    tally: Tally,
    *,
    batch: int = BATCH,
    every_s: float = STORE_EVERY_S,
) -> None:
    """Ask every question and store the answers in batches, in the order of the questions.

    Args:
        questions: What to ask.
        fetch: How.
        tally: Counts the answered and the failed questions.
        batch: Answers to a batch, while the store keeps up.
        every_s: Seconds after which the answers so far are a batch.

    Raises:
        ServiceError: after the answers around it were stored. A rate limit or a refused key ends
            the asking at once, what may be the fault of single questions when there is too much.
    """
    remaining = iter(questions)
    waiting: deque[tuple[Request, Future[Reply]]] = deque()
    answers: list[tuple[Request, Reply]] = []
    ending: ServiceError | None = None
    stored_at, pause = time.monotonic(), 0.0
    with ThreadPoolExecutor(WORKERS) as pool:
        try:
            while True:
                may_store = time.monotonic() - stored_at >= pause
                room = MAX_UNSTORED - len(answers) if may_store else WORKERS
                while len(waiting) < room and ending is None:
                    question = next(remaining, None)
                    if question is None:
                        break
                    waiting.append((question, pool.submit(fetch.call(question))))
                if not waiting:
                    break
                question, future = waiting.popleft()
                outcome = _outcome(future, fetch.missing)
                if isinstance(outcome, ServiceError):
                    ending = ending or tally.fail(outcome, fetch.about(question))
                    if ending is not None:
                        waiting = deque(each for each in waiting if not each[1].cancel())
                else:
                    answers.append((question, outcome))
                    tally.answer()
                since = time.monotonic() - stored_at
                if answers and since >= pause and (len(answers) >= batch or since >= every_s):
                    begun = time.monotonic()
                    fetch.store(answers)
                    answers, stored_at = [], time.monotonic()
                    pause = PAUSE_PER_STORE_TIME * (stored_at - begun)
        finally:
            # The answers may be impossible to store.
            pool.shutdown(wait=False, cancel_futures=True)
    if answers:
        fetch.store(answers)
    if ending is not None:
        raise ending


def _outcome(future: "Future[Reply]", missing: Reply) -> Reply | ServiceError:
    try:
        return future.result()
    except NotFound:
        return missing
    except ServiceError as error:
        return error


def _of_one_question(failure: ServiceError) -> bool:
    """Return True unless the failure is a rate limit or a refused key, which concern all."""
    return isinstance(failure, BrokenReply | TransientError | Refused) and not isinstance(
        failure, SourceRefused
    )


def _without_service(failure: ServiceError) -> str:
    return failure.what.removeprefix(f"{failure.service}: ")
