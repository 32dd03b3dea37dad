"""ListenBrainz' routes about loves and hates of recordings.

A love given on Last.fm is one here, too, mostly. A listener hates here what they have skipped twice
and like least. A row names a recording by its MusicBrainz id, or by an MSID alone.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from smallhours_sandbox.identifiers import hashed_share, is_uuid
from smallhours_sandbox.listenbrainz_state import WrittenFeedback
from smallhours_sandbox.metabrainz_http import Handler, MetaBrainzCall, MetaBrainzError

Json = dict[str, Any]

_LOVED_HERE, _HATED_OF_SKIPPED, _DISLIKED = 0.85, 0.12, 0.35
_BY_MSID, _FORGOTTEN_MSID = 0.05, 0.3
_SKIPS = 2
# The MBID or "", the MSID, the score, when it was given, and the track if it is known.
_Row = tuple[str, str, int, int, int | None]


def get_feedback(call: MetaBrainzCall) -> Json:
    """Answer with a page of a user's feedback, the newest first."""
    name = call.user()
    score = _score(call)
    offset, count = call.number("offset", 0, None), call.number("count", 25)
    rows = [row for row in _all(call, name) if not score or row[2] == score]
    named = call.query.get("metadata", "false").lower() == "true"
    page = rows[offset : offset + count]
    shown = [_shown(call, name, row, named=named) for row in page]
    total = 0 if score == 0 else len(rows)
    return {"count": len(shown), "feedback": shown, "offset": offset, "total_count": total}


def _score(call: MetaBrainzCall) -> int | None:
    text = call.query.get("score")
    if text is None:
        return None
    if text not in ("1", "0", "-1"):
        raise MetaBrainzError(400, "Score can have a value of 1 or -1.")
    return int(text)


def _all(call: MetaBrainzCall, name: str) -> list[_Row]:
    written = call.accounts.feedback.get(name, {})
    rows = [row for row in _derived(call, name) if (row[0] or row[1]) not in written]
    for key, given in written.items():
        track = call.index.by_id.get(key)
        is_msid = track is None and key.startswith("msid:")
        ids = ("", key.removeprefix("msid:")) if is_msid else (key, "")
        if given.score:
            rows.append((*ids, given.score, given.created, track))
    return sorted(rows, key=lambda row: (-row[3], row[0], row[1]))


def _derived(call: MetaBrainzCall, name: str) -> list[_Row]:
    person, state = call.state.world.listeners[name], call.state
    given = {
        track: (1, at)
        for track, at in person.loved.items()
        if at <= state.now and hashed_share(f"{name} loves {track}") < _LOVED_HERE
    }
    plays = state.play_log(name)
    skips: Counter[int] = Counter()
    for track, at in zip(
        plays.track[plays.skipped].tolist(), plays.at[plays.skipped].tolist(), strict=True
    ):
        skips[track] += 1
        hated = (
            skips[track] == _SKIPS
            and person.taste.liking[track] < _DISLIKED
            and hashed_share(f"{name} hates {track}") < _HATED_OF_SKIPPED
        )
        if hated:
            given.setdefault(track, (-1, at))
    rows: list[_Row] = []
    for track, (score, at) in given.items():
        msid = call.shared.listens.track_msid(track)
        found = call.index.id_of(track)
        if hashed_share(f"feedback by {msid}") < _BY_MSID:
            found = ""
        rows.append((found, msid, score, int(at), track))
    return rows


def _shown(call: MetaBrainzCall, name: str, row: _Row, *, named: bool) -> Json:
    found, msid, score, created, track = row
    shown: Json = {
        "user_id": name,
        "recording_msid": msid or None,
        "recording_mbid": found or None,
        "score": score,
        "created": created,
        "track_metadata": None,
    }
    forgotten = not found and hashed_share(f"forgotten {msid}") < _FORGOTTEN_MSID
    if named and track is not None and not forgotten:
        shown["track_metadata"] = _names(call, track, found, msid)
    return shown


def _names(call: MetaBrainzCall, track: int, found: str, msid: str) -> Json:
    index, canonical = call.index, int(call.index.canonical[track])
    names: Json = {
        "track_name": index.title(canonical),
        "artist_name": index.credit(canonical),
        "release_name": index.release(canonical),
    }
    if not found:
        return {**names, "additional_info": {"recording_msid": msid}}
    mapping = {
        "recording_mbid": found,
        "release_mbid": index.release_id(canonical),
        "artist_mbids": index.credit_ids(canonical),
        "artists": index.credit_rows(canonical),
    }
    return {**names, "mbid_mapping": mapping}


def give_feedback(call: MetaBrainzCall) -> Json:
    """Keep a love (1) or a hate (-1) of the caller, or remove it (0)."""
    name = call.require_token()
    body = call.json_object()
    if not set(body) <= {"recording_msid", "recording_mbid", "score"}:
        raise MetaBrainzError(
            400, "JSON document may only contain recording_msid, recording_mbid and score"
        )
    found, msid = body.get("recording_mbid"), body.get("recording_msid")
    if not (found or msid) or "score" not in body:
        raise MetaBrainzError(
            400, "JSON document must contain either recording_msid or recording_mbid, and score"
        )
    if body["score"] not in (1, 0, -1) or not is_uuid(found or msid):
        raise MetaBrainzError(400, f"Invalid JSON document submitted: {body}")
    key = found or f"msid:{msid}"
    given = WrittenFeedback(body["score"], int(call.state.now))
    call.accounts.feedback.setdefault(name, {})[key] = given
    return {"status": "ok"}


FEEDBACK_ROUTES: Mapping[tuple[str, str], Handler] = {
    ("GET", "/feedback/user/{user}/get-feedback"): get_feedback,
    ("POST", "/feedback/recording-feedback"): give_feedback,
}
