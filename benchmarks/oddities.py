"""Oddity suite: one lasting oddity of one item stops no night and costs no other row.

    python -m benchmarks.oddities [--every N]

One household lives through one night for each case. All that night long, one row of a reply, one
question to a service or one row of a file is odd. A night counts as stopped when a stage ends in
an error or no list is verified. Afterwards the lake is compared with the one before. Plays and
signals that are gone were lost, and further plays were doubled. The listener does nothing, so that
a pick that counts as removed, or a track that looks no longer saved, is a false reaction.
"""

import json
import shutil
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pandas as pd

from benchmarks.harness import command_line, print_figures
from smallhours.identity import artist_key_of
from smallhours.lake.list_tables import PLAYLISTS
from smallhours.lake.store import prefix_of
from smallhours.lake.tables import ARTIST_TAGS, FEEDBACK, LIBRARY, PLAYS
from smallhours.listening import import_history
from smallhours.vocabulary import Outcome, Reaction
from tests.faults.nights import LISTENER, Nights, nights

Rule = Mapping[str, Any]
VERIFIED = Outcome.VERIFIED
# A list that can be filled every night of a world of a thousand tracks.
PLAYLIST = {"size": 10, "not_again_nights": 3}
# What a text, a number or a list may be instead, at a service that says anything.
TRACK_CHANGES: tuple[dict[str, Any], ...] = (
    {"name": ""},
    {"name": None},
    {"name": 7},
    {"artists": []},
    {"artists": None},
    {"artists": [{"name": "", "id": None}]},
    {"artists": [{"name": None}]},
    {"artists": "somebody"},
    {"uri": None},
    {"id": None},
    {"duration_ms": None},
    {"duration_ms": "long"},
    {"album": None},
    {"external_ids": None},
    {"explicit": "perhaps"},
)
ROW_FAULTS = ("null_rows", "missing_rows", "doubled_rows", "relinked_rows", "unplayable_rows")
# The listings of Spotify, and where a row has its track.
LISTINGS: Mapping[str, str] = {
    "*/me/tracks": "track.",
    "*/me/top/tracks": "",
    "*/me/player/recently-played": "track.",
    "*/search": "",
}
QUESTIONS: tuple[dict[str, Any], ...] = (
    {"kind": "server_error", "status": 500},
    {"kind": "lastfm_error", "code": 8},
    {"kind": "html_body", "status": 404},
    {"kind": "html_body", "status": 403},
    {"kind": "lastfm_error", "code": 6, "words": "The artist is missing or malformed"},
    {"kind": "empty_body"},
    {"kind": "other_root"},
    {"kind": "truncated_body"},
)
METHODS = (
    "artist.getTopTags", "track.getTopTags", "artist.getSimilar", "track.getSimilar",
    "artist.getTopTracks",
)  # fmt: skip
SCROBBLE_CHANGES: tuple[dict[str, Any], ...] = (
    {"name": ""},
    {"name": None},
    {"artist": ""},
    {"artist": None},
    {"album": None},
    {"mbid": "nonsense"},
    {"date": None},
    {"date.uts": "0"},
    {"date.uts": "soon"},
)
LOVED_CHANGES: tuple[dict[str, Any], ...] = (
    {"name": ""}, {"artist.name": ""}, {"artist": None}, {"date.uts": "0"}, {"date": None},
    {"mbid": None},
)  # fmt: skip
ANSWER_CHANGES: Mapping[str, tuple[dict[str, Any], ...]] = {
    "artist.getTopTags": ({"count": ""}, {"count": "-3"}, {"count": None}, {"name": None}),
    "artist.getSimilar": ({"match": "near"}, {"match": None}, {"name": ""}),
    "artist.getTopTracks": ({"listeners": "many"}, {"name": None}, {"artist.name": None}),
    "tag.getTopTracks": ({"name": ""}, {"artist": None}),
    "chart.getTopTags": ({"name": None}, {"reach": "far"}),
}
FEATURE_CHANGES: tuple[dict[str, Any], ...] = (
    {"energy": "loud"}, {"energy": True}, {"energy": None}, {"key": -1}, {"key": 3.5},
    {"tempo": 0}, {"tempo": 100_000}, {"loudness": 40}, {"href": None}, {"isrc": 5},
)  # fmt: skip
RECORDING_FAULTS: tuple[dict[str, Any], ...] = (
    {"kind": "null_rows"},
    {"kind": "missing_rows"},
    {"kind": "odd_rows", "change": {"0": None}},
    {"kind": "odd_rows", "change": {"0.rhythm": "fast"}},
    {"kind": "odd_rows", "change": {"0.tonal": None}},
    {"kind": "odd_rows", "change": {"0.metadata": []}},
)
PLAYLIST_CHANGES: tuple[dict[str, Any], ...] = (
    {"owner": None}, {"owner.id": None}, {"name": None}, {"owner": {}}, {"snapshot_id": None},
)  # fmt: skip
ITEM_CHANGES: tuple[dict[str, Any], ...] = (
    {"item.name": None}, {"item.artists": None}, {"added_at": None}, {"added_by": None},
    {"item.duration_ms": None},
)  # fmt: skip
EXPORT_ROWS: tuple[Any, ...] = (
    None, 7, {}, {"ts": None}, {"ms_played": "200000"}, {"ms_played": -1}, {"skipped": "true"},
    {"incognito_mode": "1"}, {"master_metadata_track_name": ""}, {"offline_timestamp": "never"},
)  # fmt: skip
FEATURE_TITLES = ("", "None", "NA", "nan", "1979", "x" * 300)


