"""Questions that a service failed to answer: counted, noted, and left alone for some nights.

A question is about one thing: an artist's tags, a month of scrobbles, one search. The few that fail
end no stage. Each is noted in the lake, in `deferred_questions`, and asked again after 1, 2, 4, 8
and then every 16 nights; an answer removes the note. More failures than that are the service's own
trouble: they end the stage, and nothing is noted.
"""

import datetime as dt
from collections.abc import Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from smallhours.errors import BrokenReply, NotFound, Refused, ServiceError, SourceRefused
from smallhours.lake.list_tables import DEFERRED_QUESTIONS
from smallhours.lake.store import Lake
from smallhours.services.retry import TransientError
from smallhours.summary import Summary

# Failures of a stage: this many, or this share of what was asked, but no more than this many one
# after the other. More are the service's trouble.
MAX_FAILURES = 5
MAX_FAILED_SHARE = 0.05
MAX_WAIT_NIGHTS = 16
MAX_NAMED = 3


@dataclass
class Tally:
    """The numbers of a stage's answered and failed questions to one service.

    Attributes:
        answered: Number of questions that were answered.
        failed: Number of questions that the service failed to answer.
        failures: Why, by question.
        noted: Questions that failed on earlier nights, with why.
        waiting: Those of them that are not due.
        left_alone: Those that would have been asked, with why they were not.
        nightly: Questions that are asked every night, whether they failed or not.
        resolved: Questions that failed on an earlier night and were answered.
    """

    answered: int = 0
    failed: int = 0
    failures: dict[str, str] = field(default_factory=dict)
    noted: Mapping[str, str] = field(default_factory=dict)
    waiting: frozenset[str] = frozenset()
    left_alone: dict[str, str] = field(default_factory=dict)
    nightly: set[str] = field(default_factory=set)
    resolved: set[str] = field(default_factory=set)
    _about: set[str] = field(default_factory=set)
    _in_a_row: set[str] = field(default_factory=set)
    _only_refusals: bool = True
    _last: ServiceError | None = None

    def is_due(self, question: str) -> bool:
        """Return whether a question may be asked tonight."""
        if question in self.waiting:
            self.left_alone[question] = self.noted[question]
        return question not in self.waiting

    def answer(self, question: str = "") -> None:
        """Count an answer."""
        self.answered += 1
        self.failures.pop(question, None)
        self.resolved.add(question)
        self._in_a_row.clear()

    def fail(self, failure: ServiceError, about: str, question: str = "") -> ServiceError | None:
        """Count a failure; return the error that ends the asking, or None to go on.

        Args:
            failure: The error.
            about: The artist or tag of the question. All failures about one artist count as one.
            question: The question, in words.
        """
        if not is_of_one_question(failure):
            return failure
        self.failed += 1
        self.failures[question] = failure.what
        self._last = failure
        self._about.add(about)
        self._in_a_row.add(about)
        self._only_refusals &= isinstance(failure, Refused)
        asked = self.answered + self.failed
        few = len(self._about) <= max(MAX_FAILURES, MAX_FAILED_SHARE * asked)
        if few and len(self._in_a_row) <= MAX_FAILURES:
            return None
        return self._trouble(failure)

    @contextmanager
    def asking(self, question: str) -> Iterator[None]:
        """Run a block that asks a question of every night; where it alone fails, go on.

        Raises:
            ServiceError: the error that ends the asking, or NotFound.
        """
        self.nightly.add(question)
        try:
            yield
        except NotFound:
            self.answer(question)
            raise
        except ServiceError as error:
            if (ending := self.fail(error, question, question)) is not None:
                raise ending from None
        else:
            self.answer(question)

    def check(self) -> None:
        """Check at the end of a stage that the service answered anything.

        Raises:
            ServiceError: several questions were asked, and not one was answered.
        """
        if self._last is not None and not self.answered and len(self._about) > 1:
            raise self._trouble(self._last)

    @property
    def summary(self) -> Summary:
        """How many questions `failed`, how many are `waiting`, and what is `left_out`, and why."""
        summary: Summary = {"failed": self.failed}
        if self.left_alone:
            summary["waiting"] = len(self.left_alone)
        if left_out := {**self.left_alone, **self.failures}:
            summary["left_out"] = describe_failures(left_out)
        return summary

    def _trouble(self, failure: ServiceError) -> ServiceError:
        if self._only_refusals and not self.answered:
            # Who refuses one question after the other refuses us.
            what = failure.what.removeprefix(f"{failure.service}: ")
            return SourceRefused(failure.service, what, remedy=failure.remedy)
        return failure


