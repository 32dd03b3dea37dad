"""The tags that describe a track, and their weights."""

from collections.abc import Iterable

import pandas as pd

from smallhours.catalog.normalisation import WeightedTag, back_off, default_pipeline, is_own_name
from smallhours.identity import SEPARATOR, artist_key_in
from smallhours.training.tags import Tags


def is_descriptive(tag: str, track_key: str) -> bool:
    """Return whether a tag describes the track: no stop word, no artist's name, no title."""
    name = default_pipeline().name(tag)
    artist, _, rest = track_key.partition(SEPARATOR)
    return name != "" and not is_own_name(name, artist, rest.split(SEPARATOR)[0])


def weighted_tags(tags: Tags, tracks: Iterable[str]) -> pd.DataFrame:
    """Return the tags of tracks: `track_key`, `tag`, `weight` in (0, 1], and `of` (their owner)."""
    keys: list[str] = []
    found: list[WeightedTag] = []
    of_artist: dict[str, dict[str, int]] = {}
    for key in tracks:
        artist = artist_key_in(key)
        if artist not in of_artist:
            of_artist[artist] = tags.artist_named(artist)
        telling = back_off(tags.own_named(key), of_artist[artist])
        keys += [key] * len(telling)
        found += telling
    frame = pd.DataFrame(found, columns=list(WeightedTag._fields))
    frame.insert(0, "track_key", keys)
    return frame
