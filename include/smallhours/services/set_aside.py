"""Doing without: services that are set aside for the night, and questions that are deferred.

A service that refuses the key, the account or the app is set aside. A night is made by several
processes, so what one stage meets is kept in the lake, in `set_aside`, and the next stages of that
night do without the service. It is asked again on the next night, and at once when its address or
its credentials have changed.

A service that is out of reach is tried again for a while (`Night.waits`), and then set aside, too,
if the lake has a history to go on from. The next stage that reads news asks it again.

A question is about one thing: an artist's tags, a month of scrobbles, one search. The few that fail
end no stage. Each is noted in the lake, in `deferred_questions`, and asked again after 1, 2, 4, 8
and then every 16 nights; an answer removes the note. More failures than that are the service's own
trouble: they end the stage, and nothing is noted.
"""

import datetime as dt
import logging
from collections import Counter
from collections.abc import Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import pandas as pd

from smallhours.errors import (
    BrokenReply,
    NeedsLogin,
    NotFound,
    Refused,
    RetryLater,
    ServiceError,
    SourceRefused,
)
from smallhours.lake.list_tables import DEFERRED_QUESTIONS, SET_ASIDE
from smallhours.lake.store import Lake
from smallhours.lake.tables import LIBRARY, PLAYS
from smallhours.nights import Night
from smallhours.services.retry_and_rate_limit import is_of_one_question
from smallhours.summary import Summary

# Failures of a stage: this many, or this share of what was asked, but no more than this many one
# after the other. More are the service's trouble.
MAX_FAILURES = 5
MAX_FAILED_SHARE = 0.05
MAX_WAIT_NIGHTS = 16
MAX_NAMED = 3

LOG = logging.getLogger(__name__)


class Asked(Protocol):
    """Whom a stage asks: a service's client, or a place for a list."""

    @property
    def service(self) -> str:
        """The service's name, as errors have it."""

    @property
    def odd_rows(self) -> Counter[str]:
        """The rows of replies so far that could not be read and were left out."""

    @property
    def access(self) -> str:
        """A fingerprint of the address and the credentials."""


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


class SetAside:
    """The services that one listener's night does without.

    Args:
        lake: Where they are kept.
        listener: Whose night.
        night: Which night.
        anew: Ask also what was out of reach, as a stage does that reads news.
    """

    def __init__(self, lake: Lake, listener: str, night: Night, *, anew: bool = False) -> None:
        self._lake = lake
        self._listener = listener
        self._night = night
        rows = _rows_of(lake, listener, night.date)
        self._rows: dict[str, Mapping[Hashable, Any]] = {
            str(row["service"]): row for row in rows.to_dict("records")
        }
        self._anew = anew
        self._missed: dict[str, str] = {}
        self._clients: set[Asked] = set()
        self._tallies: dict[str, Tally] = {}

    def tally(self, client: Asked) -> Tally:
        """Return the tally of this stage's single questions to a service."""
        if client.service not in self._tallies:
            self._tallies[client.service] = self._deferred(client.service).tally()
        return self._tallies[client.service]

    @contextmanager
    def asking(self, client: Asked) -> Iterator[bool]:
        """Run the block, and set the service aside if it refuses in there or is out of reach.

        The block gets False where the service is set aside already, and must not ask it then. One
        that answers is set aside no longer. What the block stored before a refusal stays stored;
        what it tallied is noted when it ends well.

        Args:
            client: Whom the block asks.

        Raises:
            ServiceError: an error that is about single questions, or one that is worth waiting for.
        """
        service = client.service
        self._clients.add(client)
        if self._stands(client):
            self._missed[service] = _told(self._rows[service])
            yield False
            return
        try:
            yield True
            self.tally(client).check()
        except (SourceRefused, NeedsLogin) as error:
            self._keep(client, error, access=client.access)
        except Refused as error:
            # A question that no other can stand for, as for the plays of a private profile.
            if not self._knows_the_listener():
                raise
            self._keep(client, error, access=client.access)
        except (RetryLater, BrokenReply) as error:
            if self._night.waits or not self._knows_the_listener():
                raise
            self._keep(client, error, access=None)
        else:
            self._forget(service)
            self._deferred(service).save(self.tally(client))

    def _stands(self, client: Asked) -> bool:
        """Return whether a service is still set aside."""
        row = self._rows.get(client.service)
        if row is None:
            return False
        if pd.isna(row["access"]):
            return not self._anew
        return bool(row["access"] == client.access)

    def _knows_the_listener(self) -> bool:
        """Return whether the lake has a history to go on from."""
        return any(
            part["listener"] == self._listener
            for table in (PLAYS, LIBRARY)
            for part in self._lake.partitions(table)
        )

    def _deferred(self, service: str) -> DeferredQuestions:
        return DeferredQuestions(self._lake, self._listener, service, self._night.date)

    @property
    def answered(self) -> int:
        """The number of questions of this stage that were answered."""
        return sum(tally.answered for tally in self._tallies.values())

    @property
    def summary(self) -> Summary:
        """How many questions `failed`, how many are `waiting`, and what is `left_out` so, and why.

        Where there are any, `unreadable_rows` counts rows, and `set_aside` has the reasons.
        """
        whole = Tally()
        for tally in self._tallies.values():
            whole.failed += tally.failed
            whole.failures |= tally.failures
            whole.left_alone |= tally.left_alone
        odd = sum(client.odd_rows.total() for client in self._clients)
        return {
            **whole.summary,
            **({"unreadable_rows": odd} if odd else {}),
            **({"set_aside": " ".join(self._missed.values())} if self._missed else {}),
        }

    def _keep(self, client: Asked, error: ServiceError, *, access: str | None) -> None:
        LOG.warning("%s is set aside for this night. %s", client.service, error)
        row: dict[Hashable, Any] = {
            "night": self._night.date, "service": client.service, "reason": error.what,
            "remedy": error.remedy, "at": dt.datetime.now(dt.UTC), "access": access,
        }  # fmt: skip
        self._rows[client.service] = row
        self._missed[client.service] = _told(row)
        self._lake.merge(SET_ASIDE, pd.DataFrame([row]), partition={"listener": self._listener})

    def _forget(self, service: str) -> None:
        if self._rows.pop(service, None) is not None:
            row = {"night": self._night.date, "service": service, "listener": self._listener}
            self._lake.merge(SET_ASIDE, pd.DataFrame(), delete=pd.DataFrame([row]))


def set_aside_on(lake: Lake, listener: str, night: dt.date) -> dict[str, str]:
    """Return why each service that is set aside on a night refuses, and what to do, by service."""
    rows = _rows_of(lake, listener, night).to_dict("records")
    return {str(row["service"]): _told(row) for row in rows}


def _rows_of(lake: Lake, listener: str, night: dt.date) -> pd.DataFrame:
    rows = lake.frame(SET_ASIDE, where={"listener": listener})
    return rows[rows["night"] == night]


def _told(row: Mapping[Hashable, Any]) -> str:
    return f"{row['reason']} {row['remedy']}"
