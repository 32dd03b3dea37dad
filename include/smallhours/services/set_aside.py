"""Services that are set aside for the night because they refuse the key, the account or the app.

A night is made by several processes, so what one stage meets is kept in the lake, in `set_aside`,
and the next stages of that night do without the service. The next night asks it again, and so does
the first stage of the same night when it is run once more. Single questions that fail are counted
here, too, and noted as `services.deferred` says.
"""

import datetime as dt
import logging
from collections.abc import Callable
from typing import TypeVar

import pandas as pd

from smallhours.errors import SourceRefused
from smallhours.lake.list_tables import SET_ASIDE
from smallhours.lake.store import Lake
from smallhours.nights import Night
from smallhours.services.client import Client
from smallhours.services.deferred import DeferredQuestions, Tally
from smallhours.summary import Summary

LOG = logging.getLogger(__name__)

T = TypeVar("T")


class SetAside:
    """The services that one listener's night does without.

    Args:
        lake: Where they are kept.
        listener: Whose night.
        night: Which night.
        anew: Ask also what is set aside, as the first stage does that needs a service.
    """

    def __init__(self, lake: Lake, listener: str, night: Night, *, anew: bool = False) -> None:
        self._lake = lake
        self._listener = listener
        self._night = night
        self._reasons = set_aside_on(lake, listener, night.date)
        self._anew = anew
        self._missed: dict[str, str] = {}
        self._tallies: dict[str, Tally] = {}

    def tally(self, client: Client) -> Tally:
        """Return the tally of this stage's single questions to a service."""
        if client.service not in self._tallies:
            self._tallies[client.service] = self._deferred(client.service).tally()
        return self._tallies[client.service]

    def ask(self, client: Client, call: Callable[[], T]) -> T | None:
        """Return what a call brings, or None where its service is set aside.

        A service that refuses now is set aside from here on, one that answers no longer is. What
        the call tallied is noted when it ends well.

        Args:
            client: Whom the call asks.
            call: Asks; what it keeps before a refusal stays kept.

        Raises:
            ServiceError: any error of the call but SourceRefused, or of all its single questions.
        """
        service = client.service
        tally = self.tally(client)
        if self._anew or service not in self._reasons:
            try:
                answer = call()
                tally.check()
            except SourceRefused as error:
                LOG.warning("%s is set aside for this night. %s", service, error)
                self._keep(service, error)
            else:
                self._forget(service)
                self._deferred(service).save(tally)
                return answer
        self._missed[service] = self._reasons[service]
        return None

    @property
    def summary(self) -> Summary:
        """How many questions `failed`, how many are `waiting`, and what is `left_out` so, and why.

        Where a call of this stage was not answered, `set_aside` has the reasons.
        """
        whole = Tally()
        for tally in self._tallies.values():
            whole.failed += tally.failed
            whole.failures |= tally.failures
            whole.left_alone |= tally.left_alone
        summary = whole.summary
        if self._missed:
            summary["set_aside"] = " ".join(self._missed.values())
        return summary

    def _deferred(self, service: str) -> DeferredQuestions:
        return DeferredQuestions(self._lake, self._listener, service, self._night.date)

    def _keep(self, service: str, error: SourceRefused) -> None:
        self._reasons[service] = str(error)
        row = {
            "night": self._night.date, "service": service, "reason": error.what,
            "remedy": error.remedy, "at": dt.datetime.now(dt.UTC),
        }  # fmt: skip
        self._lake.merge(SET_ASIDE, pd.DataFrame([row]), partition={"listener": self._listener})

    def _forget(self, service: str) -> None:
        if self._reasons.pop(service, None) is not None:
            row = {"night": self._night.date, "service": service, "listener": self._listener}
            self._lake.merge(SET_ASIDE, pd.DataFrame(), delete=pd.DataFrame([row]))


def set_aside_on(lake: Lake, listener: str, night: dt.date) -> dict[str, str]:
    """Return why each service that is set aside on a night refuses, and what to do, by service."""
    rows = lake.frame(SET_ASIDE, where={"listener": listener})
    rows = rows[rows["night"] == night]
    told = (rows["reason"] + " " + rows["remedy"]).astype(str)
    return dict(zip(rows["service"].astype(str), told, strict=True))
