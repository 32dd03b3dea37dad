"""The catalog stages: tags, neighbours, audio features and candidates around the listener."""

import datetime as dt
import logging
import math
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from smallhours.catalog import feature_sources, features
from smallhours.catalog.candidates import heard_weights, weights_of
from smallhours.catalog.concurrent_fetch import fetch_due
from smallhours.catalog.lastfm_data import artist_tags, enforce_limit, neighbours_of, track_tags
from smallhours.catalog.listenbrainz_fetch import ListenBrainzNeighbours
from smallhours.catalog.recordings import RecordingFetch, lookups_on
from smallhours.catalog.seeds import (
    EVIDENCE,
    OLD_SHARE,
    askable_names,
    due_for_lastfm,
    gathered,
    heard_artists,
    night_seeds,
    old_share,
    still_unanswered,
    still_untagged,
    unanswered,
)
from smallhours.catalog.tag_names import refresh_names
from smallhours.catalog.tracks import add_tracks, heard_tracks
from smallhours.identity import artist_key_in
from smallhours.lake.list_tables import METRICS
from smallhours.lake.store import Lake
from smallhours.lake.tables import (
    ARTIST_TAGS,
    CANDIDATES,
    PLAYS,
    TRACK_TAGS,
)
from smallhours.nights import Night
from smallhours.services.audio_features import AcousticbrainzClient, ReccobeatsClient
from smallhours.services.set_aside import SetAside, Tally
from smallhours.settings import Settings
from smallhours.summary import Summary
from smallhours.vocabulary import CatalogSource

if TYPE_CHECKING:
    from smallhours.services.lastfm import LastfmClient
    from smallhours.services.listenbrainz import ListenBrainzClient
    from smallhours.services.spotify import SpotifyClient

LOG = logging.getLogger(__name__)

# A month is packed when so much time has passed since, in which it still changes.
KEPT_APART = dt.timedelta(days=31)


def update_tracks(listener: str, lake: Lake, *, settings: Settings, night: Night) -> Summary:
    """Add everything that the listener played or liked to the catalog of recordings.

    Here the night reads the whole history first, so the months that are over are packed before.
    """
    del settings
    lake.pack_months(PLAYS, listener, before=f"{night.date - KEPT_APART:%Y-%m}")
    heard = heard_tracks(lake, listener)
    if heard.empty:
        return {"tracks_heard": 0, "tracks_added": 0}
    report = add_tracks(lake, heard, night=night.date)
    return {"tracks_heard": len(heard), "tracks_added": report.rows_added}


def fetch_neighbours(
    listener: str,
    lake: Lake,
    lastfm: "LastfmClient | None",
    listenbrainz: "ListenBrainzClient | None" = None,
    *,
    settings: Settings,
    night: Night,
) -> Summary:
    """Ask for neighbours of the listener's strongest tracks, artists and tags.

    Raises:
        ServiceError: what was answered before it is kept.
    """
    aside = SetAside(lake, listener, night)
    calls: Summary = {}
    heard = heard_weights(lake, listener, night=night)
    if lastfm is not None:
        tally = aside.tally(lastfm)
        with aside.asking(lastfm) as open_to_us:
            if open_to_us:
                about = artist_tags(lake, lastfm, night=night.date)
                artists = heard_artists(lake, heard, settings=settings, night=night)
                fetch_due(
                    artists,
                    about,
                    tally,
                    still_due=still_untagged(lake, ARTIST_TAGS, settings, night),
                )
                near = neighbours_of(lake, lastfm, night=night.date)
                for seeds in night_seeds(listener, lake, heard, settings=settings, night=night):
                    due = unanswered(lake, seeds, CatalogSource.LASTFM, settings, night)
                    still = still_unanswered(lake, CatalogSource.LASTFM, settings, night)
                    fetch_due(due, near, tally, still_due=still)
        calls["lastfm_calls"] = lastfm.calls.total()
    if listenbrainz is not None:
        tally = aside.tally(listenbrainz)
        with aside.asking(listenbrainz) as open_to_us:
            if open_to_us:
                _ask_listenbrainz(
                    listener, lake, heard, listenbrainz, tally, settings=settings, night=night
                )
        calls |= _listenbrainz_calls(listenbrainz)
    return {"asked": aside.answered, **calls, **aside.summary}


def _ask_listenbrainz(
    listener: str,
    lake: Lake,
    heard: pd.Series,
    listenbrainz: "ListenBrainzClient",
    tally: Tally,
    *,
    settings: Settings,
    night: Night,
) -> None:
    """Ask for the ids and tags of all that the listener heard, and then for what is near it."""
    strongest = heard.index[: settings.catalog.tracks_per_night].tolist()
    _recordings(lake, listenbrainz, tally, settings, night).update(strongest)
    for seeds in night_seeds(listener, lake, heard, settings=settings, night=night):
        near = ListenBrainzNeighbours.of(lake, listenbrainz)
        due = unanswered(lake, seeds, CatalogSource.LISTENBRAINZ, settings, night)
        answerable = [seed for seed in due if near.can_answer(seed)]
        asked = near.fetch(lake, night=night.date)
        still = still_unanswered(lake, CatalogSource.LISTENBRAINZ, settings, night)
        fetch_due(answerable, asked, tally, still_due=still)


