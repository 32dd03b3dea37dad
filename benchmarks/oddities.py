"""Oddity suite: one lasting oddity of one item stops no night and costs no other row.

    python -m benchmarks.oddities [--every N] [--alone]

A case is an oddity that lasts for a night: one row of a reply, one question to a service or one
row of a file is odd. One household lives through a night with a case of every entrance at once.
If anything goes wrong then, each of these cases gets a night of its own; so does a case that was
not asked for. A night counts as stopped when a stage ends in an error or no list is verified.
Afterwards the lake is compared with the one before. Plays and signals that are gone were lost, and
further plays were doubled. The listener does nothing, so that a pick that counts as removed, or a
track that looks no longer saved, is a false reaction.

The world is as small as it can be, and nothing is trained: a night takes some three seconds.
"""

import datetime as dt
import sys
import traceback
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

import pandas as pd

from benchmarks.harness import command_line, print_figures
from benchmarks.support.odd_cases import (
    PLAYLIST,
    Case,
    cases,
    features,
    forget_around,
    write_overrides,
)
from smallhours.identity import artist_key_in, artist_key_of
from smallhours.lake.list_tables import PLAYLISTS
from smallhours.lake.tables import ARTIST_TAGS, FEEDBACK, LIBRARY, PLAYS, SIMILAR
from smallhours.vocabulary import Outcome, Reaction
from smallhours_sandbox.faults import Fault
from smallhours_sandbox.generate import generate_world
from tests.faults.nights import LISTENER, Nights, nights

VERIFIED = Outcome.VERIFIED
CATALOG = {
    "seed_tracks": 10, "seed_artists": 8, "near_artists": 4, "seed_tags": 2, "foreign_tags": 2,
}  # fmt: skip
HISTORY_BEGINS = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)


@dataclass
class Findings:
    """The sums over all nights."""

    counts: Counter[str] = field(default_factory=Counter)

    def add(self, case: Case, found: Mapping[str, int]) -> None:
        """Count a night, and print what went wrong in it."""
        self.counts["cases"] += 1
        self.counts.update(found)
        wrong = ", ".join(f"{name} {n}" for name, n in found.items() if n)
        print(f"{case.name:<80} {wrong or 'fine'}", flush=True)

    def figures(self) -> dict[str, int]:
        """Return the benchmark's line."""
        names = ("cases", "stopped_nights", "lost_rows", "doubled_rows", "false_reactions")
        return {name: self.counts[name] for name in names}


def rounds(all_cases: Iterable[Case]) -> Iterator[list[Case]]:
    """Yield the cases night by night, each with at most one of every entrance."""
    by_entrance = defaultdict[str, list[Case]](list)
    for case in all_cases:
        by_entrance[case.entrance].append(case)
    for tonight in zip_longest(*by_entrance.values()):
        yield [case for case in tonight if case is not None]


def live_all(home: Nights, tonight: Sequence[Case], findings: Findings) -> None:
    """Live through a night with several cases, and with each alone that this does not settle."""
    found, unmet = live(home, tonight)
    for case in unmet:
        print(f"{case.name}: nothing asked for what is odd", file=sys.stderr)
    alone = [] if len(tonight) == 1 else tonight if any(found.values()) else unmet
    for case in tonight:
        if case not in alone:
            findings.add(case, found)
    for case in alone:
        live_all(home, [case], findings)


