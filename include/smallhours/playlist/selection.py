"""Which candidates make tonight's list, in which order, and why not the others?

A track is out before anything is compared when the listener knows it, blocked its artist, or had
it lately. Of the rest the best are taken, under a cap per artist and never two versions of one
song; a few slots are drawn from below the cut, with the probability of each draw on record, so
that what was tried can be weighed fairly later.
"""

import datetime as dt
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from smallhours.identity import artist_key_in, base_of

EXPLOIT = "exploit"
EXPLORE = "explore"
RESERVE = "reserve"

# Explorers come from this many ranks below the cut: unusual picks, not random ones.
EXPLORE_DEPTH = 500


@dataclass(frozen=True, slots=True)
class Limits:
    """What the list has to respect.

    Attributes:
        size: Tracks in the list.
        reserve: Further tracks that stand in for those that can't be found on Spotify.
        artist_cap: Tracks by one artist, at most, the reserve included.
        exploration: Share of `size` that is drawn from below the cut, 0-1.
    """

    size: int
    reserve: int
    artist_cap: int
    exploration: float


def why_excluded(
    tracks: Iterable[str],
    *,
    known: Set[str],
    disliked: Set[str],
    blocked_artists: Set[str],
    shown: Mapping[str, dt.date],
    night: dt.date,
    not_again_nights: int,
) -> list[str]:
    """Why each track may not be chosen; empty where it may.

    Args:
        tracks: Track keys.
        known: Keys of everything played, saved or loved; any version of such a song is known.
        disliked: Keys that the listener rejected, whatever the version.
        blocked_artists: Artist keys.
        shown: When each track was last in the listener's playlist.
        night: Tonight.
        not_again_nights: A track may return after this many nights.
    """
    known_songs = {base_of(key) for key in known}
    disliked_songs = {base_of(key) for key in disliked}
    last_shown: dict[str, dt.date] = {}
    for key, date in shown.items():
        song = base_of(key)
        last_shown[song] = max(date, last_shown.get(song, date))

    def reason(key: str) -> str:
        song = base_of(key)
        if artist_key_in(key) in blocked_artists:
            return "blocked artist"
        if song in disliked_songs:
            return "disliked"
        if song in known_songs:
            return "known" if key in known else "known in another version"
        if song in last_shown:
            nights = (night - last_shown[song]).days
            if 0 < nights <= not_again_nights:
                return f"recommended {nights} {'night' if nights == 1 else 'nights'} ago"
        return ""

    return [reason(key) for key in tracks]


def select(scored: pd.DataFrame, limits: Limits, rng: np.random.Generator) -> pd.DataFrame:
    """Choose the list and its reserve.

    Args:
        scored: Indexed by track key: `score`, `rank` (1 is the best, no two alike) and
            `why_not` (why it is out; empty where it is eligible).
        limits: What the list has to respect.
        rng: Decides the explorers.

    Returns:
        `scored`, best first, with `slot` (`exploit`, `explore` or empty), `propensity` (of
        explorers), `position` (from 1, null when not in the list) and `why_not` filled for every
        track that is not in the list (`reserve` for the reserve).
    """
    ranked = scored.sort_values("rank")
    picker = _Picker(ranked.index[ranked["why_not"] == ""], limits.artist_cap)
    explorers = round(limits.size * limits.exploration)
    slots = dict.fromkeys(picker.best(limits.size - explorers), EXPLOIT)
    propensity = picker.draw(explorers, ranked["score"], rng)
    slots.update(dict.fromkeys(propensity, EXPLORE))
    slots.update(dict.fromkeys(picker.best(limits.size - len(slots)), EXPLOIT))
    reserve = picker.best(limits.reserve)

    order = {key: place for place, key in enumerate(arrange(_spread(slots)), start=1)}
    said = {
        **picker.passed,
        **dict.fromkeys(reserve, RESERVE),
        **dict.fromkeys(slots, ""),
    }
    below = "rank " + ranked["rank"].astype(str)
    why_not = ranked["why_not"].where(ranked["why_not"] != "", below)
    return ranked.assign(
        slot=[slots.get(key, "") for key in ranked.index],
        propensity=[propensity.get(key, np.nan) for key in ranked.index],
        position=pd.array([order.get(key) for key in ranked.index], dtype="Int32"),
        why_not=[said.get(key, why) for key, why in zip(ranked.index, why_not, strict=True)],
    )


