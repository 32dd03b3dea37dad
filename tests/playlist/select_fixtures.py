"""Shortlists for tests, built by the product's own constructor from a few facts."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pandas as pd

from smallhours.playlist.select.shortlist import Shortlist, TagMix
from smallhours.training.ranking.tag_vectors import TagVectors

NO_VOTES = pd.DataFrame(columns=["track_key", "route", "seed_key", "strength"])


def many(count: int) -> list[str]:
    """Return the keys of tracks by as many different artists."""
    return [f"artist {i} · title" for i in range(count)]


def falling(keys: Sequence[str]) -> pd.Series:
    """Return a relevance for each key, a little lower than the one before."""
    return pd.Series(
        [1 - place / max(len(keys), 1) for place in range(len(keys))], index=list(keys)
    )


def shortlist(
    relevance: pd.Series,
    *,
    tags: Mapping[str, str] | None = None,
    seeds: Mapping[str, Sequence[str]] | None = None,
    albums: Mapping[str, str] | None = None,
    mix: Mapping[str, float] | None = None,
    resting: Collection[str] = (),
    by_tags: Mapping[str, Sequence[str]] | None = None,
) -> Shortlist:
    """Return a shortlist.

    Args:
        relevance: By track key.
        tags: The tag of each track, if any.
        seeds: The artists that lead to each track.
        albums: The album of each track, where known.
        mix: The share of each tag that the list should have.
        resting: Artists that were recommended lately.
        by_tags: The tags of the listener's that lead to each track.
    """
    rows = [(key, tag, 1.0) for key, tag in (tags or {}).items()]
    space = TagVectors.of_weights(pd.DataFrame(rows, columns=["track_key", "tag", "weight"]))
    votes = [
        (key, "similar_artist", seed, 0.9) for key, mine in (seeds or {}).items() for seed in mine
    ]
    votes += [(key, "tag", tag, 0.9) for key, mine in (by_tags or {}).items() for tag in mine]
    wanted = pd.Series(dict(mix or {}), dtype=float)
    asked = TagMix(wanted.index, np.append(wanted.to_numpy(), 0.0)) if mix else TagMix.none()
    return Shortlist.of(
        relevance,
        votes=pd.DataFrame(votes, columns=NO_VOTES.columns) if votes else NO_VOTES,
        albums=pd.Series(dict(albums or {}), dtype=object),
        space=space,
        mix=asked,
        resting=resting,
    )
