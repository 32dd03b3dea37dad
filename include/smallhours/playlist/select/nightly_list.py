"""Selection of tonight's lists: the chosen tracks, their order, and why the others are not chosen.

Excluded tracks are out before anything is compared. From the rest, a list takes one track after the
other (`picking`); a few slots are drawn from below the last of them, with the probability of each
draw recorded, so that explored tracks can be weighed fairly later. When all of the night's lists
are chosen, each gets a reserve that replaces tracks that can't be found on Spotify.
"""

import datetime as dt
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from smallhours.identity import artist_key_in
from smallhours.playlist.rank.scores import IntentScores, ListenerContext
from smallhours.playlist.select.exclusion import (
    NOT_FOUND,
    BlockList,
    MetTracks,
    count_reasons,
    exclusion_reasons,
    preference_reasons,
    recently_missed,
)
from smallhours.playlist.select.ordering import (
    OPENING_PLACES,
    defer_explored,
    order,
    separate_artists,
)
from smallhours.playlist.select.picking import (
    Caps,
    GreedyPicker,
    RerankWeights,
    apply_dials,
    leanings,
    mean_distance,
    relevance,
)
from smallhours.playlist.select.shortlist import Shortlist, TagMix, divergence_of, recent_weights
from smallhours.playlist_settings import Arc, PlaylistSettings
from smallhours.vocabulary import Slot

RESERVE = "reserve"
ELSEWHERE = "in another of tonight's playlists"