@dataclass(frozen=True)
class Case:
    """One oddity that lasts for a night.

    Attributes:
        name: The entrance and the oddity, in words.
        rules: The sandbox's faults.
        about: The artist around whom questions are asked again.
        prepare: What happens before the night.
    """

    name: str
    rules: tuple[Rule, ...] = ()
    about: str = ""
    prepare: Callable[[Nights], None] | None = None


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


def cases(artist: str, title: str) -> Iterator[Case]:
    """Yield all cases; the listener plays the artist, and the title was scrobbled last."""
    yield from _of_spotify()
    yield from _of_lastfm(artist, title)
    for change in FEATURE_CHANGES:
        yield _odd("reccobeats", "*audio-features", change, prepare=forget("audio_features"))
    for rule in RECORDING_FAULTS:
        for level in ("*low-level", "*high-level"):
            name = f"acousticbrainz {level}: {_words(rule)}"
            faults = ({"service": "acousticbrainz", "match": level, **rule},)
            yield Case(name, faults, prepare=forget("audio_features"))
    for row in EXPORT_ROWS:
        yield Case(f"export: {row}", prepare=partial(_import, row))
    for title in FEATURE_TITLES:
        yield Case(f"features file: title {title[:20]!r}", prepare=partial(_features, title))


def _of_spotify() -> Iterator[Case]:
    for listing, track in LISTINGS.items():
        for change in TRACK_CHANGES:
            yield _odd("spotify", listing, {f"{track}{name}": v for name, v in change.items()})
        for kind in ROW_FAULTS:
            # The sandbox has no track under the id that it relinks to, so none can be added.
            if (listing, kind) != ("*/search", "relinked_rows"):
                yield Case(f"spotify {listing}: {kind}", (_rule("spotify", listing, kind),))
    for change in PLAYLIST_CHANGES:
        yield _odd("spotify", "GET */me/playlists", change, rows="Theirs")
    for kind in ROW_FAULTS[:3]:
        rule = {**_rule("spotify", "GET */me/playlists", kind), "rows": "Theirs"}
        yield Case(f"spotify me/playlists: {kind}", (rule,))
    for listing in ("recently-played", "tracks", "top/tracks"):
        fault = {"kind": "server_error", "service": "spotify", "match": f"*/me/*{listing}"}
        yield Case(f"spotify me/{listing}: server_error", (fault,))
    for change in ITEM_CHANGES:
        yield _odd("spotify", "GET */playlists/*/items", change)


def _of_lastfm(artist: str, title: str) -> Iterator[Case]:
    for method in METHODS:
        for question in QUESTIONS:
            rule = {"service": "lastfm", "match": method, "about": artist, **question}
            yield Case(f"lastfm {method}: {_words(question)}", (rule,), about=artist)
    for change in SCROBBLE_CHANGES:
        yield _odd("lastfm", "user.getRecentTracks", change, rows=title)
    for kind in ROW_FAULTS[:3]:
        fault = {**_rule("lastfm", "user.getRecentTracks", kind), "rows": title}
        yield Case(f"lastfm user.getRecentTracks: {kind}", (fault,))
    for change in LOVED_CHANGES:
        yield _odd("lastfm", "user.getLovedTracks", change)
    for question in QUESTIONS[:3]:
        fault = {"service": "lastfm", "match": "user.getLovedTracks", **question}
        yield Case(f"lastfm user.getLovedTracks: {_words(question)}", (fault,))
    for method, changes in ANSWER_CHANGES.items():
        for change in changes:
            yield _odd("lastfm", method, change, about=artist)


def _rule(service: str, match: str, kind: str) -> dict[str, Any]:
    return {"service": service, "match": match, "kind": kind, "count": 1}


