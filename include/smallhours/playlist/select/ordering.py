"""The order in which the chosen tracks play.

Neighbours should be near in energy, tempo and key, an artist's tracks far apart, and the energy
may follow an arc. The order is improved step by step (two tracks exchanged, or a stretch reversed:
2-opt, G. A. Croes 1958) until no step helps. It starts from the order of the ranking, so where no
features are known little moves.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Sequence, Set

import numpy as np
import numpy.typing as npt
import pandas as pd

from smallhours.identity import artist_key_in
from smallhours.playlist_settings import Arc

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]

# The cost of the largest step between neighbours: the whole range of energy, half an octave of
# tempo, the far side of the circle of fifths.
ENERGY_COST = 1.0
TEMPO_COST = 0.7
KEY_COST = 0.4
# The cost of leaving the arc by the list's whole range; of two neighbours by one artist (4 side by
# side, 4 / 2 ** 2 = 1 with one track between them, and so on); of an explored track at the end.
ARC_COST = 2.0
ARTIST_COST = 4.0
LAST_EXPLORED_COST = 1.0
# The first places of a list are for tracks that are not explored, if it has that many. The cost of
# an explored track there exceeds any gain elsewhere.
OPENING_PLACES = 5
OPENING_EXPLORED_COST = 1_000.0

MAX_ROUNDS = 20


def camelot_distance(key: Floats, mode: Floats, other_key: Floats, other_mode: Floats) -> Floats:
    """Return the steps between two keys on the Camelot wheel, 0-7: around the wheel, plus mode.

    The wheel sets each major key beside its relative minor; a step around it, or from one to the
    other, is heard as smooth.

    Args:
        key: 0-11, 0 is C.
        mode: 0 is minor, 1 is major.
        other_key: As `key`.
        other_mode: As `mode`.

    >>> c, a, g, fis = (np.array([float(k)]) for k in (0, 9, 7, 6))
    >>> major, minor = np.ones(1), np.zeros(1)
    >>> [float(camelot_distance(c, major, *to)[0]) for to in ((a, minor), (g, major), (fis, major))]
    [1.0, 1.0, 6.0]
    """
    # A fifth is 7 half tones, and 7 * 7 = 49 = 1 (mod 12): 7 * key is the place in fifths. The
    # relative major of a minor key is three half tones up.
    place = (7 * (key + 3 * (1 - mode))) % 12
    other = (7 * (other_key + 3 * (1 - other_mode))) % 12
    around = np.abs(place - other)
    steps: Floats = np.minimum(around, 12 - around) + np.abs(mode - other_mode)
    return steps


def transitions(sound: pd.DataFrame) -> Floats:
    """Return the cost of playing each track after each other, (n, n); 0 where features are unknown.

    Args:
        sound: `energy` (0-1), `tempo` (beats per minute), `key` (0-11) and `mode` (0 or 1), null
            where unknown.
    """
    energy, tempo, key, mode = (
        sound[name].to_numpy(dtype=float) for name in ("energy", "tempo", "key", "mode")
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        octaves = np.abs(np.log2(tempo[:, None] / tempo[None, :]))
        # Twice as fast is heard as the same beat.
        beat = np.abs(octaves - np.round(octaves))
        parts = (
            ENERGY_COST * np.abs(energy[:, None] - energy[None, :]),
            TEMPO_COST * beat * 2,
            KEY_COST
            * camelot_distance(key[:, None], mode[:, None], key[None, :], mode[None, :])
            / 7,
        )
        return np.asarray(sum(np.nan_to_num(part, posinf=0.0, neginf=0.0) for part in parts))


def targets(arc: Arc, n: int) -> Floats | None:
    """Return the target of each place on the list's range of energy, (n,), 0-1; None for no arc.

    >>> targets("rise", 3).tolist()
    [0.0, 0.5, 1.0]
    """
    along = np.linspace(0.0, 1.0, n)
    if arc == "rise":
        return along
    if arc == "fall":
        return along[::-1]
    if arc == "wave":  # two crests
        return np.asarray((1 - np.cos(4 * np.pi * along)) / 2)
    return None


def order(
    artists: Sequence[str],
    sound: pd.DataFrame,
    *,
    arc: Arc = "none",
    is_explored: Sequence[bool] = (),
) -> list[int]:
    """Return the places of the tracks in the order in which to play them.

    Args:
        artists: Of each track, best track first.
        sound: As in `transitions`, in the same order.
        arc: How the energy moves; `none` keeps the best track first.
        is_explored: Which tracks are explored: they stand neither in the first five places nor in
            the last where that can be.
    """
    n = len(artists)
    if n < 3:
        return list(range(n))
    wanted = targets(arc, n)
    rank = sound["energy"].astype(float).rank(pct=True, method="average").fillna(0.5).to_numpy()
    start = np.arange(n)
    if wanted is not None:
        start[np.argsort(wanted, kind="stable")] = np.argsort(rank, kind="stable")
    names = pd.factorize(np.asarray(artists, dtype=object))[0]
    explored = np.asarray(is_explored, dtype=float) if len(is_explored) else np.zeros(n)
    opening_cost = np.zeros(n)
    opening_cost[: min(OPENING_PLACES, int((explored == 0).sum()))] = OPENING_EXPLORED_COST
    opening_cost[-1] += LAST_EXPLORED_COST
    steps = transitions(sound)
    apart = np.abs(np.subtract.outer(np.arange(n), np.arange(n))).astype(float)
    np.fill_diagonal(apart, np.inf)
    crowding = np.triu(ARTIST_COST / apart**2)

    def cost(places: Places) -> float:
        mine = names[places]
        total = float(steps[places[:-1], places[1:]].sum())
        total += float(crowding[np.equal.outer(mine, mine)].sum())
        total += float(opening_cost @ explored[places])
        if wanted is not None:
            total += ARC_COST * float(np.abs(rank[places] - wanted).sum())
        return total

    first = 1 if wanted is None else 0
    return [int(place) for place in _improved(start, cost, first)]


def _improved(places: Places, cost: Callable[[Places], float], first: int) -> Places:
    """Exchange two places, or reverse the stretch between them, while that lowers the cost.

    Places before `first` stay.

    Places before `first` stay.

    Those before `first` stay.
    """
    best = cost(places)
    for _ in range(MAX_ROUNDS):
        before = best
        for i in range(first, len(places) - 1):
            for j in range(i + 1, len(places)):
                for tried in (_swapped(places, i, j), _reversed(places, i, j)):
                    if (costs := cost(tried)) < best - 1e-9:
                        best, places = costs, tried
        if best == before:
            break
    return places


def _swapped(places: Places, i: int, j: int) -> Places:
    tried = places.copy()
    tried[[i, j]] = places[[j, i]]
    return tried


def _reversed(places: Places, i: int, j: int) -> Places:
    tried = places.copy()
    tried[i : j + 1] = places[i : j + 1][::-1]
    return tried


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
