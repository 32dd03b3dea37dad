"""The score of each track for this listener tonight, before any list is made."""

import datetime as dt
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from smallhours.nights import Night
from smallhours.playlist.explain.track_evidence import TasteScorer
from smallhours.playlist.rank.evidence import Evidence, is_descriptive
from smallhours.playlist.rank.scores import more_signals, score_candidates
from smallhours.training.ranking.fusion import Fusion
from smallhours.training.ranking.pick_response import reception
from smallhours.training.ranking.tag_vectors import TagVectors

TAGS_ASKED = 12
# Tracks near those of the lists of so many nights count as less fresh.
RECENT_NIGHTS = 8


@dataclass(frozen=True, slots=True)
class ListenerContext:
    """A listener's evening: the evidence, and what is computed from it.

    Attributes:
        evidence: All that is known.
        space: The tags of candidates and of known tracks.
        profile: The listener's tags, strongest first.
        taste: The taste model in use, if any.
        features: Audio features of all of these tracks, as `read_features` gives them.
        night: Tonight.
        zone: The listener's time zone.
    """

    evidence: Evidence
    space: TagVectors
    profile: pd.Series
    taste: TasteScorer | None
    features: pd.DataFrame
    night: Night
    zone: ZoneInfo

    @classmethod
    def of(
        cls,
        evidence: Evidence,
        *,
        taste: TasteScorer | None,
        features: pd.DataFrame,
        night: Night,
        zone: ZoneInfo,
    ) -> "ListenerContext":
        """Build the tag space of all tracks, and the listener's profile in it."""
        tracks = [*evidence.tracks.index.tolist(), *evidence.history.tracks.index.tolist()]
        space = TagVectors.of(evidence.tags, tracks)
        profile = space.profile(evidence.history.tracks["weight"])
        return cls(evidence, space, profile, taste, features, night, zone)

    def score(
        self, eligible: "pd.Series[bool]", fusion: Fusion, rng: np.random.Generator
    ) -> pd.DataFrame:
        """Score all tracks.

        Args:
            eligible: True for the tracks that may be chosen.
            fusion: The weights of the signals.
            rng: Draws the first taste centres.

        Returns:
            What `score_candidates` returns.
        """
        tracks = self.evidence.tracks
        p_like = None
        if self.taste is not None:
            found = self.taste.p_like(self.evidence.tags, list(tracks.index))
            p_like = pd.Series(found, index=tracks.index)
        history, night = self.evidence.history, self.night.date
        since = night - dt.timedelta(days=RECENT_NIGHTS)
        more = more_signals(
            tracks.index,
            artists=history.artists["weight"],
            first_seen=tracks["first_seen"],
            night=night,
            vectors=self.space.vectors,
            vector_tracks=self.space.tracks,
            weights=history.tracks["weight"],
            recent=[key for key, date in self.evidence.shown.items() if date >= since],
            features=self.features,
            rng=rng,
            received=reception(self.space, self.evidence.picks, tracks.index),
        )
        scored = score_candidates(
            self.evidence.votes,
            tracks["listeners"],
            tag_affinity=self.space.affinity(self.profile, tracks.index),
            p_like=p_like,
            eligible=eligible,
            more=more,
            fusion=fusion,
        )
        # A track without tags has no affinity.
        return scored.assign(tag_affinity=scored["tag_affinity"].fillna(0.0))

    def descriptive_tags(self, key: str) -> list[str]:
        """Return the tags that count for a track, by the taste model or else by the profile."""
        if self.taste is None:
            return self.space.shared(self.profile, key)
        # "Rock" may count for a track, but it counts for every other too; "shoegaze" says more.
        telling: dict[str, float] = {}
        for name, counts in self.taste.top_tags(self.evidence.tags, key, TAGS_ASKED):
            if counts > 0 and is_descriptive(name, key):
                weight = counts * self.space.rarity.get(name, 1.0)
                telling[name] = max(telling.get(name, 0.0), weight)
        return sorted(telling, key=lambda tag: (-telling[tag], tag))
