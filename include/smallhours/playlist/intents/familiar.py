"""Which tracks lead back to what the listener loves: old favourites, and deep cuts of artists?"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from smallhours.identity import artist_key_in
from smallhours.playlist import wording
from smallhours.playlist.claims import KNOWN_ARTIST, MEMORY
from smallhours.playlist.grounds import Special
from smallhours.playlist.intents.scene import Purpose, Scene, percentile
from smallhours.wishes import Forgotten

# An artist is loved from so many plays on, when half of the others are played less.
LOVED_PLAYS = 10
# What everybody knows of an artist is no deep cut.
BEST_KNOWN = 3


def forgotten(intent: Forgotten, scene: Scene) -> Purpose:
    """What was played much; how long ago it must be is the window of plays, not asked here."""
    history, tracks = scene.evidence.history.tracks, scene.tracks
    mine = history.reindex(tracks)
    plays = mine["plays"].fillna(0)
    why = scene.serves()
    why[plays < intent.least_plays] = f"played less than {intent.least_plays} times"
    loved = plays.map(np.log1p) + (mine["saved"].eq(other=True)).astype(float)

    def special(chosen: pd.Index) -> Mapping[str, Special]:
        return {
            str(key): Special(MEMORY, _memory(int(row["plays"]), row), ())
            for key, row in history.reindex(chosen).iterrows()
            if row["plays"] > 0
        }

    return Purpose(why, percentile(loved), 0.8, history["weight"], special)


def deep_cuts(scene: Scene) -> Purpose:
    """What is far down the top tracks of the artists that the listener plays most."""
    evidence, tracks = scene.evidence, scene.tracks
    artists = evidence.history.artists
    played = artists[artists["plays"] > 0]
    usual = played["plays"].median() if len(played) else 0.0
    loved = artists[artists["plays"] >= max(LOVED_PLAYS, usual)]
    owners = pd.Series([artist_key_in(key) for key in tracks], index=tracks)
    votes = evidence.votes[evidence.votes["route"] == KNOWN_ARTIST]
    known = votes.groupby("track_key", observed=True)["strength"].max().reindex(tracks)
    place = known.groupby(owners).rank(ascending=False, method="first")
    why = scene.serves()
    why[place.isna()] = "how well it is known is not known"
    why[place <= BEST_KNOWN] = "one of the artist's best known"
    why[~owners.isin(loved.index)] = "not by an artist that you play much"
    depth = place / place.groupby(owners).transform("max")
    fits = (owners.map(artists["weight"]).fillna(0.0).astype(float) + depth.fillna(0.0)) / 2

    def special(chosen: pd.Index) -> Mapping[str, Special]:
        found = {}
        for key in chosen:
            owner = artist_key_in(key)
            if owner in loved.index:
                row = evidence.history.artist(owner)
                text = f"not among the best known of {wording.artist(row)}"
                found[key] = Special(KNOWN_ARTIST, text, (owner,))
        return found

    return Purpose(why, fits, 0.6, evidence.history.tracks["weight"], special)


def _memory(plays: int, row: "pd.Series") -> str:
    """`47 plays from 2014 to March 2019, and none since`."""
    first, last = row["first_played"], row["last_played"]
    if first.year < last.year:
        span = f"from {first.year} to {wording.month(last)}"
    elif first.month < last.month:
        span = f"up to {wording.month(last)}"
    else:
        span = f"in {wording.month(last)}"
    return f"{wording.plays(plays)} {span}, and none since"
