"""What is new since a listener's model was learned: without anything new, the stage is skipped.

Beside a model stands a record of the files that it was learned from, with their sizes, which a list
of the lake tells: nothing is read to find out that there is nothing to learn. A model is learned
again when a file has changed and the listener's own files are small, which takes a second or two;
when a twentieth of the bytes is new; after a week; when settings, the listener's edits or packages
have changed; and when the model in use is another one by now, or can't be read. What is measured on
the same files is measured again likewise, without a model.
"""

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from smallhours.lake.list_tables import EDITS
from smallhours.lake.partition import folder_of
from smallhours.lake.store import Lake
from smallhours.lake.tables import ARTIST_TAGS, FEEDBACK, LIBRARY, PLAYS, SIMILAR, TRACK_TAGS
from smallhours.nights import Night
from smallhours.run_context import RunContext
from smallhours.settings import Settings
from smallhours.summary import Summary
from smallhours.training.model_card import package_versions
from smallhours.training.registry import Registry, SavedModel

# A model is learned again when so large a share of what it learned from is new, or at this age.
NEW_SHARE = 0.05
MAX_AGE = dt.timedelta(days=7)
# Bytes of a listener's own files, some 25,000 plays: less is learned from in a second or two.
SMALL = 1_000_000
OWN, CATALOG = (PLAYS, LIBRARY, FEEDBACK), (TRACK_TAGS, ARTIST_TAGS, SIMILAR)


@dataclass(frozen=True)
class TrainingFiles:
    """The files that a listener's model is learned from or measured on, as they are.

    Attributes:
        rules: A digest of what is not rows: settings, edits, and versions of packages.
        stamps: By path, what differs when a file is replaced.
        own: Bytes of the listener's plays, library and reactions.
        catalog: Bytes of all tags and neighbours.
    """

    rules: str
    stamps: Mapping[str, str]
    own: int
    catalog: int

    @classmethod
    def of(cls, lake: Lake, listener: str, settings: Settings) -> "TrainingFiles":
        """Look at the files; do so before they are read."""
        files = lake.files
        own = [folder_of(table, (listener,)) for table in OWN]
        catalog = [table.name for table in CATALOG]

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
            size(catalog),
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

    def as_record(self, in_use: str | None, night: Night) -> bytes:
        """Return the record of a stage that read these files tonight."""
        told = {
            "rules": self.rules,
            "in_use": in_use,
            "night": night.date.isoformat(),
            "stamps": self.stamps,
            "own": self.own,
            "catalog": self.catalog,
        }
        return json.dumps(told).encode()


def run_if_new(run: RunContext, name: str, stage: Callable[[], Summary]) -> Summary:
    """Learn a listener's model or measure their ranking, or say why there is nothing to learn.

    Args:
        run: The run, with the listener, the lake, the settings and the night.
        name: The model's name in the registry, or another for what makes none.
        stage: Learns or measures, and returns the summary.
    """
    lake, path = run.lake, f"models/{run.listener}/{name}/learned_from.json"
    now = TrainingFiles.of(lake, run.listener, run.settings)
    in_use = _readable_version(lake, run.listener, name)
    try:
        why = now.why_skipped(json.loads(lake.files.read(path)), in_use, run.night)
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        why = ""
    if why:
        return {"skipped": why, **({} if in_use is None else {"model": in_use})}
    summary = stage()
    in_use = _readable_version(lake, run.listener, name)
    lake.files.replace(path, now.as_record(in_use, run.night))
    return summary


def _readable_version(lake: Lake, listener: str, name: str) -> str | None:
    found = Registry.of(lake).load(listener, name, SavedModel.check)
    return None if found is None else found.version


def _share(now: int, before: int) -> float:
    return abs(now - before) / before if before else float(now > 0)
