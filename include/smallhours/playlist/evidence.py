"""What does the lake know that tonight's choice rests on?

Everything is read here, once, and as of the night; what follows is pure.
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pandas as pd

from smallhours.catalog.seeds import artist_weights, track_weights
from smallhours.identity import artist_key_in
from smallhours.lake.store import Lake, prefix_of
from smallhours.lake.tables import (
    AUDIO_FEATURES,
    CANDIDATES,
    FEEDBACK,
    LIBRARY,
    PLAYLISTS,
    PLAYS,
    TRACKS,
)
from smallhours.nights import Night
from smallhours.playlist.ledger import last_shown
from smallhours.training.tags import Tags, load_tags

# Candidates of this route are negatives for training; nobody means to recommend them.
BACKGROUND = "background"
REJECTIONS = ("removed", "thumbs_down", "blocked")


@dataclass(frozen=True, slots=True)
class History:
    """What the listener knows, and how well.

    Attributes:
        tracks: Indexed by track key: `artist`, `title` (as last shown), `plays`, `saved` (saved
            or loved) and `weight` (recency-weighted, the strongest has 1).
        artists: Indexed by artist key: `artist`, `plays`, `tracks` (how many are known) and
            `weight`.
        disliked: Keys of rejected tracks: disliked, removed from our lists, thumbed down.
    """

    tracks: pd.DataFrame
    artists: pd.DataFrame
    disliked: frozenset[str]


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that one night's ranking is made of.

    Attributes:
        votes: Rows of `candidates` without the background.
        tracks: Indexed by the candidates' track keys: `artist`, `title`, `listeners`,
            `spotify_method`, `spotify_at`.
        tags: Of candidates and of known tracks.
        history: What the listener knows.
        shown: When each track was last in the listener's playlist.
    """

    votes: pd.DataFrame
    tracks: pd.DataFrame
    tags: Tags
    history: History
    shown: Mapping[str, dt.date]


def read_evidence(lake: Lake, listener: str, *, night: Night) -> Evidence:
    """Read everything that the ranking needs."""
    own = {"listener": listener}
    votes = lake.frame(
        CANDIDATES, columns=["track_key", "route", "seed_key", "strength"], where=own
    )
    votes = votes[votes["route"] != BACKGROUND]
    history = read_history(lake, listener, night=night)
    columns = ["track_key", "artist", "title", "listeners", "spotify_method", "spotify_at"]
    tracks = lake.frame(TRACKS, columns=columns)
    tracks = tracks[tracks["track_key"].isin(set(votes["track_key"]))]
    # A candidate without a name can't be shown or searched for.
    votes = votes[votes["track_key"].isin(set(tracks["track_key"]))]
    wanted = {*tracks["track_key"], *history.tracks.index}
    return Evidence(
        votes=votes.reset_index(drop=True),
        tracks=tracks.set_index("track_key").sort_index(),
        tags=load_tags(lake, wanted),
        history=history,
        shown=last_shown(lake.frame(PLAYLISTS, where=own), before=night.date),
    )


def read_history(lake: Lake, listener: str, *, night: Night) -> History:
    """What the listener played, saved, loved and rejected before the night's end."""
    own = {"listener": listener}
    plays = lake.frame(PLAYS, columns=["played_at", "track_key", "artist", "title"], where=own)
    plays = plays[plays["played_at"] < night.as_of].sort_values("played_at", kind="stable")
    library = lake.frame(
        LIBRARY, columns=["signal", "track_key", "artist", "title", "last_seen"], where=own
    )
    feedback = lake.frame(FEEDBACK, columns=["track_key", "reaction"], where=own)
    rejected = library["signal"] == "disliked"
    disliked = {
        *library.loc[rejected, "track_key"],
        *feedback.loc[feedback["reaction"].isin(REJECTIONS), "track_key"],
    }
    return history_of(plays, library[~rejected], frozenset(disliked), night=night.date)


def history_of(
    plays: pd.DataFrame, library: pd.DataFrame, disliked: frozenset[str], *, night: dt.date
) -> History:
    """Sum up plays and standing signals.

    Args:
        plays: `played_at`, `track_key`, `artist`, `title`, oldest first.
        library: `signal`, `track_key`, `artist`, `title`, `last_seen`; withdrawn signals, too: a
            track that was saved once is known.
        disliked: Keys of rejected tracks.
        night: Plays are aged relative to it.
    """
    newest = library.groupby("signal")["last_seen"].transform("max")
    standing = library[library["last_seen"] == newest]
    names = ["track_key", "artist", "title"]
    tracks = pd.concat([library[names], plays[names]]).groupby("track_key").last()
    saved = standing.loc[standing["signal"].isin(["saved", "loved"]), "track_key"]
    weights = track_weights(plays, standing, night=night)
    tracks = tracks.assign(
        plays=plays["track_key"].value_counts().reindex(tracks.index).fillna(0).astype(int),
        saved=tracks.index.isin(set(saved)),
        weight=weights.reindex(tracks.index).fillna(0.0).astype(float),
    )
    owners = pd.Index([artist_key_in(key) for key in tracks.index], name="artist_key")
    artists = tracks.groupby(owners).agg(
        artist=("artist", "last"), plays=("plays", "sum"), tracks=("title", "size")
    )
    fond = artist_weights(weights).reindex(artists.index).fillna(0.0).astype(float)
    return History(tracks, artists.assign(weight=fond), disliked)


def read_features(lake: Lake, tracks: Iterable[str]) -> pd.DataFrame:
    """Audio features of some tracks: `track_key`, `source`, `feature`, `value`, `low`, `high`."""
    wanted = set(tracks)
    prefixes = sorted({prefix_of(artist_key_in(key)) for key in wanted})
    rows = lake.frame(
        AUDIO_FEATURES,
        columns=["track_key", "source", "feature", "value", "low", "high"],
        where={"prefix": prefixes},
    )
    found: pd.DataFrame = rows[rows["track_key"].isin(wanted) & rows["value"].notna()]
    return found
