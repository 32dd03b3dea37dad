"""Intents about what the listener plays: old favourites, deep cuts, the music of certain hours."""

from collections.abc import Mapping
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from scipy.special import bdtrc

from smallhours.catalog.candidates import track_weights
from smallhours.identity import artist_key_in
from smallhours.playlist.explain.listening_times import SIGNIFICANCE, within
from smallhours.playlist.explain.names_in_words import (
    count_plays,
    listed,
    name_artist,
    name_month,
)
from smallhours.playlist.explain.reasons import HOURS, MEMORY
from smallhours.playlist.explain.track_evidence import IntentEvidence
from smallhours.playlist.rank.scores import IntentScores, ListenerContext, percentile
from smallhours.playlist.select.shortlist import seed_owner
from smallhours.playlist_settings import ForgottenIntent, TimeOfDayIntent
from smallhours.vocabulary import Route

# An artist counts as loved with at least these plays, and at least the median of all artists.
LOVED_PLAYS = 10
# An artist's best known tracks are no deep cuts.
BEST_KNOWN = 3


def forgotten(intent: ForgottenIntent, context: ListenerContext) -> IntentScores:
    """Score tracks that were played much; the setting `not_played_days` decides how long ago."""
    history, tracks = context.evidence.history.tracks, context.tracks
    mine = history.reindex(tracks)
    plays = mine["plays"].fillna(0)
    why = context.all_eligible()
    why[plays < intent.least_plays] = f"played less than {intent.least_plays} times"
    loved = plays.map(np.log1p) + (mine["saved"].eq(other=True)).astype(float)

    def intent_evidence(chosen: pd.Index) -> Mapping[str, IntentEvidence]:
        return {
            str(key): IntentEvidence(MEMORY, _memory(row, context.zone), ())
            for key, row in history.reindex(chosen).iterrows()
            if row["plays"] > 0
        }

    return IntentScores(why, percentile(loved), 0.8, history["weight"], intent_evidence)


def deep_cuts(context: ListenerContext) -> IntentScores:
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
                text = f"not among the best known of {name_artist(row)}"
                found[key] = IntentEvidence(Route.KNOWN_ARTIST, text, (owner,))
        return found

    return IntentScores(why, fits, 0.6, evidence.history.tracks["weight"], intent_evidence)


def _memory(row: "pd.Series", zone: ZoneInfo) -> str:
    """Return the plays of a track as text: `47 plays from 2014 to March 2019, and none since`."""
    first, last = (row[name].tz_convert(zone) for name in ("first_played", "last_played"))
    if first.year < last.year:
        span = f"from {first.year} to {name_month(last)}"
    elif first.month < last.month:
        span = f"up to {name_month(last)}"
    else:
        span = f"in {name_month(last)}"
    return f"{count_plays(int(row['plays']))} {span}, and none since"


# With fewer plays the intent has no list.
MIN_PLAYS = 20
# The weight of the prior in a seed's share of plays at these hours, in plays.
PLAYS_OF_PRIOR = 5
# What was saved, was saved at no hour.
_NO_LIBRARY = pd.DataFrame(columns=["track_key", "signal"])


