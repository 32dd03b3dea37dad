"""ListenBrainz' routes that take and delete listens.

What is accepted twice is kept once. A deleted listen vanishes at the next full hour.
"""

import json
from collections.abc import Mapping
from typing import Any

from smallhours_sandbox.identifiers import is_uuid
from smallhours_sandbox.listenbrainz_listens import message_id
from smallhours_sandbox.metabrainz_http import Handler, MetaBrainzCall, MetaBrainzError

Json = dict[str, Any]

MAX_LISTENS, MAX_BYTES, MIN_LISTENED_AT = 1000, 10_240, 1_033_430_400
_HOUR_S = 3600
_MAX_TAGS, _MAX_TAG_LENGTH, _MAX_LENGTH_S = 50, 64, 24 * 86_400
_TYPES = ("single", "playing_now", "import")


def submit(call: MetaBrainzCall) -> Json:
    """Keep the caller's listens."""
    name = call.require_token()
    kind, listens = _sent(call)
    rows = [_checked(listen, kind, call.state.now) for listen in listens]
    if kind == "playing_now":
        return {"status": "ok"}
    log = call.shared.listens.log(name)
    times = set(log.at.tolist())
    known = {
        (at, call.shared.listens.msid(name, log, row))
        for row, at in enumerate(log.at.tolist())
        if at in times.intersection(each["listened_at"] for each in rows)
    }
    kept = call.accounts.submitted.setdefault(name, [])
    for each in rows:
        key = (each["listened_at"], message_id(each["track_metadata"]))
        if key not in known:
            known.add(key)
            kept.append({**each, "inserted_at": int(call.state.now)})
    call.accounts.revision += 1
    return {"status": "ok"}


def _sent(call: MetaBrainzCall) -> tuple[str, list[Any]]:
    body = call.json_object()
    kind, listens = body.get("listen_type"), body.get("payload")
    if kind not in _TYPES:
        raise MetaBrainzError(400, "JSON document requires a valid listen_type key.")
    if not isinstance(listens, list) or not listens:
        raise MetaBrainzError(400, "JSON document does not contain any listens")
    if len(listens) > MAX_LISTENS:
        raise MetaBrainzError(
            400, f"Too many listens. You may not submit more than {MAX_LISTENS} listens at once."
        )
    if len(call.body) > len(listens) * MAX_BYTES:
        raise MetaBrainzError(
            400, f"Payload too large. Payload can be at most {len(listens) * MAX_BYTES} bytes."
        )
    if any(len(json.dumps(each)) > MAX_BYTES for each in listens):
        raise MetaBrainzError(
            400,
            f"JSON document is too large. Each listens may not be larger than {MAX_BYTES} bytes.",
        )
    if kind != "import" and len(listens) > 1:
        raise MetaBrainzError(
            400,
            f"JSON document contains more than listen for a {kind}. It should contain only one.",
        )
    return kind, listens


def _checked(listen: Any, kind: str, now: float) -> Json:
    """Return one listen as it is kept.

    Raises:
        MetaBrainzError: 400, with the members that are at fault.
    """
    members = {"track_metadata"} if kind == "playing_now" else {"listened_at", "track_metadata"}
    if not isinstance(listen, dict) or set(listen) != members:
        raise MetaBrainzError(
            400, f"JSON document must contain the keys {', '.join(sorted(members))} and no other."
        )
    metadata = listen["track_metadata"]
    if not isinstance(metadata, dict):
        raise MetaBrainzError(400, "Field track_metadata must be an object.")
    if kind != "playing_now":
        _check_time(listen["listened_at"], now)
    for name in ("track_name", "artist_name", "release_name"):
        _check_name(metadata, name)
    more = metadata.get("additional_info") or {}
    _check_details(more)
    kept = {name: metadata[name] for name in ("artist_name", "track_name")}
    if metadata.get("release_name"):
        kept["release_name"] = metadata["release_name"]
    kept["additional_info"] = {key: value for key, value in more.items() if value != ""}
    return {"listened_at": listen.get("listened_at"), "track_metadata": kept}


def _check_time(at: Any, now: float) -> None:
    if not isinstance(at, int):
        raise MetaBrainzError(400, "Field listened_at must be an integer.", listened_at=at)
    if at < MIN_LISTENED_AT:
        raise MetaBrainzError(
            400,
            "Value for key listened_at is too low. listened_at timestamp should be greater than "
            "1033410600 (2002-10-01 00:00:00 UTC).",
            listened_at=at,
        )
    if at >= now + _HOUR_S:
        raise MetaBrainzError(400, "Value for key listened_at is too high.", listened_at=at)


def _check_name(metadata: Json, name: str) -> None:
    value = metadata.get(name)
    if value is None and name == "release_name":
        return
    if not isinstance(value, str):
        raise MetaBrainzError(
            400, f"track_metadata.{name} must be a single string.", track_metadata=metadata
        )
    if not value and name != "release_name":
        raise MetaBrainzError(
            400, f"field track_metadata.{name} is empty.", track_metadata=metadata
        )
    if "\x00" in value:
        raise MetaBrainzError(400, "Text contains NUL.", track_metadata=metadata)


def _check_details(more: Json) -> None:
    if "duration" in more and "duration_ms" in more:
        raise MetaBrainzError(
            400, "JSON document should not contain both duration and duration_ms."
        )
    for name, unit in (("duration", 1), ("duration_ms", 1000)):
        value = more.get(name)
        if value is not None and not (
            str(value).isdecimal() and 0 < int(value) <= _MAX_LENGTH_S * unit
        ):
            raise MetaBrainzError(400, f"Value for {name} is invalid.")
    tags = more.get("tags", [])
    if len(tags) > _MAX_TAGS or any(len(str(tag)) > _MAX_TAG_LENGTH for tag in tags):
        raise MetaBrainzError(400, "JSON document may only contain 50 tags of 64 characters.")
    found = more.get("recording_mbid")
    if found and not is_uuid(found):
        raise MetaBrainzError(400, "recording_mbid MBID format invalid.")


def delete(call: MetaBrainzCall) -> Json:
    """Delete a listen of the caller: it is gone at the next full hour."""
    name = call.require_token()
    body = call.json_object()
    at, msid = body.get("listened_at"), body.get("recording_msid")
    if at is None:
        raise MetaBrainzError(400, "Listen timestamp missing.")
    if not isinstance(at, int):
        raise MetaBrainzError(400, f"{at}: Listen timestamp invalid.")
    if msid is None:
        raise MetaBrainzError(400, "Recording MSID missing.")
    if not is_uuid(msid):
        raise MetaBrainzError(400, f"{msid}: Recording MSID format invalid.")
    gone_at = (call.state.now // _HOUR_S + 1) * _HOUR_S
    call.accounts.deleted[name, at, msid] = gone_at
    call.accounts.revision += 1
    return {"status": "ok"}


SUBMIT_ROUTES: Mapping[tuple[str, str], Handler] = {
    ("POST", "/submit-listens"): submit,
    ("POST", "/delete-listen"): delete,
}
