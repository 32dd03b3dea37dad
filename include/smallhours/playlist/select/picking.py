"""The greedy choice of a list's tracks, one after the other, and the relevance that it goes by.

Relevance is taken from the rank, not from the score: so it means the same for every ranker, and
what moves it, the listener's dials and their wishes for more or less of something, has the same
effect for everyone. Each time the track with the highest marginal value is taken: relevance, less
similarity to the tracks taken before, less what the track costs in calibration; tracks that a cap
rules out are skipped. The method that computes the value has an example.

Only draws are random: of explored tracks, and of those that the setting `randomness` asks for. The
probability (propensity) of each draw is stored. Later, each drawn track counts 1 / propensity, as
if all had had the same chance: one that was drawn with probability 0.2 counts five times.
"""

from collections import Counter
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from smallhours.identity import artist_key_in
from smallhours.listening.edits import Edits
from smallhours.playlist.select.shortlist import Shortlist, divergence
from smallhours.training.evaluation.metrics import intra_list_diversity
from smallhours.vocabulary import EditKind, EditSubject

Floats = npt.NDArray[np.float64]

# A dial at its end moves tracks of one kind this far from those of the other kind: among 1,000
# tracks (relevance of rank 30: 1 - log 30 / log 1001 = 0.51) rank 30 then draws level with rank 1.
REACH = 0.5


def relevance(scores: Floats) -> Floats:
    """Return the relevance of each track by its rank: 1 - log(rank) / log(n + 1), in (0, 1].

    Equal scores share the mean of their ranks.

    Args:
        scores: (n,), higher is better.

    >>> relevance(np.array([0.9, 0.5, 0.1])).round(2).tolist()
    [1.0, 0.5, 0.21]
    """
    n = len(scores)
    if n == 0:
        return np.zeros(0)
    ordered = np.sort(scores)
    above = n - np.searchsorted(ordered, scores, side="right")
    equal = n - above - np.searchsorted(ordered, scores, side="left")
    ranks = above + (equal + 1) / 2
    place: Floats = 1 - np.log(ranks) / np.log(n + 1)
    return place


def apply_dials(
    relevance: Floats,
    *,
    known_artist: npt.NDArray[np.bool_],
    popularity: Floats,
    familiarity: float,
    popular: float,
) -> Floats:
    """Return the relevance moved by two of the listener's dials, (n,).

    Args:
        relevance: (n,).
        known_artist: Whether the listener has played the track's artist, (n,).
        popularity: Percentile of how well known each track is, (n,), 0-1.
        familiarity: -1 (new artists) to 1 (artists that are known).
        popular: -1 (the least known tracks) to 1 (the best known).
    """
    moved: Floats = (
        relevance
        + REACH * familiarity * (known_artist - 0.5)
        + REACH * popular * (popularity - 0.5)
    )
    return moved


def leanings(
    tracks: pd.Index,
    edits: Edits,
    *,
    released: "pd.Series[str]",
    tagged: Callable[[str], Set[str]],
    name_of: Callable[[str], str],
) -> Floats:
    """Return how far the listener's wishes for more and less move each track's relevance, (n,).

    Each artist, tag or era of which there is to be more lifts its tracks by half of what a dial at
    its end does, and each of which there is to be less lowers them as much. What several concern is
    moved by each.

    Args:
        tracks: Track keys.
        edits: What the listener corrected.
        released: When each track came out, `YYYY` or more, by track key; null where unknown.
        tagged: The names of a track's tags.
        name_of: What a tag is called.
    """
    moved = np.zeros(len(tracks))
    for kind, step in ((EditKind.MORE, REACH / 2), (EditKind.LESS, -REACH / 2)):
        artists = edits.values(kind, EditSubject.ARTIST)
        tags = {name_of(tag) or tag for tag in edits.values(kind, EditSubject.TAG)}
        eras = edits.values(kind, EditSubject.ERA)
        if artists:
            moved += step * np.array([artist_key_in(key) in artists for key in tracks], float)
        if tags:
            moved += step * np.array([bool(tags & tagged(key)) for key in tracks], float)
        if eras:
            decades = released.reindex(tracks).str.slice(0, 3) + "0s"
            moved += step * decades.isin(eras).to_numpy(float)
    return moved


# The number of tracks below the cut that can be drawn: unusual picks, not random ones.
DEPTH = 500


def draw_probabilities(relevance: Floats) -> Floats:
    """Return each track's probability: the softmax of its standardised relevance, (n,), sums to 1.

    Relevance in standard deviations makes the draw equally bold for every ranker.

    >>> draw_probabilities(np.array([1.0, 1.0])).tolist()
    [0.5, 0.5]
    >>> draw_probabilities(np.array([3.0, 2.0, 1.0])).round(2).tolist()
    [0.72, 0.21, 0.06]
    """
    spread = float(relevance.std())
    if spread <= 1e-12:
        return np.full(len(relevance), 1 / max(len(relevance), 1))
    weight = np.exp((relevance - relevance.max()) / spread)
    shares: Floats = weight / weight.sum()
    return shares


