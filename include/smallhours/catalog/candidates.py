"""Candidates for a listener: tracks that could be recommended, with every seed that leads to them.

Pure: from the stored neighbours and the weights of the listener's seeds to rows of `candidates`.
A candidate keeps all its seeds, because the number of independent seeds that lead to a track is
the best single sign that it fits.
"""

import datetime as dt

import pandas as pd

from smallhours.vocabulary import Route

# Neighbours of a similar artist count for their best-known tracks only.
TRACKS_PER_NEIGHBOUR = 10


def gather(
    similar: pd.DataFrame,
    *,
    tracks: pd.Series,
    artists: pd.Series,
    tags: pd.Series,
    foreign_tags: frozenset[str],
    night: dt.date,
) -> pd.DataFrame:
    """Return a listener's candidates: `track_key`, `route`, `seed_key`, `strength`, `seen`.

    Args:
        similar: All of `similar` that any seed may have asked for.
        tracks: Weight of the listener's tracks by key, in (0, 1].
        artists: Weight of the listener's artists by key, in (0, 1].
        tags: Weight of the listener's tags, in (0, 1].
        foreign_tags: Tags that never occur in the listener's history.
        night: Becomes `seen`.
    """
    near = similar[similar["rank"] > 0]
    kinds = dict(iter(near.groupby("kind")))
    none = near.iloc[:0]
    of_artists = kinds.get("artist_tracks", none)
    of_tags = kinds.get("tag_tracks", none)
    routes = [
        _weighted(kinds.get("track", none), tracks, Route.SIMILAR_TRACK),
        _via_artists(kinds.get("artist", none), of_artists, artists),
        _weighted(_softened(of_artists), artists, Route.KNOWN_ARTIST),
        _weighted(_softened(of_tags), tags, Route.TAG),
        _background(of_tags, foreign_tags),
    ]
    rows = pd.concat(routes, ignore_index=True)
    rows = rows.sort_values("strength", ascending=False, kind="stable")
    rows = rows.drop_duplicates(["track_key", "route", "seed_key"])
    rows = rows.sort_values(["track_key", "route", "seed_key"], ignore_index=True)
    return rows.assign(seen=night)


def _weighted(near: pd.DataFrame, weights: pd.Series, route: Route) -> pd.DataFrame:
    """Return neighbours of the listener's own seeds; the strength is match times weight."""
    weight = near["seed_key"].map(weights).astype(float)
    frame = pd.DataFrame(
        {
            "track_key": near["neighbour_key"],
            "route": route,
            "seed_key": near["seed_key"],
            "strength": near["match"] * weight,
        }
    )
    return frame[weight.notna()]


def _via_artists(
    neighbours: pd.DataFrame, top_tracks: pd.DataFrame, weights: pd.Series
) -> pd.DataFrame:
    """Return the top tracks of artists similar to the listener's, with the listener's artist."""
    near = neighbours.assign(weight=neighbours["seed_key"].map(weights).astype(float))
    near = near[near["weight"].notna()]
    top = _softened(top_tracks[top_tracks["rank"] <= TRACKS_PER_NEIGHBOUR])
    both = near.merge(top, left_on="neighbour_key", right_on="seed_key", suffixes=("", "_top"))
    return pd.DataFrame(
        {
            "track_key": both["neighbour_key_top"],
            "route": Route.SIMILAR_ARTIST,
            "seed_key": both["seed_key"],
            "strength": both["weight"] * both["match"] * both["match_top"],
        }
    )


def _background(of_tags: pd.DataFrame, foreign: frozenset[str]) -> pd.DataFrame:
    rows = of_tags[of_tags["seed_key"].isin(foreign)]
    return pd.DataFrame(
        {
            "track_key": rows["neighbour_key"],
            "route": Route.BACKGROUND,
            "seed_key": rows["seed_key"],
            "strength": 0.0,
        }
    )


def _softened(top_tracks: pd.DataFrame) -> pd.DataFrame:
    """Return the top tracks with the square root of their match, 1/rank.

    The tenth best-known track of an artist then has 0.32 instead of 0.1.
    """
    return top_tracks.assign(match=top_tracks["match"] ** 0.5)
