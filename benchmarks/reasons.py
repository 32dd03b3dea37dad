"""Benchmark of the reasons: two nights of a real log with real tags, sentence by sentence.

    python -m benchmarks.reasons [--replay LOG --artist-tags TAGS --features FILE] [--lake FOLDER]

Replays a listener's log through the sandbox as `benchmarks.nightly` does, and runs every stage of
two nights. Each sentence of both main lists is read back: `meaningless` counts the sentences that
name a tag judged to mean nothing (`support/tag_verdicts.txt`), `untrue` the claims that the lake
does not bear out, `repeated` the clauses that stood in the sentence before. Tags without a verdict
are printed, for the reader to judge. `--lake` reads a night that is in a lake already.
"""

import argparse
import datetime as dt
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

from benchmarks.harness import command_line, print_figures, print_progress
from benchmarks.nightly import (
    add_replay_arguments,
    replay_environment,
    replay_sandbox,
    run_measured,
)
from benchmarks.support.reason_claims import Claims, clauses_of
from benchmarks.support.tag_verdicts import verdict_on
from smallhours.lake.list_tables import RECOMMENDATIONS
from smallhours.lake.store import Lake
from smallhours.lake.tables import TAG_NAMES
from smallhours.nights import Night
from smallhours.playlist_settings import MAIN
from smallhours.runs import NIGHTLY
from smallhours_sandbox.simulation.installation import LISTENER

NIGHTS = 2
ZONE = ZoneInfo("UTC")


@dataclass
class Readings:
    """What was found in the sentences read so far."""

    sentences: int = 0
    meaningless: list[str] = field(default_factory=list)
    untrue: list[str] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)
    unjudged: set[str] = field(default_factory=set)

    def read(self, lake: Lake, date: dt.date) -> None:
        """Read the main list of a night, right after it."""
        claims = Claims(lake, LISTENER, Night.on(date, ZONE), ZONE)
        rows = lake.frame(RECOMMENDATIONS, where={"listener": LISTENER, "night": date.isoformat()})
        listed = rows[(rows["intent"] == MAIN) & rows["position"].notna()].sort_values("position")
        verdicts = _verdicts(lake)
        for key, sentence in zip(listed["track_key"], listed["reason"], strict=True):
            print(f"  {sentence}")
            self.sentences += 1
            self.untrue += claims.untrue(key, sentence)
            tags = claims.named_tags(key, sentence)
            self.unjudged |= {tag for tag in tags if tag not in verdicts}
            if any(not verdicts.get(tag, True) for tag in tags):
                self.meaningless.append(sentence)
        for before, after in pairwise(listed["reason"]):
            told = {clause.lower() for clause in clauses_of(before)}
            self.repeated += [each for each in clauses_of(after) if each.lower() in told]


def main() -> None:
    """Run the nights, print their sentences, and end with the figures as one line of JSON."""
    arguments = _arguments()
    readings = Readings()
    for lake, date in _nights(arguments):
        readings.read(lake, date)
    print(f"meaningless: {readings.meaningless}\nuntrue: {readings.untrue}")
    print(f"repeated: {readings.repeated}\ntags without a verdict: {sorted(readings.unjudged)}")
    print_figures(
        {
            "sentences": readings.sentences,
            "meaningless": len(readings.meaningless),
            "untrue": len(readings.untrue),
            "repeated": len(readings.repeated),
        }
    )


def _nights(arguments: argparse.Namespace) -> Iterator[tuple[Lake, dt.date]]:
    """Yield the lake after each night, and the night's date."""
    first = dt.date.fromisoformat(arguments.night)
    if arguments.lake:
        yield Lake(str(arguments.lake)), first
        return
    stages = [stage.__name__ for each in NIGHTLY.values() for stage in each]
    with tempfile.TemporaryDirectory() as place, replay_sandbox(arguments, Path(place)) as url:
        environment = replay_environment(arguments, url, Path(place))
        for later in range(NIGHTS):
            date = first + dt.timedelta(days=later)
            for stage in stages:
                print_progress(f"{date}: {stage}")
                command = [sys.executable, "-m", "smallhours", stage.replace("_", "-")]
                run_measured([*command, "--night", date.isoformat()], env=environment)
            yield Lake(environment["SMALLHOURS_LAKE"]), date


def _verdicts(lake: Lake) -> dict[str, bool]:
    """Return the verdicts by a tag's name in this lake: on the name, or on a tag that has it."""
    rows = lake.frame(TAG_NAMES, columns=["tag", "name"])
    found: dict[str, bool] = {}
    for tag, name in zip(rows["tag"], rows["name"], strict=True):
        verdict = verdict_on(name)
        verdict = verdict_on(tag.lower()) if verdict is None else verdict
        if verdict is not None:
            found[name] = found.get(name, False) or verdict
    return found


def _arguments() -> argparse.Namespace:
    parser = command_line(__doc__)
    add_replay_arguments(parser)
    parser.add_argument("--lake", type=Path, help="a lake with the night, instead of a replay")
    return parser.parse_args()


if __name__ == "__main__":
    main()