def draw(relevance: Floats, rng: np.random.Generator) -> tuple[int, float] | None:
    """Draw one of the first `DEPTH` tracks; return its place and its probability, or None.

    Args:
        relevance: Of the tracks that may be drawn, the most relevant first.
        rng: Decides.
    """
    pool = relevance[:DEPTH]
    if not len(pool):
        return None
    likely = draw_probabilities(pool)
    place = int(rng.choice(len(pool), p=likely))
    return place, float(likely[place])


ANOTHER_VERSION = "another version is chosen"
ARTIST_CAP = "artist cap"
ALBUM_CAP = "album cap"

# The divergence, in nats times the list's length, that costs as much as the whole of relevance.
PRICE_SCALE_NATS = 3.0


@dataclass(frozen=True, slots=True)
class Caps:
    """The caps of a list: tracks by one artist, of one album, and credited to one seed."""

    artist: int
    album: int
    seed: int


@dataclass(frozen=True, slots=True)
class RerankWeights:
    """The weights beside relevance, each 0-1."""

    diversity: float
    calibration: float


class GreedyPicker:
    """The picker of a list, which takes tracks off a shortlist one by one.

    Attributes:
        shortlist: What it takes them from.
        lead: By track key of each that was taken: whose artist or tag it is counted for, if any.
        rejected: Why a cap keeps a track out, by track key.
    """

    def __init__(self, shortlist: Shortlist, caps: Caps, balance: RerankWeights) -> None:
        n = len(shortlist.tracks)
        self.shortlist = shortlist
        self.lead: dict[str, str] = {}
        self.rejected: dict[str, str] = {}
        self._caps = caps
        self._balance = balance
        self._open = np.ones(n, bool)
        self._max_similarity = np.zeros(n)
        self._sum = np.zeros_like(shortlist.mix)
        self._tagged = 0
        self._artists = np.asarray(shortlist.artists, dtype=object)
        self._songs = np.asarray(shortlist.songs, dtype=object)
        self._albums = np.asarray(shortlist.albums, dtype=object)
        self._of_artist: Counter[str] = Counter()
        self._of_album: Counter[str] = Counter()
        self._of_lead: Counter[str] = Counter()
        self._followers = _followers(shortlist.leads)
        # The number of each track's leads below their cap; tracks without leads are never capped.
        self._room = np.array([len(leads) or n + 1 for leads in shortlist.leads], dtype=int)

    def best(self, count: int) -> list[str]:
        """Take and return the next tracks, at most `count`, in the order in which they are taken.

        What the shortlist holds back comes where nothing else is left, and then the cap per seed
        yields; the other caps never do.
        """
        found: list[str] = []
        while len(found) < count and self._open.any():
            room = self._open & (self._room > 0)
            free = room & ~self.shortlist.held_back
            among = np.flatnonzero(next(each for each in (free, room, self._open) if each.any()))
            found.append(self._take(int(among[np.argmax(self._marginal_values()[among])])))
        return found

    def draw(
        self, count: int, *, cut: int, rng: np.random.Generator, evenly: bool = False
    ) -> dict[str, float]:
        """Draw tracks from below the `cut` best; return each with the probability that it had.

        Args:
            count: Number of tracks.
            cut: Number of the best tracks that are left out while there are others.
            rng: Decides.
            evenly: Whether all have the same chance; else the more relevant ones have more.
        """
        drawn: dict[str, float] = {}
        for _ in range(count):
            free = self._open & ~self.shortlist.held_back
            below = np.flatnonzero(free if free.any() else self._open)
            below = below[below >= cut] if (below >= cut).any() else below
            among = self.shortlist.relevance[below]
            choice = draw(np.zeros_like(among) if evenly else among, rng)
            if choice is None:
                break
            drawn[self._take(int(below[choice[0]]))] = choice[1]
        return drawn

    def exclude(self, tracks: Set[str], why: str) -> None:
        """Rule these tracks out."""
        for place, key in enumerate(self.shortlist.tracks):
            if key in tracks and self._open[place]:
                self._close(np.array([place]), why)

    def _marginal_values(self) -> Floats:
        """Return the marginal value of every track, (n,).

        The value is (1 - c) * relevance - d * similarity - c * price, with the weights d of
        diversity and c of calibration. The price of a track is the divergence that the list would
        have with it, above that of the best such track, times the list's new length, divided by 3
        nats. In a list of 9 tagged tracks, one track would leave a divergence of 0.60 nats and the
        best 0.30: its price is 10 * (0.60 - 0.30) / 3 = 1.0. With c = 0.3, a track of relevance 0.9
        that repeats nothing is then worth 0.7 * 0.9 - 0.3 * 1.0 = 0.33. The length is a factor
        because one track changes the divergence of a long list less than that of a short one.
        """
        calibration = self._balance.calibration if len(self._sum) > 1 else 0.0
        worth = (1 - calibration) * self.shortlist.relevance
        worth = worth - self._balance.diversity * self._max_similarity
        if calibration == 0:
            return worth
        tagged = self.shortlist.shares.sum(axis=1) > 0
        got = (self._sum + self.shortlist.shares) / (self._tagged + 1)
        off = divergence(self.shortlist.mix, got)
        # A track without tags leaves the divergence as it is.
        idle = divergence(self.shortlist.mix, self._sum / max(self._tagged, 1))
        off = np.where(tagged, off, float(idle) if self._tagged else float(off.mean()))
        price = (self._tagged + 1) * (off - off.min()) / PRICE_SCALE_NATS
        return np.asarray(worth - calibration * price)

    def _take(self, place: int) -> str:
        short = self.shortlist
        key, artist, album = short.tracks[place], short.artists[place], short.albums[place]
        alike = similarity(place, short.vectors, short.seeds, short.artists)
        self._max_similarity = np.maximum(self._max_similarity, alike)
        self._sum = self._sum + short.shares[place]
        self._tagged += bool(short.shares[place].any())
        self._open[place] = False
        self._count_for_lead(place)
        self._of_artist[artist] += 1
        self._close(np.flatnonzero(self._songs == short.songs[place]), ANOTHER_VERSION)
        if self._of_artist[artist] >= self._caps.artist:
            self._close(np.flatnonzero(self._artists == artist), ARTIST_CAP)
        if album:
            self._of_album[album] += 1
            if self._of_album[album] >= self._caps.album:
                self._close(np.flatnonzero(self._albums == album), ALBUM_CAP)
        return key

    def _count_for_lead(self, place: int) -> None:
        """Count the track for the strongest of its leads that has room."""
        leads = self.shortlist.leads[place]
        if not leads:
            return
        roomy = [lead for lead in leads if self._of_lead[lead] < self._caps.seed]
        lead = (roomy or leads)[0]
        self.lead[self.shortlist.tracks[place]] = lead
        self._of_lead[lead] += 1
        if self._of_lead[lead] == self._caps.seed:
            self._room[self._followers[lead]] -= 1

    def _close(self, places: npt.NDArray[np.intp], why: str) -> None:
        for place in places[self._open[places]]:
            self.rejected[self.shortlist.tracks[place]] = why
        self._open[places] = False


