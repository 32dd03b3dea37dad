"""Tests of Spotify's own audio features: open to old apps, closed to others."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallhours.errors import BrokenReply, Refused
from smallhours.lake.tables import FEATURES
from smallhours.services.json_cursor import JsonCursor
from smallhours.services.spotify import SpotifyClient
from smallhours.services.spotify_replies import parse_features

ONE, TWO = "1" * 22, "2" * 22


def test_a_new_app_is_refused(spotify: SpotifyClient, uris: list[str]) -> None:
    with pytest.raises(Refused):
        spotify.audio_features([uri.rpartition(":")[2] for uri in uris[:3]])
    assert spotify.calls["GET audio-features"] == 1


def test_rows_are_joined_by_id_and_unknown_tracks_are_null() -> None:
    rows = [{"id": TWO, "energy": 0.5, "key": -1, "mode": 1, "type": "audio_features"}, None]
    reply = JsonCursor("Spotify", json.loads(json.dumps({"audio_features": rows})))
    assert parse_features(reply, [ONE, TWO]) == {TWO: {"energy": 0.5, "mode": 1.0}}


def test_a_reply_without_rows_is_no_absence() -> None:
    with pytest.raises(BrokenReply):
        parse_features(JsonCursor("Spotify", {"audio_features": None}), [ONE])


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from([ONE, TWO, ""]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "energy", "key", "audio_features"]), inner)
    ),
    max_leaves=10,
)


@given(VALUES | st.lists(VALUES, max_size=4).map(lambda rows: {"audio_features": rows}))
def test_any_reply_is_features_or_a_broken_reply(value: Any) -> None:
    try:
        found = parse_features(JsonCursor("Spotify", json.loads(json.dumps(value))), [ONE])
    except BrokenReply:
        return
    assert set(found) <= {ONE}
    assert all(set(values) <= set(FEATURES) for values in found.values())