def _odd(
    service: str,
    match: str,
    change: Mapping[str, Any],
    *,
    about: str = "",
    rows: str = "*",
    prepare: Callable[[Nights], None] | None = None,
) -> Case:
    rule = {**_rule(service, match, "odd_rows"), "change": dict(change), "rows": rows}
    return Case(f"{service} {match}: {json.dumps(change)[:50]}", (rule,), about, prepare)


def _words(rule: Rule) -> str:
    return " ".join(str(value) for value in rule.values())


def forget(table: str) -> Callable[[Nights], None]:
    """Return what removes a table, so that its questions are asked again."""
    return lambda home: shutil.rmtree(home.folder / "lake" / table, ignore_errors=True)


def forget_around(home: Nights, artist: str) -> None:
    """Remove everything around an artist, so that it is asked for again."""
    prefix = f"prefix={prefix_of(artist_key_of(artist))}"
    for table in ("artist_tags", "track_tags", "similar", "deferred_questions"):
        folder = home.folder / "lake" / table
        shutil.rmtree(folder / prefix if table != "deferred_questions" else folder, True)


def _import(odd: Any, home: Nights) -> None:
    """Import an export of which one row is odd; the same plays as every time before."""
    row: dict[str, Any] = {
        "ts": "2026-10-01T12:00:00Z", "ms_played": 200_000, "reason_end": "trackdone",
        "master_metadata_track_name": "Exported", "master_metadata_album_artist_name": "Somebody",
    }  # fmt: skip
    other = {**row, "ts": "2026-10-02T12:00:00Z", **odd} if isinstance(odd, dict) and odd else odd
    path = home.folder / "endsong_0.json"
    path.write_text(json.dumps([row, other]), encoding="utf-8")
    home.run(partial(import_history, paths=[path]))


def _features(title: str, home: Nights) -> None:
    names = ("danceability", "energy", "valence", "acousticness", "instrumentalness")
    values = dict.fromkeys((*names, "speechiness", "liveness"), 0.5)
    rows = [
        {**values, "artist": "Somebody", "title": each, "tags": "rock"} for each in ("Song", title)
    ]
    pd.DataFrame(rows).to_csv(home.folder / "features.csv", index=False)


def live(home: Nights, case: Case) -> dict[str, int]:
    """Live through one night with an oddity, and return what it cost."""
    before = _History.of(home)
    stopped = 0
    try:
        if case.prepare is not None:
            case.prepare(home)
        if case.about:
            forget_around(home, case.about)
        tags = _tagged(home) - {artist_key_of(case.about)}
        for rule in case.rules:
            home.misbehave(**rule)
        home.next()
        ledger = home.lake.frame(PLAYLISTS, where={"listener": LISTENER})
        stopped = int(ledger.loc[ledger["night"] == home.date, "outcome"].iloc[0] != VERIFIED)
    except Exception:  # any end of a night is what is measured
        traceback.print_exc()
        stopped, tags = 1, set()
    finally:
        home.forgive()
    after = _History.of(home)
    return {
        "stopped_nights": stopped,
        "lost_rows": (before.rows - after.rows).total() + len(tags - _tagged(home)),
        "doubled_rows": (after.rows - before.rows).total(),
        "false_reactions": after.reactions - before.reactions + after.withdrawn,
    }


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


def main() -> None:
    """Live through every case, print each, and end with the figures as one line of JSON."""
    parser = command_line(__doc__)
    parser.add_argument("--every", type=int, default=1, metavar="N", help="each n-th case only")
    arguments = parser.parse_args()
    findings = Findings()
    with nights() as home:
        state = home.server.state
        state.add_items(
            state.create_playlist("ada", "Theirs", by_app=False), [3, 5, 8], added_at=state.now
        )
        home.me = {"dislike_playlist": "Theirs", "playlist": PLAYLIST}
        home.catalog = {"features_file": str(home.folder / "features.csv")}
        _features("Another", home)
        for _ in range(2):
            home.next()
        plays = home.lake.frame(PLAYS, where={"listener": LISTENER}).sort_values("played_at")
        tags = home.lake.frame(ARTIST_TAGS)
        artist = str(min(set(tags.loc[tags["count"] > 0, "artist"]) & set(plays["artist"])))
        title = str(plays["title"].iloc[-1])
        for case in list(cases(artist, title))[:: arguments.every]:
            findings.add(case, live(home, case))
    print_figures(findings.figures())
    if any(findings.counts[name] for name in findings.figures() if name != "cases"):
        sys.exit(1)


if __name__ == "__main__":
    main()
