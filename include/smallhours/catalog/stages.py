"""The catalog stages: tags, neighbours, audio features and candidates around the listener."""

import datetime as dt
import logging
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd
import pyarrow.compute as pc

from smallhours.catalog import feature_sources, features, retention
from smallhours.catalog.candidates import Weights, gather, weights_of
from smallhours.catalog.lastfm_fetch import (
    Seed,
    artist_tags,
    due_keys,
    fetch_all,
    last_fetched,
    neighbours_of,
    track_tags,
)
from smallhours.catalog.merged_sources import read_neighbours, read_tags
from smallhours.catalog.normalisation import default_pipeline
from smallhours.catalog.tag_names import namer, refresh_names
from smallhours.catalog.tracks import add_tracks, heard_tracks, named_rows
from smallhours.identity import artist_key_in, is_artist
from smallhours.lake.schema import Table
from smallhours.lake.store import Lake
from smallhours.lake.tables import (
    ARTIST_TAGS,
    CANDIDATES,
    SIMILAR,
    TRACK_TAGS,
    TRACKS,
)
from smallhours.nights import Night
from smallhours.services.audio_features import AcousticbrainzClient, ReccobeatsClient
from smallhours.services.lastfm import LastfmClient
from smallhours.services.set_aside import SetAside
from smallhours.services.spotify import SpotifyClient
from smallhours.settings import Settings
from smallhours.summary import Summary
from smallhours.vocabulary import CatalogSource

LOG = logging.getLogger(__name__)


def update_tracks(listener: str, lake: Lake, *, settings: Settings, night: Night) -> Summary:
    """Add everything that the listener played or liked to the catalog of recordings."""
    del settings
    heard = heard_tracks(lake, listener)
    if heard.empty:
        return {"tracks_heard": 0, "tracks_added": 0}
    report = add_tracks(lake, heard, night=night.date)
    return {"tracks_heard": len(heard), "tracks_added": report.rows_added}


def fetch_neighbours(
    listener: str, lake: Lake, lastfm: LastfmClient, *, settings: Settings, night: Night
) -> Summary:
    """Ask Last.fm for neighbours of the listener's strongest tracks, artists and tags.

    Raises:
        ServiceError: what was answered before it is kept.
    """
    aside = SetAside(lake, listener, night)
    tally = aside.tally(lastfm)
    with aside.asking(lastfm) as open_to_us:
        if open_to_us:
            about = artist_tags(lake, lastfm, night=night.date)
            heard = _heard_artists(listener, lake, settings=settings, night=night)
            fetch_all(heard, about, tally)
            near = neighbours_of(lake, lastfm, night=night.date)
            for seeds in _seeds(listener, lake, settings=settings, night=night):
                fetch_all(_unanswered(lake, seeds, settings, night), near, tally)
    return {
        "asked": tally.answered,
        "lastfm_calls": lastfm.calls.total(),
        **aside.summary,
    }


def _heard_artists(
    listener: str, lake: Lake, *, settings: Settings, night: Night
) -> list[tuple[str, str]]:
    """Return the artists that the listener heard and whose tags are due, as (key, name).

    The tags of all that was heard come first: which tags the listener likes, and which never
    occur, decides what else is worth asking.
    """
    weights = weights_of(lake, listener, night=night)
    by_artist = _names(lake).groupby("artist_key")["artist"].first()
    due = _due(lake, ARTIST_TAGS, "artist_key", weights.artists, settings, night)
    heard = [(key, by_artist[key]) for key in due if key in by_artist.index]
    return heard[: settings.catalog.lastfm_calls_per_night]


def _seeds(
    listener: str, lake: Lake, *, settings: Settings, night: Night
) -> Iterator[Sequence[Seed]]:
    """Yield the seeds to ask about; what comes later follows from the answers before it."""
    limits = settings.catalog
    names = _names(lake)
    by_track = names.set_index("track_key")
    by_artist = names.groupby("artist_key")["artist"].first()
    weights = weights_of(lake, listener, night=night)
    tracks = [key for key in weights.tracks.index if key in by_track.index]
    strongest = by_track.loc[tracks[: limits.seed_tracks]]
    named = strongest[["artist", "title"]].itertuples(name=None)
    seeds = [Seed("track", key, artist, title) for key, artist, title in named]
    artists = weights.artists[weights.artists.index.isin(by_artist.index)]
    artists = artists.head(limits.seed_artists)
    seeds += [Seed("artist", key, by_artist[key]) for key in artists.index]
    seeds += [Seed("artist_tracks", key, by_artist[key]) for key in artists.index]
    seeds += [Seed("tag_tracks", tag, "") for tag in weights.tags.head(limits.seed_tags).index]
    yield [Seed("chart", "tags", "")]
    yield seeds + [Seed("tag_tracks", tag, "") for tag in foreign_tags(lake, weights, settings)]
    # Who is similar is known only now; their best-known tracks are the next question.
    yield near_artists(lake, artists, settings)