# Others did not find between a quarter and a third of all tracks on Spotify.
MIN_RESERVE = 10


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits that a list has to respect.

    Attributes:
        size: Tracks in the list.
        reserve: Further tracks that stand in for those that can't be found on Spotify.
        exploration: Share of `size` that is drawn from below the last sure pick, 0-1.
        caps: The reserve counts, too.
        balance: What counts beside relevance.
        randomness: The chance of each other pick to be drawn evenly from all that may come, 0-1.
    """

    size: int
    reserve: int
    exploration: float
    caps: Caps
    balance: RerankWeights
    randomness: float = 0.0

    @classmethod
    def by(cls, playlist_settings: PlaylistSettings, artists: int) -> "Limits":
        """Return the limits that the settings ask for; each of few artists may lead to more."""
        evenly = 2 * playlist_settings.size // max(artists, 1)
        return cls(
            size=playlist_settings.size,
            reserve=max(playlist_settings.size, MIN_RESERVE),
            exploration=playlist_settings.exploration,
            caps=Caps(
                playlist_settings.artist_cap,
                playlist_settings.album_cap,
                max(playlist_settings.seed_cap, evenly),
            ),
            balance=RerankWeights(playlist_settings.diversity, playlist_settings.calibration),
            randomness=playlist_settings.randomness,
        )


class Draft:
    """A list in the making: chosen at once, then given a reserve and an order.

    Args:
        shortlist: The tracks to choose from, the most relevant first.
        limits: The limits to respect.
        rng: Draws the explored tracks.

    Attributes:
        shortlist: As given.
        slots: `exploit` or `explore` by track key, in the order in which they were taken, the
            explored tracks spread evenly between the others.
        propensity: The probability with which each explored track was drawn.
        reserve: The replacements, the best first; empty until `fill_reserve`.
        lead: The artist or tag that each taken track is counted for, if any.
    """

    def __init__(self, shortlist: Shortlist, limits: Limits, rng: np.random.Generator) -> None:
        self.shortlist = shortlist
        self._limits = limits
        self._picker = GreedyPicker(shortlist, limits.caps, limits.balance)
        explorers = round(limits.size * limits.exploration)
        by_chance = int(rng.binomial(limits.size - explorers, limits.randomness))
        sure = self._picker.best(limits.size - explorers - by_chance)
        slots = dict.fromkeys(sure, Slot.EXPLOIT)
        cut = 1 + max(map(shortlist.tracks.index, sure), default=limits.size - 1)
        self.propensity = self._picker.draw(explorers, cut=cut, rng=rng)
        evenly = self._picker.draw(by_chance, cut=0, rng=rng, evenly=True)
        self.propensity |= {key: limits.randomness * chance for key, chance in evenly.items()}
        slots.update(dict.fromkeys(self.propensity, Slot.EXPLORE))
        slots.update(dict.fromkeys(self._picker.best(limits.size - len(slots)), Slot.EXPLOIT))
        self.slots = {key: slots[key] for key in _spread(slots)}
        self.reserve: list[str] = []

    @property
    def lead(self) -> Mapping[str, str]:
        """The artist or tag that each taken track is counted for, if any."""
        return self._picker.lead

    def fill_reserve(self, elsewhere: Set[str]) -> None:
        """Choose the reserve.

        Args:
            elsewhere: Tracks of the night's other lists.
        """
        self._picker.exclude(elsewhere, ELSEWHERE)
        self.reserve = self._picker.best(self._limits.reserve)

    def ordered(self, sound: pd.DataFrame, arc: Arc) -> list[str]:
        """Return the list in the order in which to play it.

        Args:
            sound: `energy`, `tempo`, `key` and `mode` by track key, null where unknown.
            arc: How the energy moves.
        """
        keys = list(self.slots)
        places = order(
            [artist_key_in(key) for key in keys],
            sound.reindex(keys),
            arc=arc,
            is_explored=[slot == Slot.EXPLORE for slot in self.slots.values()],
        )
        return defer_explored(
            separate_artists([keys[place] for place in places]),
            {key for key in keys if self.slots[key] == Slot.EXPLORE},
        )

    def rows(self, scored: pd.DataFrame, listed: Sequence[str]) -> pd.DataFrame:
        """Return the result for every track that was considered.

        Args:
            scored: Indexed by track key: `rank` (1 is the best, no two alike) and `why_not` (why
                it is out; empty where it is eligible).
            listed: The list, in order.

        Returns:
            `scored`, best first, with `slot` (`exploit`, `explore` or empty), `propensity` (of
            explorers), `position` (from 1, null when not in the list) and `why_not` filled for
            every track that is not in the list (`reserve` for the reserve).
        """
        ranked = scored.sort_values("rank")
        place = {key: number for number, key in enumerate(listed, start=1)}
        reasons = {
            **self._picker.rejected,
            **dict.fromkeys(self.reserve, RESERVE),
            **dict.fromkeys(listed, ""),
        }
        below = "rank " + ranked["rank"].astype(str)
        why_not = ranked["why_not"].where(ranked["why_not"] != "", below)
        return ranked.assign(
            slot=[self.slots.get(key, "") for key in ranked.index],
            propensity=[self.propensity.get(key, np.nan) for key in ranked.index],
            position=pd.array([place.get(key) for key in ranked.index], dtype="Int32"),
            why_not=[reasons.get(key, why) for key, why in zip(ranked.index, why_not, strict=True)],
        )


def _spread(slots: Mapping[str, Slot]) -> list[str]:
    """Return the keys with explored tracks spread evenly, but none before the first sure tracks."""
    sure = [key for key, slot in slots.items() if slot == Slot.EXPLOIT]
    is_explored = [key for key, slot in slots.items() if slot == Slot.EXPLORE]
    step = len(slots) / (len(is_explored) + 1)
    begins = min(OPENING_PLACES, len(sure))
    for count, key in enumerate(is_explored, start=1):
        sure.insert(max(round(step * count), begins + count - 1), key)
    return sure


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
            well they serve this list, those first that can be chosen; `rank_by_score`, their
            rank by the score alone; and `why_not`.
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
    def eligible(self) -> "pd.Series[bool]":
        """Whether each track can be chosen."""
        found: pd.Series[bool] = self.scored["why_not"] == ""
        return found

    @property
    def excluded(self) -> "pd.Series[int]":
        """The number of tracks excluded from the start, by kind of reason, the most first."""
        return count_reasons(self.scored.loc[~self.eligible, "why_not"])

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
    blocked = BlockList.by(playlist_settings, evidence.tags.name, evidence.edits)
    history = evidence.history
    why = pd.Series(
        exclusion_reasons(
            tracks.index.tolist(),
            met_tracks=MetTracks(
                known=_days(history.tracks["last_played"], listener_context.zone),
                disliked=history.disliked,
                shown=evidence.shown,
                too_often=evidence.too_often,
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
    moved = apply_dials(
        np.asarray(base, dtype=np.float64),
        known_artist=known_artists(listener_context).reindex(base.index).to_numpy(dtype=bool),
        popularity=np.asarray(eligible["popularity"], dtype=np.float64),
        familiarity=playlist_settings.familiarity,
        popular=playlist_settings.popularity,
    ) + leanings(
        base.index,
        evidence.edits,
        released=evidence.tracks["released"],
        tagged=lambda key: listener_context.space.tags_of(key, least=MIN_TAG_SHARE),
        name_of=evidence.tags.name,
    )
    ranks = _ranked(pd.Series(moved, index=base.index), scored["rank"])
    scored = scored.assign(rank=ranks, rank_by_score=scored["rank"])
    mix = _mix(listener_context, purpose)
    shortlist = Shortlist.of(
        pd.Series(moved, index=base.index),
        votes=evidence.votes,
        albums=evidence.tracks["album"],
        space=listener_context.space,
        mix=mix,
        resting=_resting(evidence.shown, listener_context.night.date, playlist_settings),
    )
    artists = int((evidence.history.artists["weight"] > 0).sum())
    draft = Draft(shortlist, Limits.by(playlist_settings, artists), rng)
    return NightlyList(intent, playlist_settings, purpose, scored, draft, mix)


def _resting(
    shown: Mapping[str, dt.date], night: dt.date, playlist_settings: PlaylistSettings
) -> Set[str]:
    """Return the artists of whom a track was recommended in the last nights."""
    nights = playlist_settings.artist_cooldown_nights
    return {artist_key_in(key) for key, day in shown.items() if 0 < (night - day).days <= nights}


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
