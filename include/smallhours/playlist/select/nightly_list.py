"""One playlist of the night, from the scored tracks to a draft of the list."""

import datetime as dt
from collections.abc import Set
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from smallhours.identity import artist_key_in
from smallhours.playlist.intents import IntentScores
from smallhours.playlist.publish.resolve import NOT_FOUND, recently_missed
from smallhours.playlist.rank.listener_context import ListenerContext
from smallhours.playlist.select.calibration import TagMix, divergence_of, recent_weights
from smallhours.playlist.select.draft import ELSEWHERE, Draft, Limits
from smallhours.playlist.select.exclusion import (
    BlockList,
    MetTracks,
    exclusion_reasons,
    preference_reasons,
)
from smallhours.playlist.select.picking import mean_distance
from smallhours.playlist.select.relevance import apply_dials, relevance
from smallhours.playlist.select.shortlist import Shortlist
from smallhours.playlist_settings import PlaylistSettings

# A track has a tag only if it is at least this strong relative to its strongest tag.
MIN_TAG_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class NightlyList:
    """One playlist of the night.

    Attributes:
        intent: Which.
        playlist_settings: The listener's, for this one.
        purpose: What it asks for; None for the main list.
        scored: The tracks that were considered: what `score_candidates` returns, ranked by how
            well they serve this list, and `why_not`.
        draft: The list.
        mix: The mix of tags that it follows.
    """

    intent: str
    playlist_settings: PlaylistSettings
    purpose: IntentScores | None
    scored: pd.DataFrame
    draft: Draft
    mix: TagMix

    @property
    def excluded(self) -> "pd.Series[int]":
        """The number of tracks excluded from the start, by kind of reason, the most first."""
        why = self.scored.loc[self.scored["why_not"] != "", "why_not"]
        for verb in ("recommended", "played"):
            why = why.str.replace(
                rf"^{verb} (?:[\d,]+ \w+ ago|today)$", f"{verb} lately", regex=True
            )
        return why.value_counts().sort_index().sort_values(ascending=False, kind="stable")

    def diversity(self, listener_context: ListenerContext) -> float:
        """Return the mean distance of the list's tracks by their tags; NaN for fewer than two."""
        return mean_distance(listener_context.space.rows(pd.Index(list(self.draft.slots))))

    def mix_divergence(self, listener_context: ListenerContext) -> float:
        """Return the KL divergence of the list's mix of tags from the listener's, in nats."""
        tracks = pd.Index(list(self.draft.slots))
        return divergence_of(self.mix.shares, self.mix.shares_of(listener_context.space, tracks))


def exclusions(
    listener_context: ListenerContext, playlist_settings: PlaylistSettings
) -> "pd.Series[str]":
    """Return why each track is excluded before a playlist's intent counts; empty if it is not.

    Args:
        listener_context: All that is known.
        playlist_settings: For the playlist.
    """
    evidence, night = listener_context.evidence, listener_context.night.date
    tracks = evidence.tracks
    blocked = BlockList.by(playlist_settings, evidence.tags.name)
    history = evidence.history
    why = pd.Series(
        exclusion_reasons(
            tracks.index.tolist(),
            met_tracks=MetTracks(
                known=_days(history.tracks["last_played"], listener_context.zone),
                disliked=history.disliked,
                shown=evidence.shown,
            ),
            blocked=blocked,
            night=night,
            not_again_nights=playlist_settings.not_again_nights,
            not_played_days=playlist_settings.not_played_days,
        ),
        index=tracks.index,
        dtype=object,
    )
    unwanted = preference_reasons(
        tracks.index,
        playlist_settings=playlist_settings,
        known_artist=known_artists(listener_context),
        explicit=tracks["explicit"],
        tagged=lambda key: listener_context.space.tags_of(key, least=MIN_TAG_SHARE),
        blocked=blocked,
    )
    why = why.where(why != "", unwanted)
    return why.mask((why == "") & recently_missed(tracks, night), NOT_FOUND)