def arrange(tracks: Sequence[str]) -> list[str]:
    """Order tracks so that no artist comes twice in a row, changing as little as possible.

    Where that can't be (one artist has more than every second track), repeats are as few as can
    be.

    >>> arrange(["a · one", "a · two", "b · three"])
    ['a · one', 'b · three', 'a · two']
    """
    left = list(tracks)
    counts = Counter(map(artist_key_in, left))
    arranged: list[str] = []
    last: Hashable = None
    while left:
        most = max(counts.values())
        # With more than half of what is left, an artist has to come now, or will meet itself.
        urgent = {a for a, n in counts.items() if 2 * n > len(left) and n == most and a != last}
        fits = (k for k in left if artist_key_in(k) != last)
        chosen = next((k for k in left if artist_key_in(k) in urgent), None)
        chosen = chosen or next(fits, left[0])
        left.remove(chosen)
        last = artist_key_in(chosen)
        counts[last] -= 1
        arranged.append(chosen)
    return arranged


def _spread(slots: Mapping[str, str]) -> list[str]:
    """Explorers evenly between the others, so that neither end of the list is all surprises."""
    sure = [key for key, slot in slots.items() if slot == EXPLOIT]
    daring = [key for key, slot in slots.items() if slot == EXPLORE]
    step = len(slots) / (len(daring) + 1)
    for count, key in enumerate(daring, start=1):
        sure.insert(round(step * count), key)
    return sure


@dataclass
class _Picker:
    """Takes tracks off a ranked line, minding the cap and versions, and notes whom it passed.

    Attributes:
        line: Eligible track keys, best first.
        artist_cap: Tracks by one artist, at most.
        passed: Why each track was passed over.
    """

    line: Iterable[str]
    artist_cap: int
    passed: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._line = list(self.line)
        self._artists: Counter[str] = Counter()
        self._songs: set[str] = set()
        self._taken: set[str] = set()
        self._at = 0

    def best(self, count: int) -> list[str]:
        """The next tracks of the line."""
        found: list[str] = []
        while len(found) < count and self._at < len(self._line):
            key = self._line[self._at]
            self._at += 1
            if key in self._taken:
                continue
            if obstacle := self._obstacle(key):
                self.passed[key] = obstacle
                continue
            self._take(key)
            found.append(key)
        return found

    def draw(
        self, count: int, scores: "pd.Series[float]", rng: np.random.Generator
    ) -> dict[str, float]:
        """Draw tracks from below the line's present place, better ones more often.

        One after the other by the softmax of their standardised scores, over those that may
        still be drawn.

        Returns:
            The drawn tracks, each with the probability that it had when it was drawn.
        """
        drawn: dict[str, float] = {}
        for _ in range(count):
            pool = list(self._drawable())
            if not pool:
                break
            values = scores.loc[pool].to_numpy(dtype=float)
            spread = float(values.std())
            weight = np.exp((values - values.max()) / spread) if spread > 0 else np.ones(len(pool))
            chances = weight / weight.sum()
            choice = int(rng.choice(len(pool), p=chances))
            self._take(pool[choice])
            drawn[pool[choice]] = float(chances[choice])
        return drawn

    def _drawable(self) -> Iterator[str]:
        for key in self._line[self._at : self._at + EXPLORE_DEPTH]:
            if key not in self._taken and not self._obstacle(key):
                yield key

    def _obstacle(self, key: str) -> str:
        if base_of(key) in self._songs:
            return "another version is chosen"
        if self._artists[artist_key_in(key)] >= self.artist_cap:
            return "artist cap"
        return ""

    def _take(self, key: str) -> None:
        self._taken.add(key)
        self._songs.add(base_of(key))
        self._artists[artist_key_in(key)] += 1