def is_of_one_question(failure: ServiceError) -> bool:
    """Return True unless the failure is a rate limit or a refused key, which concern all."""
    return isinstance(failure, BrokenReply | TransientError | Refused) and not isinstance(
        failure, SourceRefused
    )


@dataclass(frozen=True)
class DeferredQuestions:
    """The notes about one listener's failed questions to one service, on one night.

    Attributes:
        lake: Where they are kept.
        listener: Whose questions.
        service: The service's name.
        night: Tonight.
    """

    lake: Lake
    listener: str
    service: str
    night: dt.date

    def tally(self) -> Tally:
        """Return a tally that leaves alone what is not due.

        What failed tonight is due: running a stage again asks it again.
        """
        rows = self._rows()
        waits = (rows["failed_on"] < self.night) & (self.night < rows["ask_again"])
        noted = dict(zip(rows["question"], rows["reason"], strict=True))
        return Tally(noted=noted, waiting=frozenset(rows.loc[waits, "question"]))

    def save(self, tally: Tally) -> None:
        """Note a stage's failures, and remove the notes about what was answered."""
        rows = {str(row["question"]): row for row in self._rows().to_dict("records")}
        over = sorted((tally.resolved & set(rows)) - set(tally.failures))
        noted = [self._note(rows.get(question), question, tally) for question in tally.failures]
        if noted or over:
            self.lake.merge(
                DEFERRED_QUESTIONS,
                pd.DataFrame(noted),
                partition={"listener": self.listener},
                delete=pd.DataFrame({"question": over, "service": self.service}),
            )

    def _rows(self) -> pd.DataFrame:
        rows = self.lake.frame(DEFERRED_QUESTIONS, where={"listener": self.listener})
        return rows[rows["service"] == self.service]

    def _note(
        self, earlier: Mapping[Hashable, Any] | None, question: str, tally: Tally
    ) -> dict[str, object]:
        failures = 0
        if earlier is not None:
            failures = int(earlier["failures"]) - int(earlier["failed_on"] == self.night)
        wait = 1 if question in tally.nightly else min(2**failures, MAX_WAIT_NIGHTS)
        return {
            "service": self.service, "question": question, "reason": tally.failures[question],
            "failures": failures + 1, "failed_on": self.night,
            "ask_again": self.night + dt.timedelta(days=wait),
        }  # fmt: skip


def deferred_on(lake: Lake, listener: str, night: dt.date) -> dict[str, str]:
    """Return by service which questions failed on a night or waited on it, and why."""
    rows = lake.frame(DEFERRED_QUESTIONS, where={"listener": listener})
    rows = rows[(rows["failed_on"] <= night) & (night < rows["ask_again"])]
    return {
        str(service): describe_failures(dict(zip(each["question"], each["reason"], strict=True)))
        for service, each in rows.groupby("service")
    }


def describe_failures(failures: Mapping[str, str]) -> str:
    """Return which questions failed and why, the first of them by name."""
    named = sorted(failures.items())[:MAX_NAMED]
    told = "; ".join(f"{question}: {why.rstrip('.')}" for question, why in named)
    more = len(failures) - len(named)
    return f"{told}; and {more} more" if more else told
