"""The oddities that the oddity suite lives through, by entrance."""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd

from smallhours.identity import artist_key_of
from smallhours.lake.list_tables import RECOMMENDATIONS
from smallhours.lake.store import prefix_of
from smallhours.listening import import_history
from smallhours.playlist.select.nightly_list import RESERVE
from tests.faults.nights import LISTENER, ODD_REPLIES, Nights

Rule = Mapping[str, Any]
# A list that can be filled every night of a small world, even if all of tonight's searches miss.
PLAYLIST: Mapping[str, Any] = {"size": 10, "shortest": 5, "not_again_nights": 3}
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
QUESTIONS: tuple[dict[str, Any], ...] = (*ODD_REPLIES, {"kind": "truncated_body"})
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
# What the listener's own file may say of a track: an id that does not exist, or never.
OVERRIDES = ("spotify:track:" + "0" * 22, "none")
ODD_NAMES = ("", " ", "🌒", "-", "a - b - c", "x" * 300, "[unknown]", "e\u0301")
BLOCKS = ("blocked_artists", "blocked_tracks", "blocked_tags")
FEATURE_TITLES = ("", "None", "NA", "nan", "1979", "x" * 300)


@dataclass(frozen=True)
class Case:
    """One oddity that lasts for a night.

    Attributes:
        name: The entrance and the oddity, in words, with a colon between them.
        rules: The sandbox's faults.
        about: The artist around whom questions are asked again.
        prepare: What happens before the night.
    """

    name: str
    rules: tuple[Rule, ...] = ()
    about: str = ""
    prepare: Callable[[Nights], None] | None = None

    @property
    def entrance(self) -> str:
        """Where the oddity comes in."""
        return self.name.partition(": ")[0]


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
    for chosen in OVERRIDES:
        yield Case(f"overrides: tonight's best is {chosen}", prepare=partial(_override, chosen))
    for name in ODD_NAMES:
        yield Case(f"overrides: {name[:20]!r}", prepare=partial(_override_named, name))
    # The settings refuse names that are blank, and tracks without a dash.
    for name in ODD_NAMES[2:]:
        for setting in BLOCKS:
            value = f"{name} - {name}" if setting == "blocked_tracks" else name
            yield Case(f"{setting}: {name[:20]!r}", prepare=partial(_block, setting, value))
    for title in FEATURE_TITLES:
        yield Case(f"features file: title {title[:20]!r}", prepare=partial(features, title))


def _of_spotify() -> Iterator[Case]:
    for listing, track in LISTINGS.items():
        for change in TRACK_CHANGES:
            yield _odd("spotify", listing, {f"{track}{name}": v for name, v in change.items()})
        for kind in ROW_FAULTS:
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
            if method.startswith("artist."):
                yield _odd("lastfm", method, change, about=artist)
            else:
                yield _odd("lastfm", method, change, prepare=forget("similar"))


def _rule(service: str, match: str, kind: str) -> dict[str, Any]:
    rule = {"service": service, "match": match, "kind": kind, "count": 1}
    # One track is searched for three times at most; all others are found.
    return rule | ({"times": 3} if match == "*/search" else {})


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


def features(title: str, home: Nights) -> None:
    """Write a file of audio features in which one title may be odd."""
    names = ("danceability", "energy", "valence", "acousticness", "instrumentalness")
    values = dict.fromkeys((*names, "speechiness", "liveness"), 0.5)
    rows = [
        {**values, "artist": "Somebody", "title": each, "tags": "rock"} for each in ("Song", title)
    ]
    pd.DataFrame(rows).to_csv(home.folder / "features.csv", index=False)


def _override(chosen: str, home: Nights) -> None:
    """Let the listener's file speak of the best track that could be chosen tonight."""
    where = {"listener": LISTENER, "night": home.date.isoformat()}
    rows = home.lake.frame(RECOMMENDATIONS, where=where).sort_values("rank")
    best = rows[rows["why_not"] == RESERVE].iloc[0]
    write_overrides(home, best["artist"], best["title"], chosen)


def _override_named(name: str, home: Nights) -> None:
    write_overrides(home, name, name, "none")


def write_overrides(home: Nights, *row: str) -> None:
    """Write a file of overrides of one row: artist, title and what is said; or of none."""
    quoted = (json.dumps(each, ensure_ascii=False) for each in row)
    text = "[{}]\n{} = {}\n".format(*quoted) if row else ""
    (home.folder / "overrides.toml").write_text(text, encoding="utf-8")


def _block(setting: str, name: str, home: Nights) -> None:
    home.me["playlist"] = {**home.me["playlist"], setting: [name]}
