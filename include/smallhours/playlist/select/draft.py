"""Selection of tonight's lists: the chosen tracks, their order, and why the others are not chosen.

Excluded tracks are out before anything is compared. From the rest, a list takes one track after the
other (`picking`); a few slots are drawn from below the cut, with the probability of each
draw recorded, so that explored tracks can be weighed fairly later. When all of the night's lists
are chosen, each gets a reserve that replaces tracks that can't be found on Spotify.
"""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np
import pandas as pd

from smallhours.identity import artist_key_in
from smallhours.playlist.select.ordering import OPENING_PLACES, order
from smallhours.playlist.select.picking import Caps, GreedyPicker, RerankWeights
from smallhours.playlist.select.shortlist import Shortlist
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
        exploration: Share of `size` that is drawn from below the cut, 0-1.
        caps: The reserve counts, too.
        balance: What counts beside relevance.
    """

    size: int
    reserve: int
    exploration: float
    caps: Caps
    balance: RerankWeights

    @classmethod
    def by(cls, playlist_settings: PlaylistSettings) -> "Limits":
        """Return the limits that the settings ask for."""
        return cls(
            size=playlist_settings.size,
            reserve=max(playlist_settings.size, MIN_RESERVE),
            exploration=playlist_settings.exploration,
            caps=Caps(
                playlist_settings.artist_cap,
                playlist_settings.album_cap,
                playlist_settings.seed_cap,
            ),
            balance=RerankWeights(playlist_settings.diversity, playlist_settings.calibration),
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
        slots = dict.fromkeys(self._picker.best(limits.size - explorers), Slot.EXPLOIT)
        self.propensity = self._picker.draw(explorers, cut=limits.size, rng=rng)
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


def defer_explored(tracks: Sequence[str], explored: Set[str]) -> list[str]:
    """Return the list with explored tracks after its first five places, if enough others exist.

    >>> keys = ["a · 1", "b · 1", "c · 1", "d · 1", "e · 1", "f · 1"]
    >>> defer_explored(keys, {"b · 1"})
    ['a · 1', 'c · 1', 'd · 1', 'e · 1', 'f · 1', 'b · 1']
    """
    sure = [key for key in tracks if key not in explored][:OPENING_PLACES]
    if not explored & set(tracks[: len(sure)]):
        return list(tracks)
    head = separate_artists(sure)
    tail = [key for key in tracks if key not in set(sure)]
    return head + separate_artists(tail, after=artist_key_in(head[-1]))


def separate_artists(tracks: Sequence[str], *, after: str | None = None) -> list[str]:
    """Order tracks so that no artist comes twice in a row, with as few changes as possible.

    Where that can't be (one artist has more than every second track), repeats are as few as can
    be.

    Args:
        tracks: Track keys in their order.
        after: Whose track stands before them, if any.

    >>> separate_artists(["a · one", "a · two", "b · three"])
    ['a · one', 'b · three', 'a · two']
    """
    left = list(tracks)
    counts = Counter(map(artist_key_in, left))
    arranged: list[str] = []
    last: Hashable = after
    while left:
        most = max(counts.values())
        # An artist with more than half of the remaining tracks has to come now, or repeats later.
        urgent = {a for a, n in counts.items() if 2 * n > len(left) and n == most and a != last}
        fits = (k for k in left if artist_key_in(k) != last)
        chosen = next((k for k in left if artist_key_in(k) in urgent), None)
        chosen = chosen or next(fits, left[0])
        left.remove(chosen)
        last = artist_key_in(chosen)
        counts[last] -= 1
        arranged.append(chosen)
    return arranged


def _spread(slots: Mapping[str, Slot]) -> list[str]:
    """Return the keys with explored tracks spread evenly, but none before the first sure tracks."""
    sure = [key for key, slot in slots.items() if slot == Slot.EXPLOIT]
    is_explored = [key for key, slot in slots.items() if slot == Slot.EXPLORE]
    step = len(slots) / (len(is_explored) + 1)
    begins = min(OPENING_PLACES, len(sure))
    for count, key in enumerate(is_explored, start=1):
        sure.insert(max(round(step * count), begins + count - 1), key)
    return sure
