"""Checks of what is stored: the lake, the history, the models, the last night, and quotas."""

import datetime as dt
from collections import Counter
from collections.abc import Iterable
from zoneinfo import ZoneInfo

import pandas as pd

from smallhours.checkup import Finding, bad, good, note
from smallhours.errors import LakeError
from smallhours.lake.list_tables import METRICS, PLAYLISTS, SET_ASIDE
from smallhours.lake.partition import values_of_path
from smallhours.lake.store import Lake
from smallhours.lake.tables import PLAYS, TABLES
from smallhours.playlist.select.quality import alarms_in
from smallhours.playlist_settings import MAIN
from smallhours.services.budget_state import budget_of
from smallhours.services.retry_and_rate_limit import TokenBucket
from smallhours.services.set_aside import deferred_on
from smallhours.settings import Settings
from smallhours.training import audio
from smallhours.training.evaluation.receptions import months_of
from smallhours.training.registry import SHARED, Registry
from smallhours.training.taste import model as taste
from smallhours.vocabulary import UNWRITTEN, Outcome

# Folder of the models; beside it and the tables, only hidden files (with a dot) are expected.
MODELS = "models"
# Longest gap that is normal; a longer one may mean that the scrobbler is signed out.
MAX_GAP = dt.timedelta(days=14)
MAX_NAMED_FILES = 3


def check_lake(lake: Lake) -> list[Finding]:
    """Check that every file can be read, and list unknown files.

    Raises:
        LakeError: the lake can't be listed.
    """
    paths = [path for path in lake.files.list("") if not _hidden(path)]
    tables: Counter[str] = Counter()
    strangers = []
    for path in paths:
        name = path.partition("/")[0]
        if name in TABLES and values_of_path(TABLES[name], path) is not None:
            tables[name] += 1
        elif name != MODELS:
            strangers.append(path)
    if not tables:
        return [
            note(
                "lake",
                f"{lake.url} is empty",
                "Run `smallhours night`, or wait for it.",
            )
        ]
    found = [_table(lake, name, files) for name, files in sorted(tables.items())]
    if strangers:
        found.append(
            note(
                "lake files",
                f"{len(strangers)} that nobody knows: {_listed(strangers)}",
                f"Nothing reads them; look at them below {lake.url} and remove them.",
            )
        )
    return found


def check_history(listener: str, lake: Lake, *, today: dt.date, zone: ZoneInfo) -> Finding:
    """Check that the history is up to date, and report its longest gap in the last year.

    All days are the listener's.
    """
    subject = "listening history"
    where = {"listener": listener}
    played = lake.frame(PLAYS, columns=["played_at"], where=where)["played_at"]
    if played.empty:
        return note(subject, "no plays yet", "Trigger the DAG sync_listening.")
    days = pd.Series(sorted(set(played.dt.tz_convert(zone).dt.date)))
    last = days.iloc[-1]
    told = f"{len(played):,} plays from {days.iloc[0]} to {last}"
    if today - last > MAX_GAP:
        return note(
            subject,
            f"{told}: nothing for {(today - last).days} days",
            "See at Last.fm whether your player still scrobbles; trigger the DAG sync_listening.",
        )
    recent = days[days >= today - dt.timedelta(days=365)]
    silence = pd.to_datetime(recent).diff().max()
    if silence > MAX_GAP:  # false when there is only one day
        told += f"; the longest silence of the last year was {silence.days} days"
    return good(subject, told)


def _table(lake: Lake, name: str, files: int) -> Finding:
    """Check that every file of a table can be read and has its columns."""
    table = TABLES[name]
    try:
        rows = lake.read(table, columns=list(table.key[:1])).num_rows
    except LakeError as error:
        return bad(f"table {name}", error.what, error.remedy)
    size = lake.size_of(table)
    return good(f"table {name}", f"{rows:,} rows, {files} files, {size / 1e6:.1f} MB")


def _hidden(path: str) -> bool:
    return any(step.startswith(".") for step in path.split("/"))


def _listed(paths: Iterable[str]) -> str:
    names = list(paths)
    more = f" and {len(names) - MAX_NAMED_FILES} more" if len(names) > MAX_NAMED_FILES else ""
    return ", ".join(names[:MAX_NAMED_FILES]) + more


# Taste is learned again after a week at the latest: three more days are days of failures. Audio
# models stay for as long as nothing new is measured.
MAX_TASTE_AGE = dt.timedelta(days=10)
ALARM_STANDS = dt.timedelta(days=7)
# One missed night is not reported.
MAX_NIGHT_AGE = dt.timedelta(days=2)
# Share of the daily calls above which the rest of the night may have to wait.
QUOTA_WARNING_SHARE = 0.9


