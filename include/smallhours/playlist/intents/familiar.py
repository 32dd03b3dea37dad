"""Intents about what the listener loves: forgotten favourites, and deep cuts of known artists."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from smallhours.identity import artist_key_in
from smallhours.playlist.explain import wording
from smallhours.playlist.explain.reasons import MEMORY
from smallhours.playlist.explain.track_evidence import IntentEvidence
from smallhours.playlist.intents.context import IntentContext, IntentScores, percentile
from smallhours.playlist_settings import ForgottenIntent
from smallhours.vocabulary import Route

# An artist counts as loved with at least these plays, and at least the median of all artists.
LOVED_PLAYS = 10
# An artist's best known tracks are no deep cuts.
BEST_KNOWN = 3


def forgotten(intent: ForgottenIntent, context: IntentContext) -> IntentScores:
    """Score tracks that were played much; the setting `not_played_days` decides how long ago."""
    history, tracks = context.evidence.history.tracks, context.tracks
    mine = history.reindex(tracks)
    plays = mine["plays"].fillna(0)
    why = context.all_eligible()
    why[plays < intent.least_plays] = f"played less than {intent.least_plays} times"
    loved = plays.map(np.log1p) + (mine["saved"].eq(other=True)).astype(float)

    def intent_evidence(chosen: pd.Index) -> Mapping[str, IntentEvidence]:
        return {
            str(key): IntentEvidence(MEMORY, _memory(int(row["plays"]), row), ())
            for key, row in history.reindex(chosen).iterrows()
            if row["plays"] > 0
        }

    return IntentScores(why, percentile(loved), 0.8, history["weight"], intent_evidence)


def deep_cuts(context: IntentContext) -> IntentScores:
    """Score lesser-known tracks of the artists that the listener plays most."""
    evidence, tracks = context.evidence, context.tracks
    artists = evidence.history.artists
    played = artists[artists["plays"] > 0]
    usual = played["plays"].median() if len(played) else 0.0
    loved = artists[artists["plays"] >= max(LOVED_PLAYS, usual)]
    owners = pd.Series([artist_key_in(key) for key in tracks], index=tracks)
    votes = evidence.votes[evidence.votes["route"] == Route.KNOWN_ARTIST]
    known = votes.groupby("track_key", observed=True)["strength"].max().reindex(tracks)
    place = known.groupby(owners).rank(ascending=False, method="first")
    why = context.all_eligible()
    why[place.isna()] = "how well it is known is not known"
    why[place <= BEST_KNOWN] = "one of the artist's best known"
    why[~owners.isin(loved.index)] = "not by an artist that you play much"
    depth = place / place.groupby(owners).transform("max")
    fits = (owners.map(artists["weight"]).fillna(0.0).astype(float) + depth.fillna(0.0)) / 2

    def intent_evidence(chosen: pd.Index) -> Mapping[str, IntentEvidence]:
        found = {}
        for key in chosen:
            owner = artist_key_in(key)
            if owner in loved.index:
                row = evidence.history.artist(owner)
                text = f"not among the best known of {wording.artist(row)}"
                found[key] = IntentEvidence(Route.KNOWN_ARTIST, text, (owner,))
        return found

    return IntentScores(why, fits, 0.6, evidence.history.tracks["weight"], intent_evidence)


def _memory(plays: int, row: "pd.Series") -> str:
    """Return the plays of a track as text: `47 plays from 2014 to March 2019, and none since`."""
    first, last = row["first_played"], row["last_played"]
    if first.year < last.year:
        span = f"from {first.year} to {wording.month(last)}"
    elif first.month < last.month:
        span = f"up to {wording.month(last)}"
    else:
        span = f"in {wording.month(last)}"
    return f"{wording.plays(plays)} {span}, and none since"