def _followers(leads: Sequence[Sequence[str]]) -> dict[str, npt.NDArray[np.intp]]:
    """Return the places of the tracks that each lead (an artist or tag) leads to."""
    places: dict[str, list[int]] = {}
    for place, mine in enumerate(leads):
        for lead in mine:
            places.setdefault(lead, []).append(place)
    return {lead: np.asarray(found, dtype=np.intp) for lead, found in places.items()}


# The weights of the parts of similarity (maximal marginal relevance: Carbonell and Goldstein,
# SIGIR 1998); they sum to 1.
TAG_WEIGHT = 0.5
SEED_WEIGHT = 0.3
ARTIST_WEIGHT = 0.2


def similarity(
    one: int, vectors: sparse.csr_matrix, seeds: sparse.csr_matrix, artists: Sequence[str]
) -> Floats:
    """Return the similarity of every track to one of them, (n,), 0-1.

    Two tracks of one artist (0.2) with a tag cosine of 0.8 and no common seed have a similarity of
    0.5 * 0.8 + 0.3 * 0 + 0.2 = 0.6.

    Args:
        one: Its place.
        vectors: (n, tags), rows of length 1 (or 0).
        seeds: (n, seeds), likewise.
        artists: (n,).
    """
    of_tags = np.asarray((vectors @ vectors[[one]].T).todense()).ravel()
    of_seeds = np.asarray((seeds @ seeds[[one]].T).todense()).ravel()
    same = np.fromiter((each == artists[one] for each in artists), float, len(artists))
    alike: Floats = TAG_WEIGHT * of_tags + SEED_WEIGHT * of_seeds + ARTIST_WEIGHT * same
    return alike.clip(0.0, 1.0)


def mean_distance(vectors: sparse.csr_matrix) -> float:
    """Return the mean of 1 - cosine over all pairs (intra-list diversity); NaN for fewer than two.

    Args:
        vectors: (n, tags), rows of length 1; tracks without tags have rows of 0 and are left out.

    >>> mean_distance(sparse.csr_matrix([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])).__round__(3)
    0.667
    """
    tagged = vectors[np.asarray(vectors.multiply(vectors).sum(axis=1)).ravel() > 0]
    return intra_list_diversity(tagged)
