"""Questions to a service, asked concurrently, with answers that are stored in small batches.

Several requests run at a time, the service's rate limit sets the pace, and answers are stored a few
at a time while further requests are under way: a process that is killed has at most ten calls to
repeat. Only where more than five calls are answered in twice the time that storing takes, batches
grow, so that storing never takes more than a third of the time.

A question that the service fails to answer is left out and counted, and those that failed lately
are not asked (`services.set_aside`). When too many fail, or the service asks us to wait or refuses
us as a whole, nothing more is asked, the answers so far are stored first, and the error is raised
after that.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

from smallhours.errors import NotFound, ServiceError
from smallhours.lake.store import prefix_of
from smallhours.services.set_aside import Tally

Request = TypeVar("Request")
Reply = TypeVar("Reply")

WORKERS = 8
# Answers to a batch, and the seconds after which a smaller one is stored.
BATCH = 5
STORE_EVERY_S = 2.0
# Asked and not stored yet: what a kill repeats. Half of them are asked while a batch is stored.
MAX_UNSTORED = 10
# Questions among which the order is free; see `by_partition`.
REORDERED = 100
# Questions after which it is looked which of the others are still to be asked.
LOOK_AGAIN = 500
# A batch is stored no sooner than so many times the time that storing the last one took.
PAUSE_PER_STORE_TIME = 2.0


@dataclass(frozen=True)
class Fetch(Generic[Request, Reply]):
    """One kind of question: how it is asked, and how its answers are stored.

    Attributes:
        call: Returns the call that asks a question; it is made in another thread.
        store: Stores answers, each with its question.
        missing: The answer that stands for "does not exist" (NotFound); that is an answer too.
        about: Names the artist or tag that a question is about.
        describe: Says a question in words; no two questions in the same.
    """

    call: Callable[[Request], Callable[[], Reply]]
    store: Callable[[Sequence[tuple[Request, Reply]]], None]
    missing: Reply
    about: Callable[[Request], str]
    describe: Callable[[Request], str] = str


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
        tally: Counts what becomes of the questions, and knows which of them wait.
        batch: Answers to a batch, while the store keeps up.
        every_s: Seconds after which the answers so far are a batch.

    Raises:
        ServiceError: after the answers around it were stored. A rate limit or a refused key ends
            the asking at once, what may be the fault of single questions when there is too much.
    """
    remaining = (each for each in questions if tally.is_due(fetch.describe(each)))
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
                    about, name = fetch.about(question), fetch.describe(question)
                    ending = ending or tally.fail(outcome, about, name)
                    if ending is not None:
                        waiting = deque(each for each in waiting if not each[1].cancel())
                else:
                    answers.append((question, outcome))
                    tally.answer(fetch.describe(question))
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


def fetch_due(
    due: Sequence[Request],
    fetch: Fetch[Request, Reply],
    tally: Tally,
    *,
    still_due: Callable[[Sequence[Request]], Sequence[Request]],
) -> None:
    """Ask questions as `fetch_all` does, and look now and then which are still to be asked.

    Runs of other listeners go on at the same time, and may be answered some of them.

    Args:
        due: What to ask, the most important first.
        fetch: How.
        tally: As in `fetch_all`.
        still_due: Returns which of some questions nobody was answered yet.

    Raises:
        ServiceError: as `fetch_all` does.
    """
    for at in range(0, len(due), LOOK_AGAIN):
        some = due[at : at + LOOK_AGAIN]
        fetch_all(by_partition(still_due(some) if at else some, fetch), fetch, tally)


def by_partition(questions: Sequence[Request], fetch: Fetch[Request, Reply]) -> list[Request]:
    """Return the questions so that the answers of a batch lie in few files.

    The more important hundred still comes before the next hundred.
    """
    ordered: list[Request] = []
    for at in range(0, len(questions), REORDERED):
        part = questions[at : at + REORDERED]
        ordered += sorted(part, key=lambda question: prefix_of(fetch.about(question)))
    return ordered


def _outcome(future: "Future[Reply]", missing: Reply) -> Reply | ServiceError:
    try:
        return future.result()
    except NotFound:
        return missing
    except ServiceError as error:
        return error
