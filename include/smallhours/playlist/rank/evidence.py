"""The evidence of a night: all that the lake holds for the choice of tracks, read once.

It is read as of the night; the modules that use it are pure functions.
"""

import datetime as dt
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow.compute as pc

from smallhours.catalog.candidates import artist_weights, track_weights
from smallhours.catalog.stored_answers import complete_listeners
from smallhours.identity import artist_key_in
from smallhours.lake.list_tables import PLAYLISTS
from smallhours.lake.store import Lake, among, prefix_of
from smallhours.lake.tables import AUDIO_FEATURES, CANDIDATES, FEEDBACK, TRACKS
from smallhours.listening.edits import Edits, own_plays, read_edits
from smallhours.listening.feedback import (
    feedback_before,
    last_shown,
    rejected_tracks,
)
from smallhours.listening.library import read_library
from smallhours.listening.plays import WITNESSES, heard_out, with_inferred_skips
from smallhours.nights import Night
from smallhours.playlist.explain.names_in_words import NO_TAGS, NameableTags
from smallhours.training.ranking.artist_graph import no_lists, read_artist_lists
from smallhours.training.ranking.signals import empty_picks, graded_picks
from smallhours.training.tags import Tags, load_tags
from smallhours.vocabulary import POSITIVE_SIGNALS, Reaction, Route, Signal

# The window of recent plays.
RECENT_DAYS = 90

_OF_TRACKS = [
    "track_key",
    "artist",
    "title",
    "album",
    "listeners",
    "released",
    "explicit",
    "first_seen",
    "spotify_method",
    "spotify_at",
]


Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ListenerHistory:
    """The tracks and artists that the listener knows, with plays and weights.

    Attributes:
        tracks: Indexed by track key: `artist`, `title` (as last shown), `plays` (those of 30
            seconds and more), `first_played` and `last_played` (UTC; of any length, null when
            never), `saved` (saved or loved), `named` (known only as one of an artist that the
            listener named) and `weight` (recency-weighted, the strongest has 1).
        artists: Indexed by artist key: `artist`, `plays`, `tracks` (how many were played or
            liked), `named` (known by the listener's naming alone) and `weight`.
        disliked: Keys of rejected tracks: disliked, removed from our lists, thumbed down.
    """

    tracks: pd.DataFrame
    artists: pd.DataFrame
    disliked: frozenset[str]
    # Every reason tries the same few rows in many pairs.
    _looked_up: dict[tuple[str, str], Row] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def track(self, key: str) -> Row:
        """Return one row of `tracks` by column."""
        return self._row("tracks", self.tracks, key)

    def artist(self, key: str) -> Row:
        """Return one row of `artists` by column."""
        return self._row("artists", self.artists, key)

    def _row(self, name: str, frame: pd.DataFrame, key: str) -> Row:
        found = self._looked_up.get((name, key))
        if found is None:
            found = {str(column): frame.at[key, column] for column in frame.columns}
            self._looked_up[name, key] = found
        return found


@dataclass(frozen=True, slots=True)
class Evidence:
    """All data that one night's ranking is computed from.

    Attributes:
        votes: Rows of `candidates` without the background; texts are categories, in order.
        tracks: Indexed by the keys of the candidates and, where they may come back, of known
            tracks: `candidate`, and from `tracks`: `artist`, `title`, `album`, `listeners`,
            `released`, `explicit`, `first_seen`, `spotify_method`, `spotify_at`.
        tags: Of all of those, and of known tracks.
        history: What the listener knows.
        plays: `played_at` (UTC) and `track_key` of the plays of 30 seconds and more that were not
            cut short, oldest first.
        shown: When each track was last in the listener's playlist.
        catalog_from: The night on which the catalog began; null when it is empty.
        picks: How earlier picks were received: of `graded_picks`.
        edits: What the listener corrected.
        too_often: When each track was last said to be heard too often.
        nameable: The tags that a reason may name.
        artist_lists: The lists of similar artists that say something of them: `seed_key`,
            `neighbour_key`, `match`, `rank`.
        known_by: How many listeners know each track of the catalog, by key; null where unknown.
    """

    votes: pd.DataFrame
    tracks: pd.DataFrame
    tags: Tags
    history: ListenerHistory
    plays: pd.DataFrame
    shown: Mapping[str, dt.date]
    catalog_from: dt.date | None
    picks: pd.DataFrame = field(default_factory=empty_picks)
    edits: Edits = field(default_factory=Edits)
    too_often: Mapping[str, dt.date] = field(default_factory=dict)
    nameable: NameableTags = NO_TAGS
    artist_lists: pd.DataFrame = field(default_factory=no_lists)
    known_by: "pd.Series[float]" = field(default_factory=lambda: pd.Series(dtype=float))

    def recent_plays(self, night: Night) -> "pd.Series[float]":
        """Return the number of plays of each track in the last 90 days, by key."""
        since = night.as_of - dt.timedelta(days=RECENT_DAYS)
        counts = self.plays.loc[self.plays["played_at"] >= since, "track_key"].value_counts()
        return counts.sort_index().astype(float)