def fetch_tags(
    listener: str, lake: Lake, lastfm: LastfmClient, *, settings: Settings, night: Night
) -> Summary:
    """Ask Last.fm for the tags of the artists and tracks around the listener, within a budget.

    Artists come first: one answer serves all their tracks. What the budget leaves out is asked
    on the next nights.

    Raises:
        ServiceError: what was answered before it is kept.
    """
    budget = settings.catalog.lastfm_calls_per_night
    weights = weights_of(lake, listener, night=night)
    candidates = _gathered(lake, weights, settings, night)
    best = candidates.groupby("track_key")["strength"].max()
    wanted = pd.concat([weights.tracks, best]).groupby(level=0).max()
    names = _names(lake)
    by_track = names.set_index("track_key")
    by_artist = names.groupby("artist_key")["artist"].first()
    wanted = wanted[wanted.index.isin(by_track.index)]
    by_owner = wanted.groupby([artist_key_in(key) for key in wanted.index]).max()
    artists_due = _due(lake, ARTIST_TAGS, "artist_key", by_owner, settings, night)
    tracks_due = _due(lake, TRACK_TAGS, "track_key", wanted, settings, night)
    artists = artists_due[:budget]
    tracks = tracks_due[: budget - len(artists)]
    due = len(artists_due) + len(tracks_due)
    asked = len(artists) + len(tracks)
    LOG.info(
        "Tags of %d artists and %d tracks are due: %d tonight, in about %d minutes; %d nights "
        "for all",
        len(artists_due), len(tracks_due), asked, _minutes(asked, settings),
        math.ceil(due / budget),
    )  # fmt: skip
    named_artists = [(key, by_artist[key]) for key in artists]
    chosen = by_track.loc[tracks]
    named_tracks = list(zip(tracks, chosen["artist"], chosen["title"], strict=True))
    aside = SetAside(lake, listener, night)
    tally, artists_asked = aside.tally(lastfm), 0
    with aside.asking(lastfm) as open_to_us:
        if open_to_us:
            try:
                fetch_all(named_artists, artist_tags(lake, lastfm, night=night.date), tally)
            finally:
                artists_asked = tally.answered
            fetch_all(named_tracks, track_tags(lake, lastfm, night=night.date), tally)
    left = due - tally.answered
    limits = settings.catalog
    named = refresh_names(lake, Path(limits.tag_files) if limits.tag_files else None)
    stored = retention.enforce_limit(
        lake, limits.lastfm_megabytes, night=night.date, fresh_days=limits.fresh_days
    )
    return {
        "artists_asked": artists_asked,
        "tracks_asked": tally.answered - artists_asked,
        "left_for_later": left,
        "nights_to_go": math.ceil(left / budget),
        "minutes_to_go": _minutes(left, settings),
        "lastfm_calls": lastfm.calls.total(),
        "tags_written": named["tags"],
        "tag_names": named["names"],
        **stored,
        **aside.summary,
    }


def _names(lake: Lake) -> pd.DataFrame:
    """Return the names to ask by, without nameless rows and without "Various Artists"."""
    tracks = lake.frame(TRACKS, columns=["track_key", "artist_key", "artist", "title"])
    return named_rows(tracks[tracks["artist_key"].map(is_artist).astype(bool)])


def _minutes(calls: int, settings: Settings) -> int:
    """Return how many minutes the calls take at Last.fm's rate limit."""
    return math.ceil(calls / settings.services.lastfm.calls_per_second / 60)


