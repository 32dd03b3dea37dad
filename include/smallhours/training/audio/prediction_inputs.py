"""What predictions follow from, by partition: what has not changed is not predicted again.

Beside a listener's models stands which files the last prediction read, by what differs when a file
is replaced, and its night: in a file that differs, only tracks whose tags or features were fetched
since then are predicted again. What was fetched on the very day of the last prediction may have
been fetched after it, and is compared with what it saw of that day. A partition in which the
prediction itself wrote is looked at once more, so that what somebody else wrote meanwhile is not
missed. Of the names of tags a copy is kept: nearly every night brings new tags, which only tracks
have that were fetched since then, and another name for a tag that was known concerns every track.
"""

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from smallhours.lake.files import Files
from smallhours.lake.store import Lake
from smallhours.lake.tables import ARTIST_TAGS, AUDIO_FEATURES, TAG_NAMES, TRACK_TAGS, TRACKS
from smallhours.settings import Settings
from smallhours.training.audio import NAME
from smallhours.training.registry import SHARED, Registry

_BY_PREFIX = (TRACKS, TRACK_TAGS, ARTIST_TAGS, AUDIO_FEATURES)


@dataclass(frozen=True)
class PredictionChanges:
    """What differs from the last prediction.

    Attributes:
        prefixes: The prefixes in which something differs.
        since: The night of the last prediction; None where all has to be predicted.
        fetched: A fingerprint of what it saw of that date, by prefix.
    """

    prefixes: list[str]
    since: dt.date | None
    fetched: Mapping[str, str]


@dataclass(frozen=True)
class PredictionInputs:
    """The files that a listener's predictions follow from, as they are.

    Attributes:
        version: The model in use for the listener; None if there is none.
        others: The models of their own that other listeners use.
        rest: What concerns every partition: whose lengths are believed, and the others' models.
        names: The name of each tag.
        stamps: By prefix, the files of tracks, tags and features.
    """

    version: str | None
    others: frozenset[str]
    rest: Mapping[str, str]
    names: Mapping[str, str]
    stamps: Mapping[str, Mapping[str, str]]
    _files: Files
    _path: str

    @classmethod
    def of(cls, lake: Lake, listener: str, settings: Settings) -> "PredictionInputs":
        """Read them; take this before the files are read."""
        stamps: dict[str, dict[str, str]] = defaultdict(dict)
        for table in _BY_PREFIX:
            for prefix, stamp in lake.stamps(table).items():
                stamps[prefix][table.name] = stamp
        named = lake.read(TAG_NAMES, columns=["tag", "name"])
        registry = Registry.of(lake)

        def in_use(owner: str) -> str | None:
            return registry.version_in_use(owner, NAME)

        others = frozenset(filter(None, map(in_use, set(settings.listeners) - {listener})))
        return cls(
            in_use(listener) or in_use(SHARED),
            others,
            {"sources": " ".join(settings.training.sources), "others": " ".join(sorted(others))},
            dict(zip(named["tag"].to_pylist(), named["name"].to_pylist(), strict=True)),
            stamps,
            lake.files,
            f"models/{listener}/{NAME}/predicted.json",
        )

    def changed(self, night: dt.date) -> PredictionChanges:
        """Return where predictions have to be made again, and of what.

        Args:
            night: Tonight.
        """
        try:
            last = json.loads(self._files.read(self._path))
            same = (last["version"], last["rest"]) == (self.version, self.rest)
            same = same and all(
                self.names.get(tag, name) == name for tag, name in last["names"].items()
            )
            known = last["stamps"] if same else {}
            seen = dt.date.fromisoformat(last["night"]) if same else None
            fetched = last["fetched"] if same else {}
        except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
            known, seen, fetched = {}, None, {}
        prefixes = sorted(each for each, files in self.stamps.items() if known.get(each) != files)
        if seen is None or seen > night:
            return PredictionChanges(prefixes, None, {})
        return PredictionChanges(prefixes, seen, fetched)

    def note_predicted(
        self,
        version: str,
        night: dt.date,
        *,
        besides: Collection[str],
        fetched: Mapping[str, str],
    ) -> None:
        """Store that all is predicted.

        Args:
            version: The model.
            night: Tonight.
            besides: Prefixes that were written to.
            fetched: Fingerprints of what was fetched tonight, by prefix.
        """
        told = {
            "version": version,
            "rest": self.rest,
            "names": self.names,
            "night": night.isoformat(),
            "fetched": {each: mark for each, mark in fetched.items() if mark},
            "stamps": {each: files for each, files in self.stamps.items() if each not in besides},
        }
        self._files.replace(self._path, json.dumps(told, separators=(",", ":")).encode())