def read_evidence(lake: Lake, listener: str, *, night: Night, familiar: bool = False) -> Evidence:
    """Read all data that the ranking needs.

    Args:
        lake: The lake.
        listener: Whose.
        night: As of when.
        familiar: Whether tracks that the listener knows may be chosen, too.
    """
    own = {"listener": listener}
    feedback = lake.frame(FEEDBACK, where=own)
    votes = lake.frame(
        CANDIDATES, columns=["track_key", "route", "seed_key", "strength"], where=own
    )
    votes = votes[votes["route"] != Route.BACKGROUND]
    plays = _read_plays(lake, listener, night=night)
    history = _read_history(lake, listener, plays, night=night)
    ours = among("track_key", {*votes["track_key"], *history.tracks.index})
    tracks = lake.frame(TRACKS, columns=_OF_TRACKS, filters=ours)
    began = pc.min(lake.read(TRACKS, columns=["first_seen"])["first_seen"]).as_py()
    # A candidate without a name can't be shown or searched for.
    votes = votes[_among(votes["track_key"], set(tracks["track_key"]))].reset_index(drop=True)
    # A million rows name the same tracks and seeds again and again: numbers compare faster.
    votes = votes.astype(dict.fromkeys(["track_key", "route", "seed_key"], "category"))
    candidates = set(votes["track_key"].cat.categories)
    wanted = candidates | set(history.tracks.index) if familiar else candidates
    told = lake.frame(TRACKS, columns=["track_key", "listeners"]).drop_duplicates("track_key")
    known_by = complete_listeners(lake, told.set_index("track_key")["listeners"])
    tracks = tracks.assign(listeners=known_by.loc[tracks["track_key"]].to_numpy())
    tracks = tracks[_among(tracks["track_key"], wanted)].set_index("track_key").sort_index()
    return Evidence(
        votes=votes,
        tracks=tracks.assign(candidate=_among(tracks.index, candidates)),
        tags=load_tags(lake, {*tracks.index, *history.tracks.index}),
        history=history,
        plays=plays.loc[heard_out(plays), ["played_at", "track_key"]].reset_index(drop=True),
        shown=last_shown(lake.frame(PLAYLISTS, where=own), before=night.date),
        catalog_from=began,
        picks=graded_picks(feedback_before(feedback, night.as_of)),
        edits=read_edits(lake, listener),
        too_often=_too_often(feedback),
        nameable=NameableTags.read(lake),
        artist_lists=read_artist_lists(
            lake, {artist_key_in(key) for key in (*tracks.index, *history.tracks.index)}
        ),
        known_by=known_by,
    )


def _too_often(feedback: pd.DataFrame) -> dict[str, dt.date]:
    """Return when each track was last said to be heard too often."""
    said = feedback[feedback["reaction"] == Reaction.TOO_OFTEN].sort_values("at")
    return {key: at.date() for key, at in zip(said["track_key"], said["at"], strict=True)}


