"""How many questions are put to a service at once, and what becomes of the answers.

Questions go out several at a time, the service's budget sets the pace, and answers come back in
batches that the caller stores before the next batch is asked. When the service asks us to wait or
fails for good, the answers so far are handed over first and the error is raised after them:
nothing that was answered has to be asked again.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from smallhours.errors import NotFound, ServiceError

Question = TypeVar("Question")
Answer = TypeVar("Answer")

WORKERS = 8
BATCH = 1000


def ask_all(
    questions: Sequence[Question],
    ask: Callable[[Question], Answer],
    *,
    missing: Answer,
    batch: int = BATCH,
) -> Iterator[list[tuple[Question, Answer]]]:
    """Ask every question; yield the answers in batches, in the order of the questions.

    Args:
        questions: What to ask.
        ask: Asks one; must be thread-safe.
        missing: The answer that stands for "does not exist" (NotFound); that is an answer too.
        batch: Questions to a batch.

    Raises:
        ServiceError: any other than NotFound, after the answers before it were yielded.
    """
    with ThreadPoolExecutor(WORKERS) as pool:
        for start in range(0, len(questions), batch):
            chunk = questions[start : start + batch]
            answers: list[tuple[Question, Answer]] = []
            failure: ServiceError | None = None
            for question, outcome in zip(
                chunk, pool.map(lambda q: _outcome(ask, q, missing), chunk), strict=True
            ):
                if isinstance(outcome, ServiceError):
                    failure = failure or outcome
                else:
                    answers.append((question, outcome))
            yield answers
            if failure is not None:
                raise failure


def _outcome(
    ask: Callable[[Question], Answer], question: Question, missing: Answer
) -> Answer | ServiceError:
    try:
        return ask(question)
    except NotFound:
        return missing
    except ServiceError as error:
        return error
