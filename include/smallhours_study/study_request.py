"""The request of a study, and the list of a lake's studies with their progress.

A study's folder holds its rows and its fits. The last request is stored beside them, so that a
reader can show the progress without opening a fit.
"""

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from smallhours.errors import SettingsError
from smallhours.lake.files import Files
from smallhours_study.grid import Grid
from smallhours_study.results import StudyFolder
from smallhours_study.study_rows import StudyRows

ASKED, REPORT = "asked.json", "study.html"
# Folder of a lake's studies, each in a folder of its own.
FOLDER = "studies"


@dataclass(frozen=True)
class StudyRequest:
    """The last request of a study.

    Attributes:
        at: Time of the request.
        origin: Origin of its rows.
        tracks: Number of its rows.
        grid: The settings to fit.
    """

    at: dt.datetime
    origin: str
    tracks: int
    grid: Grid

    def to_json(self) -> bytes:
        """Return the request as JSON for the study's folder."""
        stored = {**asdict(self), "at": self.at.isoformat()}
        return (json.dumps(stored, ensure_ascii=False) + "\n").encode()

    @classmethod
    def from_json(cls, data: bytes) -> "StudyRequest":
        """Read back the result of `to_json`.

        Raises:
            ValueError: when it is not the JSON of a request.
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
    """A study in a lake.

    Attributes:
        name: Name of its folder within `studies`.
        asked: Its last request; None where that was not stored or can't be read.
        done: Number of requested settings that are finished: fitted, or skipped with a reason.
            Without a request, all that are finished.
        reported: True if a report was written.
    """

    name: str
    asked: StudyRequest | None
    done: int
    reported: bool

    @property
    def of(self) -> int | None:
        """The number of requested settings, if it is known."""
        return None if self.asked is None else len(self.asked.grid.settings())

    @property
    def progress(self) -> str:
        """How many settings are done, in a sentence."""
        of = "" if self.of is None else f" of {self.of}"
        unfinished = "" if self.reported else "; there is no report yet"
        return f"{self.done}{of} settings are done{unfinished}."

    @property
    def request(self) -> str:
        """The last request, in a sentence."""
        if self.asked is None:
            return "What was asked of it was not noted."
        grid = self.asked.grid
        formats, splits = (
            ", ".join(names).replace("_", " ") for names in (grid.formats, grid.splits)
        )
        return (
            f"Asked on {self.asked.at:%Y-%m-%d} of {self.asked.tracks:,} tracks "
            f"({self.asked.origin}): {', '.join(grid.models)} on {formats}, "
            f"{', '.join(map(str, grid.limits))} columns at most; {', '.join(grid.features)}; "
            f"split {splits}."
        )


def store_request(folder: StudyFolder, rows: StudyRows, grid: Grid, *, at: dt.datetime) -> None:
    """Store the request of a study that was just opened.

    Args:
        folder: The study.
        rows: Its rows.
        grid: The settings to fit.
        at: Now, with its time zone.

    Raises:
        LakeUnwritable: when the folder can't be written.
    """
    asked = StudyRequest(at, rows.origin, len(rows), grid)
    folder.files.replace(folder.at(ASKED), asked.to_json())


def studies_in(files: Files) -> list[FoundStudy]:
    """Return all studies of a lake, the last requested first.

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
    """Return a study's `study.html`; None without such a study or a report of it.

    Args:
        files: The lake's files.
        name: Name of a study. It is looked up among existing studies and never used as a path.

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
            asked = StudyRequest.from_json(files.read(f"{FOLDER}/{name}/{ASKED}"))
        except ValueError:
            asked = None
    if asked is not None:
        fitted &= {setting.name for setting in asked.grid.settings()}
    return FoundStudy(name, asked, len(fitted), REPORT in paths)