def _recordings(
    lake: Lake, listenbrainz: "ListenBrainzClient", tally: Tally, settings: Settings, night: Night
) -> RecordingFetch:
    limits = settings.catalog
    left = max(0, limits.name_lookups_per_night - lookups_on(lake, night.date))
    return RecordingFetch(lake, listenbrainz, night.date, limits.fresh_days, tally, left)


def _listenbrainz_calls(listenbrainz: "ListenBrainzClient") -> Summary:
    calls: Summary = {"listenbrainz_calls": listenbrainz.calls.total()}
    if not listenbrainz.has_token:
        calls["lookups"] = (
            "without a token of ListenBrainz no names are looked up, nor artists' best-known tracks"
        )
    return calls


def fetch_tags(
    listener: str,
    lake: Lake,
    lastfm: "LastfmClient | None",
    listenbrainz: "ListenBrainzClient | None" = None,
    *,
    settings: Settings,
    night: Night,
) -> Summary:
    """Ask for the tags of the artists and tracks around the listener, and how well known they are.

    ListenBrainz takes them in large batches. Last.fm is asked one by one, within a budget: artists
    come first, because one answer serves all their tracks, and what the budget leaves out is asked
    on the next nights.

    Raises:
        ServiceError: what was answered before it is kept.
    """
    weights = weights_of(lake, listener, night=night)
    candidates = gathered(lake, weights, settings, night)
    best = candidates.groupby("track_key")["strength"].max()
    wanted = pd.concat([weights.tracks, best]).groupby(level=0).max()
    names = askable_names(lake, wanted.index)
    wanted = wanted[wanted.index.isin(names["track_key"])]
    aside = SetAside(lake, listener, night)
    asked: Summary = {}
    if listenbrainz is not None:
        tally = aside.tally(listenbrainz)
        with aside.asking(listenbrainz) as open_to_us:
            if open_to_us:
                recordings = _recordings(lake, listenbrainz, tally, settings, night)
                strongest = wanted.sort_values(ascending=False, kind="stable").index.tolist()
                strongest = strongest[: settings.catalog.tracks_per_night]
                recordings.update(strongest)
                recordings.update_popularity(strongest)
        asked |= {"recordings_asked": tally.answered, **_listenbrainz_calls(listenbrainz)}
    if lastfm is not None:
        asked |= _ask_lastfm_tags(lake, lastfm, aside, wanted, names, settings, night)
    limits = settings.catalog
    named = refresh_names(lake, Path(limits.tag_files) if limits.tag_files else None)
    stored = enforce_limit(
        lake, limits.lastfm_megabytes, night=night.date, fresh_days=limits.fresh_days
    )
    return {
        **asked,
        "tags_written": named["tags"],
        "tag_names": named["names"],
        **stored,
        **aside.summary,
    }


def _ask_lastfm_tags(
    lake: Lake,
    lastfm: "LastfmClient",
    aside: SetAside,
    wanted: pd.Series,
    names: pd.DataFrame,
    settings: Settings,
    night: Night,
) -> Summary:
    """Ask Last.fm for the tags of artists and tracks, within the night's budget."""
    budget = settings.catalog.lastfm_calls_per_night
    by_track = names.set_index("track_key")
    by_artist = names.groupby("artist_key")["artist"].first()
    by_owner = wanted.groupby([artist_key_in(key) for key in wanted.index]).max()
    artists_due = due_for_lastfm(lake, ARTIST_TAGS, "artist_key", by_owner, settings, night)
    tracks_due = due_for_lastfm(lake, TRACK_TAGS, "track_key", wanted, settings, night)
    artists = artists_due[:budget]
    tracks = tracks_due[: budget - len(artists)]
    due = len(artists_due) + len(tracks_due)
    asked = len(artists) + len(tracks)
    LOG.info(
        "Tags of %d artists and %d tracks are due: %d tonight, in about %d min; %d nights for all",
        len(artists_due), len(tracks_due), asked, _minutes(asked, settings),
        math.ceil(due / budget),
    )  # fmt: skip
    named_artists = [(key, by_artist[key]) for key in artists]
    chosen = by_track.loc[tracks]
    named_tracks = list(zip(tracks, chosen["artist"], chosen["title"], strict=True))
    tally, artists_asked = aside.tally(lastfm), 0
    with aside.asking(lastfm) as open_to_us:
        if open_to_us:
            try:
                of_artists = artist_tags(lake, lastfm, night=night.date)
                fetch_due(
                    named_artists,
                    of_artists,
                    tally,
                    still_due=still_untagged(lake, ARTIST_TAGS, settings, night),
                )
            finally:
                artists_asked = tally.answered
            of_tracks = track_tags(lake, lastfm, night=night.date)
            fetch_due(
                named_tracks,
                of_tracks,
                tally,
                still_due=still_untagged(lake, TRACK_TAGS, settings, night),
            )
    left = due - tally.answered
    return {
        "artists_asked": artists_asked,
        "tracks_asked": tally.answered - artists_asked,
        "left_for_later": left,
        "nights_to_go": math.ceil(left / budget),
        "minutes_to_go": _minutes(left, settings),
        "lastfm_calls": lastfm.calls.total(),
    }


