"""Last.fm's lookup of artists, tracks and tags by name, and the top lists of tags.

Last.fm knows names, not releases: all tracks of the world that are scrobbled under one artist and
title share one page here, represented by the most popular of them. A spelling that nobody scrobbles
is a page of its own without tags or neighbours, unless ``autocorrect`` leads to the right one.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from smallhours_sandbox.ragged import Doubles, Ints, Ragged
from smallhours_sandbox.world import World

# Number of listeners of the most popular artist and track, of the order that Last.fm shows;
# others are scaled by their popularity weight.
_TOP_LISTENERS = 2_400_000
_PLAYS_PER_LISTENER = 11

_REMASTER = re.compile(
    r"\s*[-(\[]\s*(?:\d{4}\s+)?(?:digital(?:ly)?\s+)?remaster(?:ed)?(?:\s+version)?"
    r"(?:\s+\d{4})?\s*[)\]]?\s*$",
    re.IGNORECASE,
)
_FEATURED = re.compile(r"\s*[(\[]?\s*\b(?:feat\.?|ft\.?|featuring)\s+[^)\]]*[)\]]?", re.IGNORECASE)


@dataclass(slots=True, frozen=True)
class TrackPage:
    """The page that a track's name leads to.

    Attributes:
        track: index of the track that represents it; None for a spelling without tags.
        artist: display name of the artist.
        title: display title.
    """

    track: int | None
    artist: str
    title: str


def without_edition(title: str) -> str:
    """Return a title without remaster and guest notes."""
    return _REMASTER.sub("", _FEATURED.sub("", title)).strip() or title


def normalised(text: str) -> str:
    """Return ``text`` without accents, case, punctuation, leading "the", remaster and guest notes.

    Versions such as "- Live" stay: removing those would give another recording's tags.
    """
    bare = without_edition(text)
    letters = unicodedata.normalize("NFKD", bare.casefold())
    kept = "".join(each for each in letters if each.isalnum())
    words = bare.casefold().split()
    if len(words) > 1 and words[0] == "the" != words[1]:
        kept = kept.removeprefix("the")
    return kept or text.strip().casefold()


class LastfmIndex:
    """Names and rankings of one world; each part is built when it is first needed."""

    def __init__(self, world: World) -> None:
        """Index ``world``, whose catalogue must not change afterwards."""
        self.world = world

    # -- names ----------------------------------------------------------------------------------

    def artist(self, name: str, mbid: str, *, autocorrect: bool) -> int | None:
        """Return the artist with that MusicBrainz id or name, or None."""
        if mbid:
            return self.world.lookup.artist_mbid.get(mbid)
        found = self.world.find_artist(name)
        if found is None and autocorrect:
            found = self._plain_artists.get(normalised(name))
        return found

    def track(self, artist: str, title: str, mbid: str, *, autocorrect: bool) -> TrackPage | None:
        """Return the page of that MusicBrainz id, or artist and title; None when it is unknown."""
        world = self.world
        if mbid:
            known = world.lookup.track_mbid.get(mbid)
            return None if known is None else self.page(int(self.page_of[known]))
        scrobbled = self._scrobbled.get((artist.strip().casefold(), title.strip().casefold()))
        if scrobbled is not None:
            return self.page(scrobbled)
        found = world.find_track(artist, title)
        if autocorrect:
            corrected = self.artist(artist, "", autocorrect=True)
            if found is None and corrected is not None:
                found = self._plain_tracks.get((corrected, normalised(title)))
            return None if found is None else self.page(int(self.page_of[found]))
        if found is None:
            return None
        return TrackPage(None, world.artist_name[int(world.track_artist[found])], title)

    def page(self, track: int) -> TrackPage:
        """Return the page that a representative track stands for."""
        world = self.world
        name = world.artist_name[int(world.track_artist[track])]
        return TrackPage(track, name, world.lastfm_title(track))

    @cached_property
    def _scrobbled(self) -> dict[tuple[str, str], int]:
        """Map (artist, Last.fm title), both folded, to the most popular track of that name."""
        world = self.world
        folded = [name.strip().casefold() for name in world.artist_name]
        artists = world.track_artist.tolist()
        pages: dict[tuple[str, str], int] = {}
        for track in np.argsort(-world.track_popularity, kind="stable").tolist():
            title = world.lastfm_title(track).strip().casefold()
            pages.setdefault((folded[artists[track]], title), track)
        return pages

    @cached_property
    def page_of(self) -> Ints:
        """Return the representative track of each track's page, int32 (tracks,)."""
        world = self.world
        folded = [name.strip().casefold() for name in world.artist_name]
        return np.fromiter(
            (
                self._scrobbled[folded[artist], world.lastfm_title(track).strip().casefold()]
                for track, artist in enumerate(world.track_artist.tolist())
            ),
            np.int32,
            world.n_tracks,
        )

    @cached_property
    def _plain_artists(self) -> dict[str, int]:
        order = np.argsort(-self.world.artist_popularity, kind="stable").tolist()
        found: dict[str, int] = {}
        for artist in order:
            found.setdefault(normalised(self.world.artist_name[artist]), artist)
        return found

    @cached_property
    def _plain_tracks(self) -> dict[tuple[int, str], int]:
        found: dict[tuple[int, str], int] = {}
        for track in self._scrobbled.values():
            artist = int(self.world.track_artist[track])
            found.setdefault((artist, normalised(self.world.lastfm_title(track))), track)
        return found

    # -- figures --------------------------------------------------------------------------------

    @cached_property
    def artist_listeners(self) -> Ints:
        """Return the number of people who have heard each artist, int32 (artists,)."""
        return _figures(self.world.artist_popularity)

    @cached_property
    def track_listeners(self) -> Ints:
        """Return the number of people who have heard each track, int32 (tracks,)."""
        return _figures(self.world.track_popularity)

    @staticmethod
    def playcount(listeners: int) -> int:
        """Return a plausible number of plays for a number of listeners."""
        return listeners * _PLAYS_PER_LISTENER

    # -- tags -----------------------------------------------------------------------------------

    def tag_tracks(self, tag: str) -> list[int]:
        """Return the pages with a tag, the most tagged first."""
        rows = self._rows(tag, self._tag_tracks)
        return list(dict.fromkeys(self.page_of[rows].tolist()))

    def tag_artists(self, tag: str) -> list[int]:
        """Return the artists with a tag, the most tagged first."""
        return [int(each) for each in self._rows(tag, self._tag_artists)]

    def tag_name(self, tag: str) -> str:
        """Return the tag in Last.fm's spelling, or as given when it is unknown."""
        known = self.world.tag_id(tag)
        return tag if known is None else self.world.tags[known]

    @cached_property
    def tag_reach(self) -> list[tuple[int, int]]:
        """Return (taggings, reach) per tag, estimated from the artists and tracks that carry it."""
        taggings = np.zeros(len(self.world.tags))
        for members in (self._tag_artists, self._tag_tracks):
            # For an empty row, reduceat returns the next row's first value; hence the mask.
            sums = np.add.reduceat(np.append(members.values, 0.0), members.indptr[:-1])
            taggings += sums * (members.lengths > 0)
        return [(int(each), int(each / 9)) for each in taggings]

    def tag_statistics(self, tag: str) -> tuple[int, int]:
        """Return taggings and reach of a tag, summed over its spellings; (0, 0) when unknown."""
        figures = [self.tag_reach[each] for each in self.world.tag_ids(tag)]
        return sum(each[0] for each in figures), sum(each[1] for each in figures)

    def _rows(self, tag: str, members: Ragged) -> Ints:
        ids = self.world.tag_ids(tag)
        if not ids:
            return np.zeros(0, np.int32)
        parts = [members[each] for each in ids]
        rows = np.concatenate([part[0] for part in parts])
        weights = np.concatenate([part[1] for part in parts])
        order = np.lexsort((rows, -weights))
        return np.asarray(list(dict.fromkeys(rows[order].tolist())), dtype=np.int32)

    @cached_property
    def _tag_tracks(self) -> Ragged:
        """Return the tracks of each tag, weighted by tag count and listeners.

        A replayed log has no track tags: there, a tag's tracks are those of its artists.
        """
        tags = self.world.track_tags
        if not len(tags.ids):
            tags = _select_rows(self.world.artist_tags, self.world.track_artist)
        return self._members_by_tag(tags, self.track_listeners)

    @cached_property
    def _tag_artists(self) -> Ragged:
        return self._members_by_tag(self.world.artist_tags, self.artist_listeners)

    def _members_by_tag(self, tags: Ragged, listeners: Ints) -> Ragged:
        """Return the members of each tag, weighted by tag count times number of listeners.

        A count of 0 is a tag that a single person gave once; it is ignored.
        """
        rows, counts = tags.rows, tags.values.astype(np.float64)
        weights = counts / 100 * np.sqrt(listeners[rows])
        used = counts > 0
        return Ragged.from_triplets(tags.ids[used], rows[used], weights[used], len(self.world.tags))


def _select_rows(tags: Ragged, rows: Ints) -> Ragged:
    """Return the given rows of ``tags`` in the given order, with repetitions."""
    lengths = tags.lengths[rows]
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    within = np.arange(indptr[-1]) - np.repeat(indptr[:-1], lengths)
    chosen = np.repeat(tags.indptr[:-1][rows], lengths) + within
    return Ragged(indptr, tags.ids[chosen], tags.values[chosen])


def _figures(popularity: Doubles) -> Ints:
    top = float(popularity.max()) if len(popularity) else 1.0
    return (3 + popularity / max(top, 1e-12) * _TOP_LISTENERS).astype(np.int32)
