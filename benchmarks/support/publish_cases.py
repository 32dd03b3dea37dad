"""Cases of the publishing suite: crashes, faults of Spotify, and edits by the listener.

A case is a scene - the tracks in the playlist, and the list to be written - and one trouble, at a
numbered request or disk operation of the run. A run without trouble gives the number of these.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Any, Literal

Trouble = Literal[
    "kill at request", "kill at disk operation", "fault", "edit", "fault and edit", "quiet"
]

TROUBLES = {
    "kill at request": "the process is killed just before request n, all others before it done",
    "kill at disk operation": "the process is killed in disk operation n, half way if it writes",
    "fault": "from the sandbox's Spotify, at request n",
    "edit": "the listener does it just before request n arrives",
    "fault and edit": "the listener does it just before request n, and Spotify misbehaves as well",
    "quiet": "nothing goes wrong",
}
# Transient faults, and faults that last until the next run.
PASSING: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "500 once": {"kind": "server_error", "status": 500},
        "503 after it was done, once": {"kind": "server_error", "status": 503, "acted": True},
        "no answer after it was done": {"kind": "timeout", "seconds": 1.5, "acted": True},
        "connection breaks off": {"kind": "drop_connection"},
        "401 once": {"kind": "unauthorized_once"},
        "HTML instead of JSON": {"kind": "html_body"},
        "half a body": {"kind": "truncated_body"},
        "no body": {"kind": "empty_body"},
        "429 for a second": {"kind": "rate_limit", "seconds": 1},
        "429 for ten minutes": {"kind": "rate_limit", "seconds": 600},
    }
)
LASTING: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "down from then on": {"kind": "server_error", "status": 503, "times": 0},
        "carries out and answers 502": {
            "kind": "server_error", "status": 502, "acted": True, "times": 0,
        },
        "quota of the day used up": {"kind": "quota_exceeded", "seconds": 40_000},
        "access revoked": {"kind": "revoked"},
    }
)  # fmt: skip

# What Spotify acknowledges and does not do, or does otherwise, by the request that it meets.
ACKNOWLEDGED: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "acknowledged and not done": {"kind": "ignored_write"},
        "acknowledged and done for one item": {"kind": "partial_write", "count": 1},
        "acknowledged and done for half": {"kind": "partial_write", "count": 6},
        "shows two looks late": {"kind": "late_reads", "count": 6, "times": 40},
        "shows sixty replies late": {"kind": "late_reads", "count": 60, "times": 0},
        "shows only after the run": {"kind": "stale_reads", "times": 0},
    }
)
ACKNOWLEDGED_ADDS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "an add is done twice": {"kind": "repeated_write"},
        "tracks read as rows without a track": {"kind": "lost_adds", "count": 2},
        "tracks read under other ids": {"kind": "relinked_adds", "count": 2},
    }
)
# What lasts through the whole run.
THROUGHOUT: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "every add is done twice": {"kind": "repeated_write", "times": 0},
        "every read is one reply late": {"kind": "late_reads", "count": 1},
        "every read is five replies late": {"kind": "late_reads", "count": 5},
        "writes leave the snapshot id as it is": {"kind": "same_snapshot"},
        "removals with a snapshot id are answered 502": {"kind": "snapshot_refused"},
        "removals are never done": {
            "kind": "ignored_write", "match": "DELETE /v1/playlists/*", "times": 0,
        },
        "moves are never done": {
            "kind": "ignored_write", "match": "PUT /v1/playlists/*/items", "times": 0,
        },
        "a new playlist is not found at first": {
            "kind": "refused", "status": 404, "match": "* /v1/playlists/*", "times": 4,
        },
    }
)  # fmt: skip
LISTINGS = ("missing", "null", "doubled", "without owner", "without owner id", "without name")

# Edits by the listener; `publish_faults` carries them out.
EDITS = (
    "adds a track on top",
    "adds a track at the end",
    "removes a track of yesterday's",
    "removes a track of tonight's",
    "puts a track of yesterday's back",
    "adds a second copy of a pick",
    "adds a local file",
    "adds an episode",
    "moves a track",
)
# Of these, those that change how often one of tonight's tracks stands there.
OF_PICKS = ("removes a track of tonight's", "adds a second copy of a pick")
RARE_EDITS = ("renames it", "removes the marker", "deletes it")


@dataclass(frozen=True, slots=True)
class PublishScene:
    """The tracks in the playlist, and the list to be written.

    Attributes:
        name: Its name.
        size: Number of tracks in each night's list.
        first: There is no playlist yet.
        own: The listener has added a track, a local file and an episode; and Spotify has lost
            a row.
        again: The same night is ranked again, and shares half of its tracks with the present list.
        rollback: The list of the night before is written.
    """

    name: str
    size: int = 12
    first: bool = False
    own: bool = False
    again: bool = False
    rollback: bool = False


SCENES: Mapping[str, PublishScene] = MappingProxyType(
    {
        scene.name: scene
        for scene in (
            PublishScene("first night", first=True),
            PublishScene("second night"),
            PublishScene("own items", own=True),
            PublishScene("ranked again", again=True),
            PublishScene("rollback", rollback=True),
            PublishScene("one track", size=1, own=True),
            PublishScene("101 tracks", size=101),
            PublishScene("500 tracks", size=500, own=True),
            PublishScene("first 250 tracks", size=250, first=True),
        )
    }
)


@dataclass(frozen=True, slots=True)
class PublishCase:
    """One trouble in one scene.

    Attributes:
        scene: The scene's name.
        trouble: Kind of the trouble.
        what: Name of the fault or edit.
        at: Number of the request or disk operation, from 1.
        rule: The fault, as the sandbox takes it.
        besides: Name of the fault, where `what` is an edit.
    """

    scene: str
    trouble: Trouble
    what: str = ""
    at: int = 1
    rule: Mapping[str, Any] = field(default_factory=dict)
    besides: str = ""

    def __str__(self) -> str:
        what = " while ".join(filter(None, (self.what or self.trouble, self.besides)))
        return f"{self.scene}: {what}, {self.at}"


def cases(
    requests: Mapping[str, list[str]], operations: Mapping[str, list[str]]
) -> list[PublishCase]:
    """Return all cases.

    Args:
        requests: By scene, the requests of a run without trouble, in order.
        operations: By scene, the disk operations of a run without trouble, in order.
    """
    return [
        *_kills(requests, operations),
        *_faults(requests),
        *_edits(requests),
        *(PublishCase(scene, "quiet") for scene in SCENES),
    ]


def representative(every: Iterable[PublishCase]) -> list[PublishCase]:
    """Choose one case of each kind of trouble, in the middle of a short run."""
    groups: dict[tuple[str, str], list[PublishCase]] = {}
    for case in every:
        if SCENES[case.scene].size <= 100 and case.trouble != "quiet":
            what = case.besides or case.what.split(" with ours ")[0]
            for method in ("POST ", "PUT ", "DELETE "):
                what = what.removeprefix(method)
            groups.setdefault((case.trouble, what), []).append(case)
    return [group[len(group) // 2] for group in groups.values()]


def table(played: Sequence[PublishCase]) -> str:
    """Return docs/publish-faults.md: the cases, counted by scene and trouble."""
    counts = Counter((case.trouble, case.besides or case.what, case.scene) for case in played)
    lines = [
        "# Publish faults",
        "",
        "<!-- Generated by `python -m benchmarks.publish_faults --write`; do not edit. -->",
        "",
        f"{len(played)} cases of what can go wrong while a list is written into the listener's",
        "playlist. In each, the run meets its trouble, is run again when that is over, and the",
        "next night follows. Then the playlist holds one whole list and what is the listener's",
        "own, no deed of theirs is undone, and no other playlist has changed: not even one of the",
        "same name, nor one with a copy of our description. Before every single request it is",
        "checked, too, that a whole list is in the playlist at that moment; and after each",
        "run, that a list which the ledger calls verified is there, and that no pick counts as",
        "removed that the listener left in.",
        "",
        "| trouble | which | scene | cases |",
        "|---|---|---|---|",
    ]
    for (trouble, what, scene), count in counts.items():
        lines.append(f"| {trouble} | {what} | {scene} | {count} |")
    lines += ["", "What the troubles are:", ""]
    lines += [f"- *{name}*: {meaning}." for name, meaning in TROUBLES.items()]
    lines += [
        "",
        "What the scenes are: on the *first night* there is no playlist yet; on the *second* last",
        "night's list is there; with *own items* also a track, a local file and an episode of",
        "the listener's, and a row that Spotify has lost; *ranked again*, the list of the same",
        "night is written again with half of its tracks others; *rollback* puts the list of the",
        "night before back; *one track* is a list of one, with own items; lists of *101 tracks*,",
        "*500 tracks* and *250 tracks* take several requests.",
        "",
        "One thing can't be told apart, and is no case: while tracks that Spotify added twice are",
        "taken out to be added once, the listener takes one of them out, or adds one more.",
        "",
    ]
    return "\n".join(lines)


def writing(requests: list[str]) -> list[int]:
    """Return the numbers, from 1, of the requests that change something."""
    return [number for number, each in enumerate(requests, 1) if not each.startswith("GET")]


def _places(scene: str, requests: list[str]) -> list[int]:
    """Return all requests of a short run; of a long one those that write, and the next ones."""
    if SCENES[scene].size <= 100:
        return list(range(1, len(requests) + 1))
    written = writing(requests)
    after = (number + 1 for number in written if number < len(requests))
    return sorted({*written, *after})


def _kills(
    requests: Mapping[str, list[str]], operations: Mapping[str, list[str]]
) -> Iterator[PublishCase]:
    for scene, made in requests.items():
        for at in _places(scene, made):
            yield PublishCase(scene, "kill at request", at=at)
    for scene in ("first night", "own items", "rollback"):
        for at, name in enumerate(operations[scene], 1):
            if name not in ("read", "walk"):
                yield PublishCase(scene, "kill at disk operation", at=at)


def _faults(requests: Mapping[str, list[str]]) -> Iterator[PublishCase]:
    for what, rule in PASSING.items():
        for scene in ("first night", "own items"):
            for at in _few(scene, requests, every=what in ("500 once", "half a body")):
                yield PublishCase(scene, "fault", what, at, rule)
    for what, rule in LASTING.items():
        for scene in ("first night", "own items", "500 tracks"):
            for at in _few(scene, requests, every=what == "access revoked"):
                yield PublishCase(scene, "fault", what, at, rule)
    yield from _acknowledged(requests)
    yield from _throughout(requests)
    for scene in ("second night", "own items"):
        yield PublishCase(
            scene, "fault", "rows without a track", 1, {"kind": "null_items", "count": 2}
        )
    yield PublishCase("first night", "fault", "public anyway", 1, {"kind": "public_anyway"})


def _acknowledged(requests: Mapping[str, list[str]]) -> Iterator[PublishCase]:
    """Each of these faults at each write of each scene; of long runs, the first and last."""
    for scene, made in requests.items():
        writes = [(at, made[at - 1]) for at in writing(made) if made[at - 1].endswith("/items")]
        few = writes if len(writes) <= 6 else [*writes[:3], *writes[-3:]]
        for at, request in few:
            method = request.partition(" ")[0]
            faults = {**ACKNOWLEDGED, **(ACKNOWLEDGED_ADDS if method == "POST" else {})}
            for what, rule in faults.items():
                name = f"{method} {what}" if what in ACKNOWLEDGED else what
                reads = rule["kind"] in ("late_reads", "stale_reads")
                match = f"{'GET' if reads else method} /v1/playlists/*"
                # The requests before it that the fault is asked about.
                after = sum(fnmatchcase(each, match) for each in made[: at - 1])
                yield PublishCase(
                    scene, "fault", name, at, {**rule, "match": match, "after": after}
                )


def _throughout(requests: Mapping[str, list[str]]) -> Iterator[PublishCase]:
    """Faults that last through the run, alone and with an edit by the listener."""
    for what, rule in THROUGHOUT.items():
        for scene in _meeting(rule, requests):
            yield PublishCase(scene, "fault", what, 1, rule)
        if "second night" in _meeting(rule, requests):
            # While tracks that stand twice are taken out and added once, nobody can tell that the
            # listener takes one out as well, or adds one.
            repeats = rule["kind"] == "repeated_write"
            for edit in (each for each in EDITS if not (repeats and each in OF_PICKS)):
                for at in writing(requests["second night"]):
                    yield PublishCase("second night", "fault and edit", edit, at + 1, rule, what)
    for how in LISTINGS:
        rule = {"kind": "odd_listing", "words": how, "times": 0, "match": "GET /v1/me/playlists*"}
        for scene in _meeting(rule, requests):
            if SCENES[scene].size <= 100:
                yield PublishCase(scene, "fault", f"a listing with ours {how}", 1, rule)


def _meeting(rule: Mapping[str, Any], requests: Mapping[str, list[str]]) -> list[str]:
    """Return the scenes in which a fault meets a request."""
    removal = {"snapshot_refused": "DELETE *"}.get(rule["kind"], "*")
    match = rule.get("match", removal)
    return [
        scene
        for scene, made in requests.items()
        if any(fnmatchcase(request, match) for request in made)
        and not (rule.get("status") == 404 and not SCENES[scene].first)
    ]


def _few(scene: str, requests: Mapping[str, list[str]], *, every: bool) -> list[int]:
    made = requests[scene]
    places = _places(scene, made) if every else writing(made)
    if SCENES[scene].size > 100:
        return places[:: max(len(places) // 3, 1)]
    return places


def _edits(requests: Mapping[str, list[str]]) -> Iterator[PublishCase]:
    for what in EDITS:
        for scene in ("second night", "own items", "ranked again"):
            step = 1 if scene == "second night" else 5
            for at in _places(scene, requests[scene])[::step]:
                yield PublishCase(scene, "edit", what, at)
    for what in RARE_EDITS:
        for at in _places("second night", requests["second night"])[::2]:
            yield PublishCase("second night", "edit", what, at)
    for at in _places("500 tracks", requests["500 tracks"])[::6]:
        yield PublishCase("500 tracks", "edit", EDITS[0], at)
