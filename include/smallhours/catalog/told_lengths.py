"""Lengths that Last.fm tells beside neighbours: noted in a small file, and stored together.

The neighbours of five seeds come with the lengths of hundreds of tracks, whose rows lie in nearly
all files of `audio_features`. Stored with every batch of answers, a few numbers would write that
table again each time. The note outlasts a crash: what it holds is stored with the next lengths.
"""

import datetime as dt
import json
from collections.abc import Mapping
from functools import cached_property

import pyarrow.compute as pc

from smallhours.catalog.features import store_features
from smallhours.lake.store import Lake
from smallhours.lake.tables import AUDIO_FEATURES
from smallhours.vocabulary import Provenance

LENGTH = "duration_ms"
# Hidden in the lake, beside the tables; a backup has it.
NOTES = ".notes"
NOTE = f"{NOTES}/lastfm-lengths.json"
# The note is written again with every batch, so it has to stay small.
MAX_NOTED = 2_000


class ToldLengths:
    """The lengths that Last.fm tells; most are known from other seeds.

    Args:
        lake: The lake.
        night: Tonight.
    """

    def __init__(self, lake: Lake, night: dt.date) -> None:
        self._lake = lake
        self._night = night
        self._noted = 0

    def note(self, told: Mapping[str, float]) -> None:
        """Note lengths in milliseconds, by track key, where they are new or other ones."""
        new = {key: ms for key, ms in told.items() if self._known.get(key) != ms}
        if not new:
            return
        self._lake.files.update(NOTE, lambda old: _dump(_load(old) | new), empty=b"{}")
        self._known.update(new)
        self._noted += len(new)
        if self._noted >= MAX_NOTED:
            self.store()

    def store(self) -> None:
        """Store what is noted, also by a process that has died, and take it off the note."""
        try:
            noted = _load(self._lake.files.read(NOTE))
        except FileNotFoundError:
            return
        found = {key: {LENGTH: ms} for key, ms in noted.items()}
        store_features(self._lake, list(noted), found, source=Provenance.LASTFM, night=self._night)
        self._lake.files.update(
            NOTE, lambda old: _dump(dict(_load(old).items() - noted.items())), empty=b"{}"
        )
        self._noted = 0

    @cached_property
    def _known(self) -> dict[str, float]:
        by_lastfm = (pc.field("source") == Provenance.LASTFM) & (pc.field("feature") == LENGTH)
        rows = self._lake.frame(AUDIO_FEATURES, columns=["track_key", "value"], filters=by_lastfm)
        return dict(zip(rows["track_key"], rows["value"], strict=True))


def _load(note: bytes | None) -> dict[str, float]:
    try:
        return dict(json.loads(note or b"{}"))
    except (ValueError, TypeError):
        return {}  # a damaged note costs a few lengths


def _dump(lengths: Mapping[str, float]) -> bytes | None:
    return json.dumps(lengths).encode() if lengths else None