def live(home: Nights, tonight: Sequence[Case]) -> tuple[dict[str, int], list[Case]]:
    """Live through one night with oddities; return what it cost, and the cases not asked for."""
    before = _History.of(home)
    stopped, faults = 0, list[tuple[Case, Fault]]()
    try:
        for case in tonight:
            if case.prepare is not None:
                case.prepare(home)
        around = {case.about for case in tonight if case.about}
        for artist in around:
            forget_around(home, artist)
        tags = _tagged(home) - {artist_key_of(artist) for artist in around}
        for case in tonight:
            faults += [(case, home.misbehave(**rule)) for rule in case.rules]
        home.next()
        ledger = home.lake.frame(PLAYLISTS, where={"listener": LISTENER})
        stopped = int(ledger.loc[ledger["night"] == home.date, "outcome"].iloc[0] != VERIFIED)
    except Exception:  # any end of a night is what is measured
        traceback.print_exc()
        stopped, tags = 1, set()
    finally:
        home.forgive()
        write_overrides(home)
        home.me["playlist"] = PLAYLIST
    after = _History.of(home)
    found = {
        "stopped_nights": stopped,
        "lost_rows": (before.rows - after.rows).total() + len(tags - _tagged(home)),
        "doubled_rows": (after.rows - before.rows).total(),
        "false_reactions": after.reactions - before.reactions + after.withdrawn,
    }
    return found, [case for case, fault in faults if not fault.fired]


@dataclass(frozen=True)
class _History:
    """What a night may neither lose nor add, as the listener does nothing."""

    rows: Counter[tuple[Any, ...]]
    reactions: int
    withdrawn: int

    @classmethod
    def of(cls, home: Nights) -> "_History":
        mine = {"listener": LISTENER}
        plays = home.lake.frame(PLAYS, where=mine)
        plays = plays[[list(names) != ["export"] for names in plays["sources"]]]
        library = home.lake.frame(LIBRARY, where=mine)
        library = library[library["signal"] != "top"]
        newest = library.groupby("signal")["last_seen"].transform("max")
        rows = [*plays[["played_at", "track_key"]].itertuples(index=False, name=None)]
        rows += library[["signal", "track_key"]].itertuples(index=False, name=None)
        feedback = home.lake.frame(FEEDBACK, where=mine)
        return cls(
            Counter(rows),
            int((feedback["reaction"] == Reaction.REMOVED).sum()),
            int((library["last_seen"] < newest).sum()),
        )


def _tagged(home: Nights) -> set[str]:
    return set(home.lake.frame(ARTIST_TAGS, columns=["artist_key"])["artist_key"])


def _seed_artist(home: Nights, plays: pd.DataFrame) -> str:
    """Return an artist of the listener's around whom, and around whose tracks, a night asks."""
    seeds = home.lake.frame(SIMILAR, columns=["kind", "seed_key"])
    keys = {kind: set(rows) for kind, rows in seeds.groupby("kind")["seed_key"]}
    both = keys["artist"] & {artist_key_in(key) for key in keys["track"]}
    return str(min(name for name in set(plays["artist"]) if artist_key_of(name) in both))


def main() -> None:
    """Live through every case, print each, and end with the figures as one line of JSON."""
    parser = command_line(__doc__)
    parser.add_argument("--every", type=int, default=1, metavar="N", help="each n-th case only")
    parser.add_argument("--alone", action="store_true", help="a night of its own for each case")
    arguments = parser.parse_args()
    findings = Findings()
    world = generate_world(artists=80, tracks=700, scrobbles=600, begins=HISTORY_BEGINS)
    with nights(world) as home:
        state = home.server.state
        state.add_items(
            state.create_playlist("ada", "Theirs", by_app=False), [3, 5, 8], added_at=state.now
        )
        home.me = {"dislike_playlist": "Theirs", "playlist": PLAYLIST}
        files = {
            "features_file": str(home.folder / "features.csv"),
            "overrides_file": str(home.folder / "overrides.toml"),
        }
        home.catalog = {**CATALOG, **files}
        write_overrides(home)
        features("Another", home)
        for _ in range(2):
            home.next()
        plays = home.lake.frame(PLAYS, where={"listener": LISTENER}).sort_values("played_at")
        artist = _seed_artist(home, plays)
        title = str(plays["title"].iloc[-1])
        chosen = list(cases(artist, title))[:: arguments.every]
        for tonight in ([case] for case in chosen) if arguments.alone else rounds(chosen):
            live_all(home, tonight, findings)
    print_figures(findings.figures())
    if any(findings.counts[name] for name in findings.figures() if name != "cases"):
        sys.exit(1)


if __name__ == "__main__":
    main()
