"""Is this Spotify track the recording that we mean?

Names are compared in their normalised form, versions apart: a live recording is never taken for
the studio one, however alike the titles are.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from rapidfuzz import fuzz

from smallhours.identity import Identity, identify, normalise
from smallhours.services.spotify_replies import SpotifyTrack

# rapidfuzz's ratios, 0-100. Below these, near misses ("Alison" and "Alice") get through.
SURE_TITLE = 90.0
SURE_ARTIST = 85.0
SURE_VERSION = 85.0

# Lengths of one recording differ by this much between services; beyond it a match loses up to ten
# points, so that the right one of several wins. An edit of another length is still the recording.
SAME_LENGTH_MS = 3_000
OTHER_LENGTH_MS = 30_000
LENGTH_POINTS = 10.0


@dataclass(frozen=True, slots=True)
class Sought:
    """The recording that we mean.

    Attributes:
        artist: As the source shows it.
        title: As the source shows it.
        duration_ms: Its length, where known.
        isrc: Its ISRC, where known.
    """

    artist: str
    title: str
    duration_ms: int | None = None
    isrc: str | None = None


def queries(sought: Sought) -> tuple[str, str]:
    """What to search for: first by fields, and if that finds nothing, by the bare words.

    >>> queries(Sought("Drake feat. Rihanna", 'The "Motto" (Remastered 2011)'))
    ('track:"The Motto (Remastered 2011)" artist:"Drake feat. Rihanna"', 'drake the motto')
    """
    name = identify(sought.artist, sought.title)
    fields = f'track:"{_quotable(sought.title)}" artist:"{_quotable(sought.artist)}"'
    return fields, f"{name.artist_key} {name.title_key} {name.version}".strip()


def best_match(sought: Sought, found: Iterable[SpotifyTrack]) -> tuple[SpotifyTrack, float] | None:
    """The best of some search results with its score (0-100), or None when none is the recording.

    Of equally good ones the first wins: Spotify puts the best known first.
    """
    best: tuple[SpotifyTrack, float] | None = None
    for track in found:
        score = match_score(sought, track)
        if score is not None and (best is None or score > best[1]):
            best = track, score
    return best


def match_score(sought: Sought, track: SpotifyTrack) -> float | None:
    """How well a Spotify track fits, 0-100; None when it is another recording."""
    if track.id is None:
        return None
    if sought.isrc and track.isrc == sought.isrc:
        return 100.0
    wanted = identify(sought.artist, sought.title)
    given = identify(track.artist, track.title)
    if not _same_version(wanted, given):
        return None
    title = fuzz.token_sort_ratio(wanted.title_key, given.title_key)
    artist = max(fuzz.token_sort_ratio(wanted.artist_key, name) for name in _artist_names(track))
    if title < SURE_TITLE or artist < SURE_ARTIST:
        return None
    return max((title + artist) / 2 - _length_penalty(sought.duration_ms, track.duration_ms), 0.0)


def _same_version(wanted: Identity, given: Identity) -> bool:
    if wanted.label != given.label:
        return False
    return fuzz.token_sort_ratio(wanted.version, given.version) >= SURE_VERSION


def _artist_names(track: SpotifyTrack) -> list[str]:
    """The names that may stand for the track's artists: each alone, or all together."""
    names = [artist.name for artist in track.artists]
    return [identify(name, track.title).artist_key for name in names] + [
        normalise(" & ".join(names))
    ]


def _length_penalty(wanted_ms: int | None, given_ms: int) -> float:
    if not wanted_ms or not given_ms:
        return 0.0
    beyond = abs(wanted_ms - given_ms) - SAME_LENGTH_MS
    share = min(max(beyond, 0) / (OTHER_LENGTH_MS - SAME_LENGTH_MS), 1.0)
    return LENGTH_POINTS * share


def _quotable(name: str) -> str:
    return " ".join(name.replace('"', " ").split())