def read_history(lake: Lake, listener: str, *, night: Night) -> ListenerHistory:
    """Read what the listener played, saved, loved and rejected before the night's end."""
    return _read_history(lake, listener, _read_plays(lake, listener, night=night), night=night)


def _read_plays(lake: Lake, listener: str, *, night: Night) -> pd.DataFrame:
    columns = ["played_at", "track_key", "artist", "title", "ms_played", "skipped", *WITNESSES]
    plays = with_inferred_skips(own_plays(lake, listener, columns))
    return plays[plays["played_at"] < night.as_of].sort_values("played_at", kind="stable")


def _read_history(
    lake: Lake, listener: str, plays: pd.DataFrame, *, night: Night
) -> ListenerHistory:
    columns = ["signal", "track_key", "artist", "title", "last_seen"]
    library = read_library(lake, listener, columns)
    disliked = rejected_tracks(lake, listener, library)
    liked = library[library["signal"] != Signal.DISLIKED]
    return history_of(plays, liked, disliked, night=night.date)


def history_of(
    plays: pd.DataFrame, library: pd.DataFrame, disliked: frozenset[str], *, night: dt.date
) -> ListenerHistory:
    """Sum up plays and library signals by track and by artist.

    Args:
        plays: `played_at`, `track_key`, `artist`, `title`, `ms_played` and `skipped` (a flag),
            oldest first. Those of less than 30 seconds and those that were cut short make a track
            known, and count for nothing else.
        library: `signal`, `track_key`, `artist`, `title`, `last_seen`; withdrawn signals, too: a
            track that was saved once is known.
        disliked: Keys of rejected tracks.
        night: Plays are aged relative to it.
    """
    newest = library.groupby("signal")["last_seen"].transform("max")
    standing = library[library["last_seen"] == newest]
    names = ["track_key", "artist", "title"]
    tracks = pd.concat([library[names], plays[names]]).groupby("track_key").last()
    saved = standing.loc[standing["signal"].isin(POSITIVE_SIGNALS), "track_key"]
    met_otherwise = library.loc[library["signal"] != Signal.NAMED, "track_key"]
    only_named = ~tracks.index.isin({*plays["track_key"], *met_otherwise})
    real = plays[heard_out(plays)]
    weights = track_weights(real, standing, night=night)
    when = plays.groupby("track_key")["played_at"].agg(["min", "max"]).reindex(tracks.index)
    tracks = tracks.assign(
        plays=real["track_key"].value_counts().reindex(tracks.index).fillna(0).astype(int),
        first_played=when["min"],
        last_played=when["max"],
        saved=tracks.index.isin(set(saved)),
        named=only_named,
        weight=weights.reindex(tracks.index).fillna(0.0).astype(float),
    )
    owners = pd.Index([artist_key_in(key) for key in tracks.index], name="artist_key")
    met = (tracks["plays"] > 0) | (tracks["weight"] > 0) | tracks["saved"]
    met &= ~tracks["named"]
    artists = (
        tracks.assign(met=met)
        .groupby(owners)
        .agg(
            artist=("artist", "last"),
            plays=("plays", "sum"),
            tracks=("met", "sum"),
            named=("named", "all"),
        )
    )
    fond = artist_weights(weights).reindex(artists.index).fillna(0.0).astype(float)
    return ListenerHistory(tracks, artists.assign(weight=fond), disliked)


def read_features(lake: Lake, tracks: Iterable[str]) -> pd.DataFrame:
    """Read some tracks' features: `track_key`, `source`, `feature`, `value`, `low`, `high`."""
    wanted = sorted(set(tracks))
    return lake.frame(
        AUDIO_FEATURES,
        columns=["track_key", "source", "feature", "value", "low", "high"],
        where={"prefix": sorted({prefix_of(artist_key_in(key)) for key in wanted})},
        filters=among("track_key", wanted) & pc.field("value").is_valid(),
    )


def _among(keys: "pd.Series[str] | pd.Index", wanted: Set[str]) -> npt.NDArray[np.bool_]:
    """Return which keys are wanted; for tens of thousands it is many times faster than `isin`."""
    return np.array([key in wanted for key in keys.tolist()], dtype=bool)
