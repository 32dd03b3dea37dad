"""ListenBrainz' similar recordings and artists: another noisy view of the hidden likeness.

Last.fm's neighbours come from the same hidden style, with noise of their own and another pull of
popularity; so the two services agree on much, and each knows what the other does not. Rare
recordings have no neighbours. A replayed log has no style: there, its Last.fm neighbours serve.
"""

from functools import cached_property

import numpy as np
import numpy.typing as npt

from smallhours_sandbox.identifiers import hashed_share
from smallhours_sandbox.musicbrainz_index import MusicBrainzIndex
from smallhours_sandbox.ragged import Floats, Ints

MAX_RECORDINGS, MAX_ARTISTS = 50, 100
_NOISE, _POPULARITY_PULL = 0.06, 0.05
_RARE = 0.35  # share of the recordings that too few people play for neighbours
_TOP_SCORE = 400
_UNSEEN = 0.3  # share of a replayed log's neighbours that are not seen here

Neighbours = list[tuple[int, int]]


class SimilarMusic:
    """Neighbours of recordings and artists, each with a whole-numbered score."""

    def __init__(self, index: MusicBrainzIndex) -> None:
        """Serve the neighbours of one world."""
        self._index = index
        self._world = index.world

    def recordings(self, track: int) -> Neighbours:
        """Return up to 50 neighbours of a recording and their scores, the best first."""
        if track not in self._played:
            return []
        style = self._world.track_style
        if style is None:
            ids, matches = self._world.track_similar[track]
            near = dict(zip(self._index.canonical[ids].tolist(), matches.tolist(), strict=True))
            near.pop(track, None)
            return self._thinned(f"recording {track}", near, MAX_RECORDINGS)
        pool, users = self._pool, self._index.users[self._pool]
        return self._nearest(track, style, pool, users, MAX_RECORDINGS, stream=903)

    def artists(self, artist: int) -> Neighbours:
        """Return up to 100 neighbours of an artist and their scores, the best first."""
        style = self._world.artist_style
        if style is None:
            ids, matches = self._world.artist_similar[artist]
            near = dict(zip(ids.tolist(), matches.tolist(), strict=True))
            return self._thinned(f"artist {artist}", near, MAX_ARTISTS)
        pool = np.arange(self._world.n_artists, dtype=np.int32)
        users = self._index.artist_users
        width = min(MAX_ARTISTS, self._world.n_artists // 6)
        return self._nearest(artist, style, pool, users, width, stream=904)

    def _nearest(
        self, seed: int, style: Floats, pool: Ints, users: Ints, width: int, *, stream: int
    ) -> Neighbours:
        rng = np.random.default_rng([self._world.seed, stream, seed])
        score = style[pool] @ style[seed] + _pull(users)
        score += (_NOISE * rng.standard_normal(len(pool))).astype(np.float32)
        score[pool == seed] = -np.inf
        best = np.argsort(-score, kind="stable")[: min(width, len(pool) - 1)]
        if not len(best):
            return []
        low, top = float(np.median(score)), float(score[best[0]])
        match = np.clip((score[best] - low) / max(top - low, 1e-6), 0.0, 1.0) ** 2.5
        scale = _TOP_SCORE * (0.2 + hashed_share(f"scale {stream} {seed}"))
        return list(zip(pool[best].tolist(), (1 + match * scale).astype(int).tolist(), strict=True))

    def _thinned(self, key: str, near: dict[int, float], width: int) -> Neighbours:
        """Return most of the neighbours in a somewhat different order."""
        drawn = {each: hashed_share(f"{key} {each}") for each in near}
        scored = [
            (each, 1 + int(_TOP_SCORE * match * (0.5 + drawn[each])))
            for each, match in near.items()
            if drawn[each] >= _UNSEEN
        ]
        return sorted(scored, key=lambda pair: (-pair[1], pair[0]))[:width]

    @cached_property
    def _pool(self) -> Ints:
        original = np.asarray([version == "" for version in self._world.track_version])
        tracks = self._index.recordings_of.ids
        chosen: Ints = np.sort(tracks[original[tracks]])
        return chosen

    @cached_property
    def _played(self) -> set[int]:
        """Return the recordings that enough people play."""
        tracks = self._index.recordings_of.ids
        users = self._index.users[tracks]
        return set(tracks[users >= np.quantile(users, _RARE)].tolist())


def _pull(users: Ints) -> npt.NDArray[np.float32]:
    logged = np.log1p(users)
    spread = float(logged.std()) or 1.0
    pull: npt.NDArray[np.float32] = (_POPULARITY_PULL * (logged - logged.mean()) / spread).astype(
        np.float32
    )
    return pull