def check_models(listener: str, lake: Lake, *, today: dt.date) -> list[Finding]:
    """Check the age of the models in use."""
    registry = Registry.of(lake)
    return [
        _model(registry, owner, name, today)
        for owner, name in ((listener, taste.NAME), (SHARED, audio.NAME))
    ]


def _model(registry: Registry, owner: str, name: str, today: dt.date) -> Finding:
    subject = f"model {name}"
    try:
        saved = registry.current(owner, name)
        if saved is not None:
            saved.check()
    except LakeError as error:
        return bad(subject, error.what, error.remedy)
    trained = registry.last_trained(owner, name)
    if saved is None or trained is None:
        return note(
            subject, "none yet", "Trigger the DAG train_models; its summary says what it lacks."
        )
    told = f"version {saved.version} is in use, the last was trained for {trained}"
    if name == taste.NAME and today - trained > MAX_TASTE_AGE:
        return note(subject, told, "See in Airflow why train_models does not run.")
    return good(subject, told)


def check_last_night(listener: str, lake: Lake, *, today: dt.date) -> Finding:
    """Check the ledger's outcome of the last main list."""
    rows = lake.frame(PLAYLISTS, where={"listener": listener})
    rows = rows[rows["intent"] == MAIN]
    subject = "last night"
    if rows.empty:
        return note(
            subject,
            "no list was written yet",
            "Run `smallhours night`, or wait for it.",
        )
    last = rows.sort_values("night", kind="stable").iloc[-1]
    others = rows[(rows["night"] == last["night"]) & (rows["place"] != last["place"])]
    kept = others[others["outcome"].isin(UNWRITTEN)]
    if not kept.empty and last["outcome"] == Outcome.VERIFIED:
        last = kept.iloc[-1]
    where = f" ({last['place']})" if len(others) else ""
    outcome = last["outcome"].replace("_", " ")
    told = f"{last['night']}{where}: {outcome}. {last['note'] or ''}".strip()
    if last["outcome"] == Outcome.KEPT_YESTERDAY:
        return note(subject, told, "Yesterday's list stays until there is a better one.")
    if last["outcome"] == Outcome.NOT_WRITTEN:
        return note(subject, told, "The next night tries again.")
    if today - last["night"] > MAX_NIGHT_AGE:
        return bad(subject, told, "See in Airflow whether sync_listening runs, or is paused.")
    if last["outcome"] != Outcome.VERIFIED:
        return note(subject, told, "Clear publish_playlist in Airflow: it takes up where it was.")
    return good(subject, told)


def check_set_aside(listener: str, lake: Lake, *, today: dt.date) -> list[Finding]:
    """Return the services and the single questions that the last night did without, and why."""
    rows = lake.frame(SET_ASIDE, where={"listener": listener})
    rows = rows[rows["night"] >= today - dt.timedelta(days=1)]
    newest = rows.sort_values("night").drop_duplicates("service", keep="last")
    refused = [
        note(
            row["service"],
            f"set aside on the night of {row['night']}, and asked again on the next one, or when "
            f"its address or credentials change. {row['reason']}",
            row["remedy"],
        )
        for row in newest.to_dict("records")
    ]
    last = today - dt.timedelta(days=1)
    left_out = {**deferred_on(lake, listener, last), **deferred_on(lake, listener, today)}
    return refused + [
        note(service, f"no answer to {what}", "Nothing to do: it is asked again on another night.")
        for service, what in left_out.items()
    ]


def check_alarms(listener: str, lake: Lake, *, today: dt.date) -> list[Finding]:
    """Return the alarms of the last week."""
    since = today - ALARM_STANDS
    rows = lake.frame(METRICS, where={"month": months_of(since, today)})
    alarms = alarms_in(rows[(rows["night"] > since) & (rows["listener"] == listener)])
    return [note(each.kind.replace("_", " "), each.what, each.remedy) for each in alarms]


def check_quotas(settings: Settings) -> list[Finding]:
    """Check the share of today's Spotify budget that is used."""
    used = spotify_calls_used(settings)
    if used is None:
        return []
    allowed = settings.services.spotify.calls_per_day
    told = f"{used} of the {allowed} calls that we allow ourselves in 24 hours"
    if used >= QUOTA_WARNING_SHARE * allowed:
        return [note("Spotify quota", told, "Nothing to do: what is left waits for tomorrow.")]
    return [good("Spotify quota", told)]


def spotify_calls_used(settings: Settings) -> int | None:
    """Return the calls to Spotify of the last 24 hours; None where nobody counts them."""
    state = budget_of(settings.lake.url, "spotify")
    if state.look() is None:
        return None
    return TokenBucket(settings.services.spotify.calls_per_second, state=state).used()
