"""One night of all listeners on a cluster: started, followed to its end, and looked at."""

import contextlib
import datetime as dt
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pandas as pd
import requests

from benchmarks.support.cluster_runs import Cluster
from smallhours.lake.list_tables import PLAYLISTS, RECOMMENDATIONS
from smallhours.lake.store import Lake
from smallhours.lake.tables import PLAYS
from smallhours.local.airflow import FINISHED, AirflowApi, TaskRun
from smallhours.runs import NIGHTLY

MAX_NIGHT_S = 1800.0
# Airflow starts a DAG within seconds of the assets that it waits for.
_MAX_HANDOVER_S = 60.0
FIRST, *LATER = NIGHTLY


@dataclass(frozen=True)
class NightOutcome:
    """What came of one night.

    Attributes:
        lists: Listeners whose playlist is tonight's list.
        excused: Listeners without one, and why, in the words of the task that ended.
        mixtures: Playlists that are neither tonight's list nor the one before.
        lost_rows: Scrobbles that the lake does not have.
        doubled_rows: Plays, picks and lists that it has twice.
        left_stuck: Tasks that have not ended.
        lost_tries: Tries that ended without a result.
        seconds: From the start of the night to its last list.
    """

    lists: int
    excused: Mapping[str, str]
    mixtures: int
    lost_rows: int
    doubled_rows: int
    left_stuck: int
    lost_tries: int
    seconds: float


@dataclass
class ClusterNight:
    """A night that runs.

    Attributes:
        cluster: Where it runs.
        date: Its date, by the sandbox's clock.
        since: When it was started.
    """

    cluster: Cluster
    date: dt.date
    since: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))
    _run: str = ""
    _unstarted: dict[str, float] = field(default_factory=dict)

    @classmethod
    def tonight(cls, cluster: Cluster) -> "ClusterNight":
        """Return the night of the sandbox's date."""
        now = dt.datetime.fromtimestamp(cluster.sandbox.state.now, dt.UTC)
        return cls(cluster, now.date())

    def run(self, fault: Callable[[Cluster], None]) -> NightOutcome:
        """Run it with a fault in its middle, and return what came of it."""
        began = time.monotonic()
        with contextlib.closing(self.cluster.api()) as api:
            self._run = api.trigger(FIRST, {"night": str(self.date)})
            self._wait(lambda: bool(api.runs(LATER[0], since=self.since)))
            self.cluster.busy_worker()
            fault(self.cluster)
            self._wait(lambda: self._all_ended(api))
            seconds = time.monotonic() - began
            self.cluster.mend()
            self._wait(lambda: bool(api.dags()))  # the api-server may still be away
            return self._outcome(api, seconds)

    def _wait(self, until: Callable[[], bool]) -> None:
        """Wait for something that only Airflow's API can say, which may be away meanwhile."""
        end = time.monotonic() + MAX_NIGHT_S
        while time.monotonic() < end:
            with contextlib.suppress(requests.RequestException, ValueError):
                if until():
                    return
            time.sleep(1)

    def _runs(self, api: AirflowApi, listener: str) -> dict[str, str]:
        """Return the listener's runs of the later DAGs, by DAG."""
        key = f"{listener}@{self.date}"
        found = {dag: api.run_for(dag, key, since=self.since) for dag in LATER}
        return {dag: run for dag, run in found.items() if run}

    def _all_ended(self, api: AirflowApi) -> bool:
        ended = [self._ended(api, name) for name in self.cluster.listeners]
        return all(ended)

    def _ended(self, api: AirflowApi, listener: str) -> bool:
        """Return whether the listener has a list, or nothing comes any more."""
        runs = self._runs(api, listener)
        states = {dag: api.run_state(dag, run) for dag, run in runs.items()}
        if "failed" in states.values() or states.get(LATER[-1]) == "success":
            return True
        if runs or api.run_state(FIRST, self._run) not in FINISHED:
            self._unstarted.pop(listener, None)
            return False
        now = time.monotonic()
        return now - self._unstarted.setdefault(listener, now) > _MAX_HANDOVER_S

    def _outcome(self, api: AirflowApi, seconds: float) -> NightOutcome:
        tasks = self._tasks(api)
        lake = Lake(self.cluster.lake)
        lists = lake.frame(PLAYLISTS)
        tonight = lists[lists["night"].astype(str) == str(self.date)]
        arrived = {name for name in self.cluster.listeners if self._has(name, tonight)}
        missing = set(self.cluster.listeners) - arrived
        return NightOutcome(
            lists=len(arrived),
            excused={
                name: why for name in sorted(missing) if (why := _why(api, tasks[name] + tasks[""]))
            },
            mixtures=sum(not self._has(name, lists) for name in missing),
            lost_rows=sum(self._plays(lake, name)[0].total() for name in self.cluster.listeners),
            doubled_rows=sum(self._plays(lake, name)[1].total() for name in self.cluster.listeners)
            + _doubled(lake.frame(RECOMMENDATIONS), ["listener", "night", "intent", "track_key"])
            + _doubled(lists, ["listener", "night", "intent", "place"]),
            left_stuck=sum(not each.finished for some in tasks.values() for each in some),
            lost_tries=sum(max(0, each.tries - 1) for some in tasks.values() for each in some),
            seconds=seconds,
        )

    def _tasks(self, api: AirflowApi) -> dict[str, list[TaskRun]]:
        """Return the tasks of the later DAGs by listener; the first DAG's count for all, as ""."""
        found = {
            name: [t for dag, run in self._runs(api, name).items() for t in api.tasks(dag, run)]
            for name in self.cluster.listeners
        }
        return {"": api.tasks(FIRST, self._run), **found}

    def _has(self, listener: str, lists: pd.DataFrame) -> bool:
        """Return whether what stands in the listener's playlist is one of some lists, whole."""
        playlists = self.cluster.sandbox.state.playlists.values()
        shown = [[item.uri for item in one.items] for one in playlists
                 if one.owner == listener and one.by_app]  # fmt: skip
        known = [list(uris) for uris in lists.loc[lists["listener"] == listener, "uris"]]
        if not shown:
            return not len(known)
        return len(shown) == 1 and len(shown[0]) > 0 and shown[0] in known

    def _plays(self, lake: Lake, listener: str) -> tuple["Counter[int]", "Counter[int]"]:
        """Return the moments of the plays that are lost, and of those that are there twice."""
        rows = lake.frame(PLAYS, where={"listener": listener})
        rows = rows[[("lastfm" in sources) for sources in rows["sources"]]]
        ours = Counter(int(moment.timestamp()) for moment in rows["played_at"])
        state = self.cluster.sandbox.state
        scrobbles = state.world.scrobbles(listener).at
        theirs = Counter(int(moment) for moment in scrobbles if moment < state.now)
        return theirs - ours, ours - theirs


def _doubled(rows: pd.DataFrame, key: list[str]) -> int:
    return int(rows.duplicated(key).sum())


def _why(api: AirflowApi, tasks: list[TaskRun]) -> str:
    """Return the last error of a task that failed."""
    for task in tasks:
        if task.state == "failed":
            errors = [str(line["event"]) for line in api.log(task) if line.get("level") == "error"]
            return next(iter(errors), "")
    return ""
