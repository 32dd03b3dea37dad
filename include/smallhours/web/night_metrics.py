"""Figures for Prometheus: nights, lists, acceptance, calls, and the age of what a night rests on.

All come from the lake and the settings, so that they survive restarts and are the same on every
machine.
"""

import datetime as dt
from collections.abc import Callable, Iterator

import pandas as pd
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from smallhours.checkup.stored_data import spotify_calls_used
from smallhours.lake.list_tables import DEFERRED_QUESTIONS, METRICS, PLAYLISTS, SET_ASIDE
from smallhours.lake.migrations import open_to_read
from smallhours.lake.store import Lake
from smallhours.lake.tables import FEEDBACK, PLAYS
from smallhours.settings import Settings, load_settings
from smallhours.training import audio
from smallhours.training.evaluation.pick_outcomes import outcomes
from smallhours.training.registry import SHARED, Registry
from smallhours.training.taste import model as taste
from smallhours.vocabulary import SHOWN

MONTHS = 12  # in which the newest play of each source is looked for
NIGHTS = 30  # over which lists and reactions are counted


class NightCollector(Collector):
    """What Prometheus is told about all listeners of the settings.

    Args:
        login_days: Returns the days until a listener's Spotify login ends; None if unknown.
    """

    def __init__(self, login_days: Callable[[str], int | None]) -> None:
        self._login_days = login_days

    def collect(self) -> Iterator[Metric]:
        """Yield the figures.

        Raises:
            SmallhoursError: the settings or the lake can't be read.
        """
        settings = load_settings()
        lake = open_to_read(settings.lake.url)
        gauges = _Gauges()
        for listener in settings.listeners:
            _add_listener(gauges, listener, settings, lake)
            days = self._login_days(listener) if settings.listener(listener).spotify else None
            if days is not None:
                gauges.add("login_days_left", days, listener=listener, service="spotify")
        _add_model(gauges, SHARED, audio.NAME, lake)
        _add_figures(gauges, lake)
        used = spotify_calls_used(settings)
        if used is not None:
            allowed = settings.services.spotify.calls_per_day
            gauges.add("calls_used", used, service="spotify")
            gauges.add("calls_left", max(0, allowed - used), service="spotify")
        yield from gauges.families.values()


# The name of each figure, without `smallhours_`, and what it says.
FIGURES = {
    "list_night_seconds": "Night of the newest list that was seen at its place, as Unix time",
    "lists": f"Lists of the last {NIGHTS} nights by outcome",
    "picks": f"Tracks in the main lists of the last {NIGHTS} nights",
    "picks_accepted": "Those of them that were played, saved or thumbed up",
    "picks_removed": "Those of them that were removed",
    "play_seconds": "When the newest play was, by the source that reported it, as Unix time",
    "model_night_seconds": "Night for which a model was last trained, as Unix time",
    "model_figure": "A model's or a list's figure of its newest night; docs/metrics.md names them",
    "source_set_aside": "1 where a source was set aside on the newest night, because it refused",
    "questions_deferred": "Questions that a source failed to answer, left alone for some nights",
    "login_days_left": "Days until a login ends; negative after it",
    "calls_used": "Calls of the last 24 hours",
    "calls_left": "Calls that are left of those allowed in 24 hours",
}


class _Gauges:
    """Gauges by name; labels are those of the first value."""

    def __init__(self) -> None:
        self.families: dict[str, GaugeMetricFamily] = {}
        self._labels: dict[str, tuple[str, ...]] = {}

    def add(self, name: str, value: float, **labels: str) -> None:
        if name not in self.families:
            self._labels[name] = tuple(labels)
            self.families[name] = GaugeMetricFamily(
                f"smallhours_{name}", FIGURES[name], labels=self._labels[name]
            )
        self.families[name].add_metric([labels[each] for each in self._labels[name]], value)


def _add_listener(gauges: _Gauges, listener: str, settings: Settings, lake: Lake) -> None:
    today = settings.listener(listener).night_at(dt.datetime.now(dt.UTC)).date
    where = {"listener": listener}
    lists = lake.frame(PLAYLISTS, where=where)
    for (intent, place), rows in lists[lists["outcome"].isin(SHOWN)].groupby(["intent", "place"]):
        night = _seconds(rows["night"].max())
        where_to = {"intent": str(intent), "place": str(place)}
        gauges.add("list_night_seconds", night, listener=listener, **where_to)
    recent = lists[lists["night"] > today - dt.timedelta(days=NIGHTS)]
    for outcome, count in recent["outcome"].value_counts().items():
        gauges.add("lists", count, listener=listener, outcome=str(outcome))
    _add_reactions(gauges, listener, recent[recent["intent"] == "main"], lake)
    mine = [each["month"] for each in lake.partitions(PLAYS) if each["listener"] == listener]
    recent_plays = {**where, "month": sorted(mine)[-MONTHS:]}
    plays = lake.frame(PLAYS, columns=["played_at", "sources"], where=recent_plays)
    plays = plays.explode("sources")
    for source, newest in plays.groupby("sources")["played_at"].max().items():
        gauges.add("play_seconds", newest.timestamp(), listener=listener, source=str(source))
    _add_model(gauges, listener, taste.NAME, lake)
    aside = lake.frame(SET_ASIDE, where=where)
    for service in aside.loc[aside["night"] >= today - dt.timedelta(days=1), "service"].unique():
        gauges.add("source_set_aside", 1, listener=listener, service=service)
    deferred = lake.frame(DEFERRED_QUESTIONS, where=where)
    waiting = deferred.loc[deferred["ask_again"] > today, "service"]
    for service, count in waiting.value_counts().items():
        gauges.add("questions_deferred", count, listener=listener, service=str(service))


def _add_reactions(gauges: _Gauges, listener: str, lists: pd.DataFrame, lake: Lake) -> None:
    feedback = lake.frame(FEEDBACK, where={"listener": listener})
    no_details = pd.DataFrame(columns=["night", "intent", "track_key"])
    found = outcomes(feedback, no_details, lists, by=())
    gauges.add("picks", found["shown"].max(), listener=listener)
    counts = dict(zip(found["reaction"], found["n"], strict=True))
    for name in ("accepted", "removed"):
        gauges.add(f"picks_{name}", counts[name], listener=listener)


def _add_model(gauges: _Gauges, owner: str, name: str, lake: Lake) -> None:
    night = Registry.of(lake).last_trained(owner, name)
    if night is not None:
        gauges.add("model_night_seconds", _seconds(night), listener=owner, model=name)


def _add_figures(gauges: _Gauges, lake: Lake) -> None:
    months = sorted(each["month"] for each in lake.partitions(METRICS))[-1:]
    rows = lake.frame(METRICS, where={"month": months}).sort_values("night")
    about = ["listener", "subject", "metric"]
    for row in rows.drop_duplicates(about, keep="last").to_dict("records"):
        labels = {name: row[name] for name in about}
        gauges.add("model_figure", row["value"], **labels)


def _seconds(night: dt.date) -> float:
    return dt.datetime.combine(night, dt.time(), dt.UTC).timestamp()
