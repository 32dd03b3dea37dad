"""What was asked of a study, which studies are there, and how far is each?

A study's folder holds its rows and what was fitted. Who asked for it notes beside them what was
asked last, so that a reader can tell how far it is without opening a fit.
"""

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from smallhours.errors import SettingsError
from smallhours.lake.files import Files
from smallhours.training.study.grid import Grid
from smallhours.training.study.results import StudyFolder
from smallhours.training.study.rows import StudyRows

ASKED, REPORT = "asked.json", "study.html"
# Where the studies of a lake are, each in a folder of its own.
FOLDER = "studies"


@dataclass(frozen=True)
class Asked:
    """What was asked of a study last.

    Attributes:
        at: When.
        origin: Where its rows are from.
        tracks: How many there are.
        grid: What is to be fitted.
    """

    at: dt.datetime
    origin: str
    tracks: int
    grid: Grid

    def to_json(self) -> bytes:
        """For the study's folder."""
        stored = {**asdict(self), "at": self.at.isoformat()}
        return (json.dumps(stored, ensure_ascii=False) + "\n").encode()

    @classmethod
    def from_json(cls, data: bytes) -> "Asked":
        """Read back what `to_json` wrote.

        Raises:
            ValueError: when it is not that.
        """
        try:
            stored = json.loads(data)
            grid = Grid.of(**stored["grid"])
            at = dt.datetime.fromisoformat(stored["at"])
            return cls(at, str(stored["origin"]), int(stored["tracks"]), grid)
        except (KeyError, TypeError, SettingsError) as error:
            raise ValueError(f"not what was asked of a study: {error}") from error


@dataclass(frozen=True)
class FoundStudy:
    """A study as it lies in a lake.

    Attributes:
        name: Of its folder within `studies`.
        asked: What was asked of it last; None where that was not noted or can't be read.
        done: How many of the settings that were asked for are known: fitted, or skipped with a
            reason. Without what was asked, all that are known.
        reported: Whether a report was written.
    """

    name: str
    asked: Asked | None
    done: int
    reported: bool

    @property
    def of(self) -> int | None:
        """How many settings were asked for, if that is known."""
        return None if self.asked is None else len(self.asked.grid.settings())


def note_asked(folder: StudyFolder, rows: StudyRows, grid: Grid, *, at: dt.datetime) -> None:
    """Note what is asked of a study that was just opened.

    Args:
        folder: The study.
        rows: Its rows.
        grid: What is asked for.
        at: Now, with its zone.

    Raises:
        LakeUnwritable: when the folder can't be written.
    """
    asked = Asked(at, rows.origin, len(rows), grid)
    folder.files.replace(folder.at(ASKED), asked.to_json())


def studies_in(files: Files) -> list[FoundStudy]:
    """All studies of a lake, the one that was asked for last first.

    Raises:
        LakeError: when it can't be read.
    """
    content: dict[str, set[str]] = defaultdict(set)
    for path in files.list(FOLDER):
        name, _, within = path.removeprefix(f"{FOLDER}/").partition("/")
        if within:
            content[name].add(within)
    found = [_found(files, name, paths) for name, paths in content.items()]
    found.sort(key=lambda each: each.name)
    found.sort(key=lambda each: each.asked.at.timestamp() if each.asked else 0.0, reverse=True)
    return found


def read_report(files: Files, name: str) -> bytes | None:
    """A study's `study.html`; None where there is no such study, or no report of it yet.

    Args:
        files: The lake's.
        name: Of a study. It is looked up among those that are there and never becomes a path.

    Raises:
        LakeError: when it can't be read.
    """
    for study in studies_in(files):
        if study.name == name and study.reported:
            return files.read(f"{FOLDER}/{study.name}/{REPORT}")
    return None


def _found(files: Files, name: str, paths: Iterable[str]) -> FoundStudy:
    paths = set(paths)
    fitted = {
        path.removeprefix("fits/").removesuffix(".json")
        for path in paths
        if path.startswith("fits/")
    }
    asked = None
    if ASKED in paths:
        try:
            asked = Asked.from_json(files.read(f"{FOLDER}/{name}/{ASKED}"))
        except ValueError:
            asked = None
    if asked is not None:
        fitted &= {setting.name for setting in asked.grid.settings()}
    return FoundStudy(name, asked, len(fitted), REPORT in paths)
