"""Cases of the publishing suite for places other than Spotify.

The same troubles as at Spotify, as far as such a place knows them: no snapshot ids, no
rows without a track, no tracks under other ids.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmarks.support.publish_cases import EDITS, LASTING, PASSING, RARE_EDITS, PublishCase

ELSEWHERE_SCENES = ("first night", "second night", "own items", "ranked again", "rollback")
# What only Spotify does.
_ONLY_SPOTIFY = ("401 once", "quota of the day used up", "access revoked", "429 for a second")
_ONLY_THERE = ("adds a local file", "adds an episode")
_ACKNOWLEDGED: Mapping[str, Mapping[str, Any]] = {
    "acknowledged and not done": {"kind": "ignored_write"},
    "acknowledged and done for half": {"kind": "partial_write", "count": 6},
    "an add is done twice": {"kind": "repeated_write"},
}
_THROUGHOUT: Mapping[str, Mapping[str, Any]] = {
    "every read is one reply late": {"kind": "late_reads", "count": 1, "times": 0},
    "shows only after the run": {"kind": "stale_reads", "times": 0},
    "writes are never done": {"kind": "ignored_write", "times": 0},
}


def elsewhere_cases(requests: Mapping[str, Sequence[str]]) -> list[PublishCase]:
    """Return all cases.

    Args:
        requests: By scene, the requests of a run without trouble, in order.
    """
    return [*_kills(requests), *_faults(requests), *_edits(requests)]


def _kills(requests: Mapping[str, Sequence[str]]) -> Iterator[PublishCase]:
    for scene, made in requests.items():
        for at in range(1, len(made) + 1):
            yield PublishCase(scene, "kill at request", at=at)


def _faults(requests: Mapping[str, Sequence[str]]) -> Iterator[PublishCase]:
    for what, rule in {**PASSING, **LASTING}.items():
        if what in _ONLY_SPOTIFY:
            continue
        for scene in ("first night", "own items"):
            for at in range(1, len(requests[scene]) + 1, 2):
                yield PublishCase(scene, "fault", what, at, rule)
    for what, rule in _ACKNOWLEDGED.items():
        for scene in ("first night", "own items"):
            for times in (1, 2):
                named = what if times == 1 else f"{what}, twice"
                yield PublishCase(scene, "fault", named, 1, {**rule, "times": times, "match": "*"})
    for what, rule in _THROUGHOUT.items():
        for scene in ("first night", "own items"):
            yield PublishCase(scene, "fault", what, 1, {**rule, "match": "*"})


def _edits(requests: Mapping[str, Sequence[str]]) -> Iterator[PublishCase]:
    for what in (each for each in (*EDITS, *RARE_EDITS) if each not in _ONLY_THERE):
        for scene in ("second night", "own items"):
            for at in range(1, len(requests[scene]) + 1):
                yield PublishCase(scene, "edit", what, at)
