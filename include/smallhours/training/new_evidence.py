"""What is new since a listener's model was learned: without anything new, the stage is skipped.

Beside a model stands a record of the files that it was learned from, with their sizes, which a list
of the lake tells: nothing is read to find out that there is nothing to learn. A model is learned
again when a file has changed and the listener's own files are small, which takes a second or two;
when a twentieth of the bytes is new; after a week; when settings, the listener's edits or packages
have changed; and when the model in use is another one by now, or can't be read. What is measured on
the same files is measured again likewise, without a model. Audio models are learned from measured
tracks, whose bytes are lost among those of predictions: their rows are counted.
"""

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from smallhours.lake.list_tables import EDITS
from smallhours.lake.partition import folder_of
from smallhours.lake.store import Lake, among
from smallhours.lake.tables import (
    ARTIST_TAGS,
    AUDIO_FEATURES,
    FEEDBACK,
    LIBRARY,
    PLAYS,
    SIMILAR,
    TRACK_TAGS,
)
from smallhours.nights import Night
from smallhours.run_context import RunContext
from smallhours.settings import Settings
from smallhours.summary import Summary
from smallhours.training.model_card import package_versions
from smallhours.training.registry import SHARED, Registry, SavedModel

# A model is learned again when so large a share of what it learned from is new, or at this age.
NEW_SHARE = 0.05
MAX_AGE = dt.timedelta(days=7)
# Bytes of a listener's own files, some 25,000 plays: less is learned from in a second or two.
SMALL = 1_000_000
OWN, CATALOG = (PLAYS, LIBRARY, FEEDBACK), (TRACK_TAGS, ARTIST_TAGS, SIMILAR)
MEASURED = (TRACK_TAGS, ARTIST_TAGS, AUDIO_FEATURES)


@dataclass(frozen=True)
class TrainingFiles:
    """The files that a listener's model is learned from or measured on, as they are.

    Attributes:
        rules: A digest of what is not rows: settings, edits, and versions of packages.
        stamps: By path, what differs when a file is replaced.
        own: Bytes of the listener's plays, library and reactions.
        catalog: Bytes of all tags and neighbours, or rows of measured features.
    """

    rules: str
    stamps: Mapping[str, str]
    own: int
    catalog: int

    @classmethod
    def of(
        cls, lake: Lake, listener: str, settings: Settings, *, measured: bool = False
    ) -> "TrainingFiles":
        """Look at the files; do so before they are read.

        Args:
            lake: The lake.
            listener: Whose.
            settings: The settings.
            measured: Whether measured features are learned from, not neighbours.
        """
        files = lake.files
        own = [folder_of(table, (listener,)) for table in OWN]
        catalog = [table.name for table in (MEASURED if measured else CATALOG)]

        def size(folders: list[str]) -> int:
            return sum(sum(files.sizes(folder).values()) for folder in folders)

        rules = {
            "settings": settings.model_dump(mode="json", include={"training", "catalog"}),
            "learn_from_tags": settings.services.listenbrainz.learn_from_tags,
            "edits": files.stamps(folder_of(EDITS, (listener,))),
            "packages": package_versions(),
        }
        return cls(
            hashlib.blake2b(json.dumps(rules, sort_keys=True).encode(), digest_size=16).hexdigest(),
            {path: each for folder in own + catalog for path, each in files.stamps(folder).items()},
            size(own),
            _measured_rows(lake, settings) if measured else size(catalog),
        )

    def why_skipped(self, last: Mapping[str, Any], in_use: str | None, night: Night) -> str:
        """Return why a stage is skipped; empty where there is something to learn.

        Args:
            last: The record of the last time, as `as_record` gives it.
            in_use: The version in use that can be read, if there is a model.
            night: Tonight.
        """
        if (last["rules"], last["in_use"]) != (self.rules, in_use):
            return ""
        learned = dt.date.fromisoformat(last["night"])
        if not learned <= night.date < learned + MAX_AGE:
            return ""
        if last["stamps"] == self.stamps:
            return f"nothing has changed since {learned}"
        share = max(_share(self.own, last["own"]), _share(self.catalog, last["catalog"]))
        if self.own < SMALL or share >= NEW_SHARE:
            return ""
        return (
            f"{share:.1%} of what it reads is new since {learned}; it runs again with "
            f"{NEW_SHARE:.0%}, or on {learned + MAX_AGE}"
        )

    def as_record(self, in_use: str | None, learned: dt.date) -> bytes:
        """Return the record of a stage that read these files, or learned from them, on a day."""
        told = {
            "rules": self.rules,
            "in_use": in_use,
            "night": learned.isoformat(),
            "stamps": self.stamps,
            "own": self.own,
            "catalog": self.catalog,
        }
        return json.dumps(told).encode()


def run_if_new(
    run: RunContext, name: str, stage: Callable[[], Summary], *, measured: bool = False
) -> Summary:
    """Learn a listener's model or measure their ranking, or say why there is nothing to learn.

    Args:
        run: The run, with the listener, the lake, the settings and the night.
        name: The model's name in the registry, or another for what makes none.
        stage: Learns or measures, and returns the summary.
        measured: Whether it learns the audio models from measured features.
    """
    lake, path = run.lake, f"models/{run.listener}/{name}/learned_from.json"
    version_in_use = _audio_versions if measured else _readable_version
    now = TrainingFiles.of(lake, run.listener, run.settings, measured=measured)
    in_use = version_in_use(lake, run.listener, name)
    try:
        why = now.why_skipped(json.loads(lake.files.read(path)), in_use, run.night)
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        why = ""
    if why:
        return {"skipped": why, **({} if in_use is None else {"model": in_use})}
    summary = stage()
    in_use = version_in_use(lake, run.listener, name)
    # What a training of audio models found too little new for is no younger by that.
    learned = _learned_on(in_use) if measured and in_use else run.night.date
    lake.files.replace(path, now.as_record(in_use, learned))
    return summary


def _readable_version(lake: Lake, listener: str, name: str) -> str | None:
    found = Registry.of(lake).load(listener, name, SavedModel.check)
    return None if found is None else found.version


def _audio_versions(lake: Lake, listener: str, name: str) -> str | None:
    """Return the versions of a listener's audio model and of the shared one.

    Their cards tell: the models are large, and a prediction that can't read one retires it.
    """
    registry = Registry.of(lake)
    found = filter(None, (registry.version_in_use(owner, name) for owner in (listener, SHARED)))
    return " ".join(found) or None


def _learned_on(versions: str) -> dt.date:
    """Return when the oldest of some versions was learned, with which their names begin."""
    return min(dt.date.fromisoformat(version[:10]) for version in versions.split())


def _measured_rows(lake: Lake, settings: Settings) -> int:
    allowed = among("source", settings.training.sources)
    return len(lake.read(AUDIO_FEATURES, columns=["source"], filters=allowed))


def _share(now: int, before: int) -> float:
    return abs(now - before) / before if before else float(now > 0)
