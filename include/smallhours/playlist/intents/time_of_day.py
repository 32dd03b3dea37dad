"""The intent `time_of_day`: tracks that go with what the listener plays at certain hours."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from smallhours.identity import artist_key_in
from smallhours.playlist.explain import wording
from smallhours.playlist.explain.listening_times import within
from smallhours.playlist.explain.reasons import HOURS
from smallhours.playlist.explain.track_evidence import IntentEvidence
from smallhours.playlist.intents.context import IntentContext, IntentScores, percentile
from smallhours.playlist.select.shortlist import seed_owner
from smallhours.playlist_settings import TimeOfDayIntent
from smallhours.vocabulary import Route

# With fewer plays the intent has no list.
MIN_PLAYS = 20
# The weight of the prior in a seed's share of plays at these hours, in plays.
PLAYS_OF_PRIOR = 5


def time_of_day(intent: TimeOfDayIntent, context: IntentContext) -> IntentScores:
    """Score tracks by how much nearer they are to the plays at these hours than to all plays."""
    evidence, tracks = context.evidence, context.tracks
    then = evidence.plays[
        within(evidence.plays["played_at"], context.zone, intent.hours, intent.days)
    ]
    at = then["track_key"].value_counts().sort_index().astype(float)
    if len(then) < MIN_PLAYS:
        why = pd.Series("too few plays at these hours", index=tracks, dtype=object)
        missing_data = f"plays at these hours: {len(then)} so far, {MIN_PLAYS} are needed"
        return IntentScores(why, pd.Series(0.0, index=tracks), 0.0, at, lambda _: {}, missing_data)
    plays = evidence.history.tracks["plays"]
    nearer = context.space.affinity(context.space.profile(at.map(np.log1p)), tracks)
    usual = context.space.affinity(context.space.profile(plays.map(np.log1p)), tracks)
    fits = (
        percentile(nearer - usual) + percentile(_share_at(at, plays, evidence.votes, tracks))
    ) / 2
    when = window_in_words(intent)

    def intent_evidence(chosen: pd.Index) -> Mapping[str, IntentEvidence]:
        mine = evidence.votes[evidence.votes["track_key"].isin(chosen)]
        mine = mine[(mine["route"] == Route.SIMILAR_TRACK) & mine["seed_key"].isin(at.index)]
        mine = mine.assign(
            times=mine["seed_key"].map(at).astype(float),
            all=mine["seed_key"].map(plays).astype(float),
        )
        mine = mine[mine["times"] >= 2]
        mine = mine.assign(telling=mine["times"] ** 2 / mine["all"])
        mine = mine.sort_values(["track_key", "telling", "seed_key"], ascending=[True, False, True])
        found: dict[str, IntentEvidence] = {}
        for key, seed, times, every in zip(
            mine["track_key"], mine["seed_key"], mine["times"], mine["all"], strict=True
        ):
            row = evidence.history.track(seed)
            often = f"{int(times):,} of {wording.plays(int(every))}"
            text = f"you play {row['artist']} – {row['title']} {when} ({often})"
            found.setdefault(key, IntentEvidence(HOURS, text, (artist_key_in(seed),)))
        return found

    return IntentScores(context.all_eligible(), fits, 0.6, at.map(np.log1p), intent_evidence)


def window_in_words(intent: TimeOfDayIntent) -> str:
    """Return the window as text: `on Saturdays and Sundays between 6:00 and 11:00`."""
    days = wording.listed([f"{day.capitalize()}s" for day in intent.days])
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