def fetch_audio_features(
    listener: str,
    lake: Lake,
    reccobeats: ReccobeatsClient,
    acousticbrainz: AcousticbrainzClient | None = None,
    spotify: SpotifyClient | None = None,
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
    summary: Summary = {}
    if settings.catalog.features_file:
        read = features.import_features(
            lake, Path(settings.catalog.features_file), night=night.date
        )
        summary["dataset_tracks"] = read["tracks"]
        summary["dataset_nameless_rows"] = read["nameless"]
    aside = SetAside(lake, listener, night, anew=True)
    services, fresh_days = settings.services, settings.catalog.fresh_days
    weights = weights_of(lake, listener, night=night).tracks
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
        archive = feature_sources.acousticbrainz_source(acousticbrainz)
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
    source = feature_sources.reccobeats_source(reccobeats, fresh_days)
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
    """Write every track that some seed leads to, with all its seeds."""
    weights = weights_of(lake, listener, night=night)
    rows = _gathered(lake, weights, settings, night)
    lake.replace(CANDIDATES, rows, partition={"listener": listener})
    routes = rows.groupby("route")["track_key"].nunique()
    return {
        "candidates": int(rows["track_key"].nunique()),
        **{f"by_{route}": int(count) for route, count in routes.items()},
    }


def _due(
    lake: Lake, table: Table, key: str, wanted: pd.Series, settings: Settings, night: Night
) -> list[str]:
    """Return which of the wanted keys have no answer yet, or a stale one."""
    return due_keys(
        wanted,
        last_fetched(lake, table, key),
        night=night.date,
        fresh_days=settings.catalog.fresh_days,
    )


def _unanswered(
    lake: Lake, seeds: Sequence[Seed], settings: Settings, night: Night
) -> Sequence[Seed]:
    """Return the seeds without a recent answer."""
    answered = lake.frame(
        SIMILAR,
        columns=["kind", "seed_key", "fetched_at"],
        filters=pc.field("source") == CatalogSource.LASTFM,
    )
    oldest_fresh = night.date - dt.timedelta(days=settings.catalog.fresh_days)
    fresh = answered[answered["fetched_at"] >= oldest_fresh]
    known = set(zip(fresh["kind"], fresh["seed_key"], strict=True))
    return [seed for seed in dict.fromkeys(seeds) if (seed.kind, seed.key) not in known]


def near_artists(lake: Lake, artists: pd.Series, settings: Settings) -> list[Seed]:
    """Return the artists nearest to the listener's own, as seeds for their top tracks."""
    similar = read_neighbours(lake, ["artist"], more=["artist"])
    votes = similar["match"] * similar["seed_key"].map(artists).astype(float)
    near = similar.assign(votes=votes).dropna(subset=["votes"])
    total = near.groupby("neighbour_key").agg(votes=("votes", "sum"), artist=("artist", "first"))
    strange = [key for key in total.index if key not in artists.index and is_artist(key)]
    total = total.loc[strange].rename_axis("key").reset_index()
    total = total.sort_values(["votes", "key"], ascending=[False, True])
    best = total.head(settings.catalog.near_artists)
    return [
        Seed("artist_tracks", key, name)
        for key, name in zip(best["key"], best["artist"], strict=True)
    ]


def _gathered(lake: Lake, weights: Weights, settings: Settings, night: Night) -> pd.DataFrame:
    return gather(
        read_neighbours(lake),
        tracks=weights.tracks.head(settings.catalog.seed_tracks),
        artists=weights.artists.head(settings.catalog.seed_artists),
        tags=weights.tags.head(settings.catalog.seed_tags),
        foreign_tags=unheard(lake, weights, foreign_tags(lake, weights, settings)),
        night=night.date,
    )


def foreign_tags(lake: Lake, weights: Weights, settings: Settings) -> list[str]:
    """Return tags that no heard artist has, best known first, as a source of negatives.

    Those that were asked about before are kept while they hold. What is missing, be it that the
    asking was cut off, is taken from Last.fm's chart first, then from artists around the listener.
    Only what is known before a night's questions decides, so that asking again asks the same.
    """
    name = default_pipeline().name
    heard = {name(tag) for tag in weights.tags.index}
    # What says nothing about the music is no sign of a dislike either.
    heard.add("")
    limit = settings.catalog.foreign_tags
    lists = lake.frame(
        SIMILAR,
        columns=["kind", "seed_key", "neighbour_key", "rank"],
        filters=pc.field("kind").isin(["chart", "tag_tracks"]),
    ).sort_values(["rank", "seed_key"])
    asked = lists.loc[lists["kind"] == "tag_tracks", "seed_key"].unique()
    kept = sorted(tag for tag in asked if name(tag) not in heard)[:limit]
    if len(kept) == limit:
        return kept
    chart = lists[(lists["kind"] == "chart") & (lists["rank"] > 0)]
    around = read_tags(lake, ARTIST_TAGS)
    uses = around["tag"].str.lower().value_counts().rename_axis("tag").reset_index()
    uses = uses.sort_values(["count", "tag"], ascending=[False, True])
    known = dict.fromkeys([*kept, *chart["neighbour_key"], *uses["tag"]])
    return [tag for tag in known if name(tag) not in heard][:limit]


def unheard(lake: Lake, weights: Weights, tags: Sequence[str]) -> frozenset[str]:
    """Return the foreign tags that no heard track has either."""
    name = namer(lake)
    tracks = read_tags(lake, TRACK_TAGS)
    ours = tracks[tracks["track_key"].isin(weights.tracks.index)]
    heard = {name(tag) for tag in ours["tag"].unique()}
    heard.update(name(tag) for tag in weights.tags.index)
    return frozenset(tag for tag in tags if name(tag) not in heard)