def time_of_day(intent: TimeOfDayIntent, context: ListenerContext) -> IntentScores:
    """Score tracks by the plays at these hours: their own, or those of the seeds that lead to them.

    A known track fits by its plays then, weighted by age as everywhere. A new one fits by the share
    of its seeds' plays that fall into these hours; likeness of tags to what is played then was
    tried beside it and found less of what was played later.
    """
    evidence, tracks = context.evidence, context.tracks
    inside = within(evidence.plays["played_at"], context.zone, intent.hours, intent.days)
    then = evidence.plays[inside]
    at = then["track_key"].value_counts().sort_index().astype(float)
    if len(then) < MIN_PLAYS:
        why = pd.Series("too few plays at these hours", index=tracks, dtype=object)
        missing_data = f"plays at these hours: {len(then)} so far, {MIN_PLAYS} are needed"
        return IntentScores(why, pd.Series(0.0, index=tracks), 0.0, at, lambda _: {}, missing_data)
    plays = evidence.history.tracks["plays"]
    fits = percentile(_share_at(at, plays, evidence.votes, tracks))
    weight = track_weights(then, _NO_LIBRARY, night=context.night.date).reindex(tracks).fillna(0.0)
    fits = fits.mask(tracks.isin(plays.index[plays > 0]), weight)
    when = window_in_words(intent)
    habits = _habits(evidence.plays, inside, context.zone)

    def intent_evidence(chosen: pd.Index) -> Mapping[str, IntentEvidence]:
        mine = evidence.votes[evidence.votes["track_key"].isin(chosen)]
        mine = mine[(mine["route"] == Route.SIMILAR_TRACK) & mine["seed_key"].isin(habits)]
        mine = mine.assign(
            times=mine["seed_key"].map(at).astype(float),
            all=mine["seed_key"].map(plays).astype(float),
        )
        mine = mine.assign(telling=mine["times"] ** 2 / mine["all"])
        mine = mine.sort_values(["track_key", "telling", "seed_key"], ascending=[True, False, True])
        found: dict[str, IntentEvidence] = {}
        for key, seed, times, every in zip(
            mine["track_key"], mine["seed_key"], mine["times"], mine["all"], strict=True
        ):
            row = evidence.history.track(seed)
            often = f"{int(times):,} of {count_plays(int(every))}"
            text = f"you play {row['artist']} – {row['title']} {when} ({often})"
            found.setdefault(key, IntentEvidence(HOURS, text, (artist_key_in(seed),)))
        return found

    return IntentScores(context.all_eligible(), fits, 0.6, at.map(np.log1p), intent_evidence)


def _habits(plays: pd.DataFrame, inside: "pd.Series[bool]", zone: ZoneInfo) -> frozenset[str]:
    """Return the tracks that are played in a window more than all plays are, beyond chance.

    One-sided binomial test; plays of one day count once, since a track may be on repeat. If 0.2 of
    all days' plays are in the window, 3 days of 3 have a probability of 0.008 by chance, 2 of 3
    of 0.10: no habit.
    """
    day = plays["played_at"].dt.tz_convert(zone).dt.date
    days = plays.assign(day=day, inside=inside)[["track_key", "day", "inside"]].drop_duplicates()
    counts = days.groupby("track_key")["inside"].agg(["sum", "count"])
    chance = bdtrc(counts["sum"] - 1, counts["count"], days["inside"].mean())
    return frozenset(counts.index[chance < SIGNIFICANCE])


def window_in_words(intent: TimeOfDayIntent) -> str:
    """Return the window as text: `on Saturdays and Sundays between 6:00 and 11:00`."""
    days = listed([f"{day.capitalize()}s" for day in intent.days])
    start, end = intent.hours
    return f"{f'on {days} ' if days else ''}between {start}:00 and {end}:00"


def _share_at(
    at: pd.Series, plays: pd.Series, votes: pd.DataFrame, tracks: pd.Index
) -> "pd.Series[float]":
    """Return for each track the share of its seeds' plays that fall into the window, by strength.

    Shares are drawn towards the listener's overall share by `PLAYS_OF_PRIOR` plays. With an overall
    share of 0.2, an artist with 3 of 5 plays in the window has (3 + 5 * 0.2) / (5 + 5) = 0.4.
    """
    by_artist = [
        series.groupby([artist_key_in(key) for key in series.index]).sum() for series in (at, plays)
    ]
    owners = pd.Series(
        [
            seed_owner(route, seed)
            for route, seed in zip(votes["route"], votes["seed_key"], strict=True)
        ],
        index=votes.index,
        dtype=object,
    )
    usual = at.sum() / max(plays.sum(), 1)
    inside = owners.map(by_artist[0]).fillna(0.0).astype(float) + PLAYS_OF_PRIOR * usual
    every = owners.map(by_artist[1]).fillna(0.0).astype(float) + PLAYS_OF_PRIOR
    strength = votes["strength"].astype(float)
    weighed = pd.DataFrame(
        {"key": votes["track_key"], "got": strength * inside / every, "of": strength}
    )
    total = weighed.groupby("key", observed=True)[["got", "of"]].sum()
    return (total["got"] / total["of"].where(total["of"] > 0)).reindex(tracks).fillna(usual)
