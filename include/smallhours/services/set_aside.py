"""Services that are set aside for the night because they refuse the key, the account or the app.

A night is made by several processes, so what one stage meets is kept in the lake, in `set_aside`,
and the next stages of that night do without the service. The next night asks it again, and so does
the first stage of the same night when it is run once more. Single questions that fail are counted
here, too, and noted as `services.deferred` says.
"""

import datetime as dt
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pandas as pd

from smallhours.errors import SourceRefused
from smallhours.lake.list_tables import SET_ASIDE
from smallhours.lake.store import Lake
from smallhours.nights import Night
from smallhours.services.deferred import DeferredQuestions, Tally
from smallhours.services.transport import Client
from smallhours.summary import Summary

LOG = logging.getLogger(__name__)


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
        self._clients: set[Client] = set()
        self._tallies: dict[str, Tally] = {}

    def tally(self, client: Client) -> Tally:
        """Return the tally of this stage's single questions to a service."""
        if client.service not in self._tallies:
            self._tallies[client.service] = self._deferred(client.service).tally()
        return self._tallies[client.service]

    @contextmanager
    def asking(self, client: Client) -> Iterator[bool]:
        """Run the block, and set the service aside if it refuses in there.

        The block gets False where the service is set aside already, and must not ask it then. One
        that answers is set aside no longer. What the block stored before a refusal stays stored;
        what it tallied is noted when it ends well.

        Args:
            client: Whom the block asks.

        Raises:
            ServiceError: any error of the block but SourceRefused, or of all single questions.
        """
        service = client.service
        self._clients.add(client)
        if service in self._reasons and not self._anew:
            self._missed[service] = self._reasons[service]
            yield False
            return
        try:
            yield True
            self.tally(client).check()
        except SourceRefused as error:
            LOG.warning("%s is set aside for this night. %s", service, error)
            self._keep(service, error)
            self._missed[service] = self._reasons[service]
        else:
            self._forget(service)
            self._deferred(service).save(self.tally(client))

    def _deferred(self, service: str) -> DeferredQuestions:
        return DeferredQuestions(self._lake, self._listener, service, self._night.date)

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