def _minutes(calls: int, settings: Settings) -> int:
    """Return how many minutes the calls take at Last.fm's rate limit."""
    return math.ceil(calls / settings.services.lastfm.calls_per_second / 60)


def fetch_audio_features(
    listener: str,
    lake: Lake,
    reccobeats: ReccobeatsClient,
    acousticbrainz: AcousticbrainzClient | None = None,
    spotify: "SpotifyClient | None" = None,
    *,
    settings: Settings,
    night: Night,
) -> Summary:
    """Ask for the audio features of tracks whose ids are known; read the data set.

    ReccoBeats is what the night rests on. AcousticBrainz and Spotify are asked besides: their
    failures are reported in the summary, not raised. Whoever refuses as a whole is set aside.

    Args:
        listener: Whose tracks are asked about first.
        lake: The lake.
        reccobeats: Asked if it is enabled.
        acousticbrainz: Asked if it is given and enabled.
        spotify: Asked if it is given and `legacy_features` is set.
        settings: The settings.
        night: Tonight.

    Raises:
        ServiceError: what was answered before it is kept.
        SettingsError: `catalog.features_file` can't be read.
    """
    features.ToldLengths(lake, night.date).store()
    summary: Summary = {}
    if settings.catalog.features_file:
        read = features.import_features(
            lake, Path(settings.catalog.features_file), night=night.date
        )
        summary["dataset_tracks"] = read["tracks"]
        summary["dataset_nameless_rows"] = read["nameless"]
    aside = SetAside(lake, listener, night, anew=True)
    services, fresh_days = settings.services, settings.catalog.fresh_days
    most = settings.catalog.tracks_per_night
    weights = heard_weights(lake, listener, night=night)
    if spotify is not None and services.spotify.legacy_features:
        answer: Summary = {}
        with aside.asking(spotify) as open_to_us:
            if open_to_us:
                answer = feature_sources.fetch_from_spotify(
                    lake, spotify, weights, night=night.date, fresh_days=fresh_days,
                    tally=aside.tally(spotify),
                )  # fmt: skip
        summary |= {f"spotify_{name}": value for name, value in answer.items()}
    if acousticbrainz is not None and services.acousticbrainz.enabled:
        archive = feature_sources.acousticbrainz_source(acousticbrainz, most)
        answer, tally = {}, aside.tally(acousticbrainz)
        with aside.asking(acousticbrainz) as open_to_us:
            if open_to_us:
                answer = feature_sources.fetch_optional(
                    lake, archive, weights, night=night.date, tally=tally
                )
        summary |= {f"acousticbrainz_{name}": value for name, value in answer.items()}
        summary["acousticbrainz_calls"] = acousticbrainz.calls.total()
    if not services.reccobeats.enabled:
        off = "ReccoBeats is switched off in the settings"
        return {**summary, **aside.summary, "skipped": off}
    source = feature_sources.reccobeats_source(reccobeats, fresh_days, most)
    answer, tally = {"asked": 0, "found": 0}, aside.tally(reccobeats)
    with aside.asking(reccobeats) as open_to_us:
        if open_to_us:
            answer = feature_sources.fetch_from_source(
                lake, source, weights, night=night.date, tally=tally
            )
    return {
        **summary,
        "tracks_asked": answer["asked"],
        "tracks_found": answer["found"],
        "reccobeats_calls": reccobeats.calls.total(),
        **aside.summary,
    }


def gather_candidates(listener: str, lake: Lake, *, settings: Settings, night: Night) -> Summary:
    """Write every track that some seed leads to, with all its seeds.

    Neighbours count however old they are. The share of the seeds whose newest answer is older than
    `fresh_days` is in the summary, and in `metrics`.
    """
    weights = weights_of(lake, listener, night=night)
    rows = gathered(lake, weights, settings, night)
    lake.replace(CANDIDATES, rows, partition={"listener": listener})
    routes = rows.groupby("route")["track_key"].nunique()
    old = old_share(
        lake, rows["seed_key"], night=night.date, fresh_days=settings.catalog.fresh_days
    )
    row = {
        "night": night.date, "listener": listener, "subject": EVIDENCE, "metric": OLD_SHARE,
        "value": old, "low": None, "high": None, "baseline": None, "n": rows["seed_key"].nunique(),
    }  # fmt: skip
    lake.merge(METRICS, pd.DataFrame([row]), partition={"month": f"{night.date:%Y-%m}"})
    return {
        "candidates": int(rows["track_key"].nunique()),
        "old_evidence_percent": round(100 * old),
        **{f"by_{route}": int(count) for route, count in routes.items()},
    }