def _days(moments: pd.Series, zone: ZoneInfo) -> dict[str, dt.date | None]:
    """Return the date of each moment, by key; None where there is none."""
    days = pd.to_datetime(moments, utc=True).dt.tz_convert(zone).dt.date
    never = moments.isna().to_numpy(dtype=bool)
    return {
        str(key): None if not_played else day
        for key, day, not_played in zip(moments.index.tolist(), days, never.tolist(), strict=True)
    }


def known_artists(listener_context: ListenerContext) -> "pd.Series[bool]":
    """Return whether the listener has played or liked the artist of each track."""
    artists = listener_context.evidence.history.artists
    met = set(artists.index[artists["tracks"] > 0])
    tracks = listener_context.evidence.tracks.index
    known = [artist_key_in(key) in met for key in tracks.tolist()]
    return pd.Series(known, index=tracks, dtype=bool)


def build_list(
    intent: str,
    playlist_settings: PlaylistSettings,
    purpose: IntentScores | None,
    *,
    listener_context: ListenerContext,
    scored: pd.DataFrame,
    why_not: "pd.Series[str]",
    elsewhere: Set[str],
    rng: np.random.Generator,
) -> NightlyList:
    """Choose one list.

    Args:
        intent: Which.
        playlist_settings: The listener's, for this one.
        purpose: What it asks for; None for the main list.
        listener_context: All that is known.
        scored: What `score_candidates` returns, of all tracks.
        why_not: Of `exclusions`.
        elsewhere: The tracks of the night's earlier lists.
        rng: Decides the explorers.
    """
    evidence = listener_context.evidence
    if purpose is not None:
        why_not = why_not.where(why_not != "", purpose.why_not)
    taken = (why_not == "") & why_not.index.isin(elsewhere)
    why_not = why_not.mask(taken, ELSEWHERE)
    # Known tracks are considered where they may come back, and where they are candidates anyway.
    considered = evidence.tracks["candidate"] | (playlist_settings.not_played_days is not None)
    scored = scored[considered.to_numpy(dtype=bool)].assign(why_not=why_not)
    eligible = scored[scored["why_not"] == ""]
    base = pd.Series(relevance(eligible["score"].to_numpy(dtype=float)), index=eligible.index)
    if purpose is not None:
        fits = purpose.fits.reindex(eligible.index).astype(float).fillna(0.0)
        base = (1 - purpose.weight) * base + purpose.weight * fits
        scored = scored.assign(rank=_ranked(base, scored["rank"]))
    moved = apply_dials(
        np.asarray(base, dtype=np.float64),
        known_artist=known_artists(listener_context).reindex(base.index).to_numpy(dtype=bool),
        popularity=np.asarray(eligible["popularity"], dtype=np.float64),
        familiarity=playlist_settings.familiarity,
        popular=playlist_settings.popularity,
    )
    mix = _mix(listener_context, purpose)
    shortlist = Shortlist.of(
        pd.Series(moved, index=base.index),
        votes=evidence.votes,
        albums=evidence.tracks["album"],
        space=listener_context.space,
        mix=mix,
    )
    draft = Draft(shortlist, Limits.by(playlist_settings), rng)
    return NightlyList(intent, playlist_settings, purpose, scored, draft, mix)


def _mix(listener_context: ListenerContext, purpose: IntentScores | None) -> TagMix:
    if purpose is None:
        evidence = listener_context.evidence
        recent, overall = (
            evidence.recent_plays(listener_context.night),
            evidence.history.tracks["weight"],
        )
        weights = recent_weights(recent, overall, brought=evidence.shown.keys())
        return TagMix.of(listener_context.space, weights)
    return TagMix.none() if purpose.mix is None else TagMix.of(listener_context.space, purpose.mix)


def _ranked(base: "pd.Series[float]", before: "pd.Series[int]") -> "pd.Series[int]":
    """Return the rank of all tracks: those that may be chosen by their base, then the others."""
    order = pd.DataFrame({"base": base.reindex(before.index), "before": before})
    order = order.sort_values(["base", "before"], ascending=[False, True], na_position="last")
    places = pd.Series(np.arange(1, len(order) + 1), index=order.index)
    return places.reindex(before.index)
