"""Why is this track in the list, in one sentence that is true of it alone?

The sentence is put together from what brought the track here: the seeds, with how often the
listener played them; the tags that count for it; the audio features that stand out. Whatever is
not known is left out, and nothing is said that would fit any track.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from smallhours.identity import artist_key_in
from smallhours.playlist.evidence import History
from smallhours.playlist.selection import EXPLORE

PREDICTED = "predicted"

SEEDS_NAMED = 2
TAGS_NAMED = 2

# From which value on a feature is worth a word, and the word; above or below.
_HIGH = {
    "energy": (0.75, "energetic"),
    "acousticness": (0.7, "acoustic"),
    "instrumentalness": (0.6, "instrumental"),
    "valence": (0.7, "bright"),
    "danceability": (0.7, "danceable"),
}
_LOW = {"energy": (0.4, "calm"), "valence": (0.3, "dark"), "danceability": (0.3, "drifting")}

_ORDINALS = ("strongest", "second strongest", "third strongest", "fourth strongest")


@dataclass(frozen=True, slots=True)
class Feature:
    """One audio feature of a track.

    Attributes:
        name: As Spotify has it.
        value: 0-1.
        margin: Half of the 80 % interval, if predicted.
        predicted: Whether it was predicted rather than measured.
    """

    name: str
    value: float
    margin: float | None
    predicted: bool


@dataclass(frozen=True, slots=True)
class Grounds:
    """What speaks for one track.

    Attributes:
        track_key: The track.
        seeds: (route, seed key) of the votes for it, strongest first.
        tags: Its tags that count for it, strongest first.
        features: What is known of how it sounds.
        slot: `exploit` or `explore`.
        rank: Its rank among all that were considered.
        considered: How many were considered.
    """

    track_key: str
    seeds: Sequence[tuple[str, str]]
    tags: Sequence[str]
    features: Sequence[Feature]
    slot: str
    rank: int
    considered: int


def reason(grounds: Grounds, history: History, profile: pd.Series) -> str:
    """Say why a track was chosen.

    Args:
        grounds: What speaks for it.
        history: What the listener knows, for names and counts.
        profile: The listener's tags, strongest first.
    """
    nearness, named_tag = _nearness(grounds, history, profile)
    clauses = [nearness] if nearness else []
    if tags := [tag for tag in grounds.tags if tag != named_tag][:TAGS_NAMED]:
        clauses.append(_listed(tags))
    if sound := _sound(grounds.features, said=tags):
        clauses.append(sound)
    standing = f"rank {grounds.rank:,} of {grounds.considered:,}"
    if grounds.slot == EXPLORE:
        clauses.insert(0, f"a step aside, drawn from {standing}")
    elif not nearness:
        clauses.insert(0, f"{standing} by its tags")
    text = "; ".join(clauses)
    return f"{text[0].upper()}{text[1:]}."


def _nearness(grounds: Grounds, history: History, profile: pd.Series) -> tuple[str, str]:
    """How the track relates to what the listener plays, and the tag that this names, if any."""
    by_route: dict[str, list[str]] = {}
    for route, key in grounds.seeds:
        by_route.setdefault(route, []).append(key)
    artist = artist_key_in(grounds.track_key)
    clauses = []
    if artist in history.artists.index:
        clauses.append(_more_by(_row(history.artists, artist)))
    tracks = [key for key in by_route.get("similar_track", ()) if key in history.tracks.index]
    if tracks:
        clauses.append(f"close to {_tracks_in_words(tracks, history)}")
    # Two tracks say enough; an artist whose track was just named says nothing new.
    said = {artist, *map(artist_key_in, tracks)}
    near = [key for key in by_route.get("similar_artist", ()) if key not in said]
    artists = [key for key in near if key in history.artists.index]
    if artists and len(tracks) < SEEDS_NAMED:
        clauses.append(f"by an artist near {_artists_in_words(artists, history)}")
    if clauses or "tag" not in by_route:
        return "; ".join(clauses[:2]), ""
    tag = by_route["tag"][0]
    return f"one of the best-known tracks in {tag}{_standing_of(tag, profile)}", tag


def _row(frame: pd.DataFrame, key: str) -> dict[str, Any]:
    return {str(name): value for name, value in frame.loc[[key]].to_dict("records")[0].items()}


def _more_by(artist: Mapping[str, Any]) -> str:
    known = int(artist["tracks"])
    count = "one track" if known == 1 else f"{known} tracks"
    return f"more by {artist['artist']}, of whom you know {count}"


def _tracks_in_words(keys: Sequence[str], history: History) -> str:
    """The strongest seed, then the strongest by somebody else, and how many there are besides."""
    others = [key for key in keys if artist_key_in(key) != artist_key_in(keys[0])]
    named = [keys[0], *(others or keys[1:])[: SEEDS_NAMED - 1]]
    rows = [_row(history.tracks, key) for key in named]
    names = [f"{row['artist']} – {row['title']}{_familiarity(row)}" for row in rows]
    return _listed_with_rest(names, len(keys) - len(names))


def _artists_in_words(keys: Sequence[str], history: History) -> str:
    rows = [_row(history.artists, key) for key in keys[:SEEDS_NAMED]]
    names = [f"{row['artist']}{_plays(int(row['plays']))}" for row in rows]
    return _listed_with_rest(names, len(keys) - len(names))


def _familiarity(track: Mapping[str, Any]) -> str:
    if plays := _plays(int(track["plays"])):
        return plays
    return " (saved)" if track["saved"] else ""


def _plays(count: int) -> str:
    if count == 0:
        return ""
    return " (1 play)" if count == 1 else f" ({count:,} plays)"


def _listed_with_rest(names: Sequence[str], rest: int) -> str:
    if not rest:
        return _listed(names)
    return _listed([*names, f"{'one' if rest == 1 else f'{rest:,}'} more of yours"])


def _listed(names: Sequence[str]) -> str:
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _standing_of(tag: str, profile: pd.Series) -> str:
    strongest = list(profile.index[: len(_ORDINALS)])
    if tag.lower() not in strongest:
        return ""
    return f", your {_ORDINALS[strongest.index(tag.lower())]} tag"


def _sound(features: Sequence[Feature], *, said: Sequence[str]) -> str:
    """The one feature that stands out most and that no tag says already, if any does."""
    striking: list[tuple[float, str, Feature]] = []
    for feature in features:
        if feature.name in _HIGH and feature.value >= _HIGH[feature.name][0]:
            bound, word = _HIGH[feature.name]
            striking.append(((feature.value - bound) / (1 - bound), word, feature))
        elif feature.name in _LOW and feature.value <= _LOW[feature.name][0]:
            bound, word = _LOW[feature.name]
            striking.append(((bound - feature.value) / bound, word, feature))
    striking = [found for found in striking if found[1] not in said]
    if not striking:
        return ""
    _, word, feature = max(striking, key=lambda s: (s[0], s[1]))
    source = "predicted" if feature.predicted else "measured"
    margin = f" ± {_short(feature.margin)}" if feature.margin is not None else ""
    return f"{word} ({source} {feature.name} {_short(feature.value)}{margin})"


def _short(value: float) -> str:
    return f"{value:.2f}".removeprefix("0")
