"""Tests of what ListenBrainz and its labs tell of recordings and artists."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from smallhours_sandbox.generate import generate_world
from smallhours_sandbox.genres import load_genres
from smallhours_sandbox.labs_api import ARTIST_ALGORITHMS, RECORDING_ALGORITHMS
from smallhours_sandbox.listenbrainz_similar import SimilarMusic
from smallhours_sandbox.musicbrainz_index import MusicBrainzIndex
from smallhours_sandbox.server import SandboxServer
from smallhours_sandbox.state import SandboxState
from smallhours_sandbox.world import World
from tests.sandbox.metabrainz_client import (
    TEXT_OR_NULL,
    WHOLE_OR_NULL,
    MetaBrainzApi,
    check_shape,
    error_of,
)

UNKNOWN = "00000000-0000-4000-8000-000000000000"
TAG = {"tag": str, "count": int, "genre_mbid?": str}
ARTIST_TAG = {**TAG, "artist_mbid": str}
ARTIST = {
    "name": str,
    "artist_mbid": str,
    "type?": str,
    "gender?": str,
    "area?": str,
    "begin_year?": int,
    "rels?": dict,
}
RECORDING = {
    "recording": {
        "name": str,
        "length?": int,
        "isrcs": (list, type(None)),
        "first_release_date?": str,
        "rels": list,
        "url_rels?": [{"type": str, "url": str}],
    },
    "artist": {
        "name": str,
        "artist_credit_id": int,
        "artists": [{**ARTIST, "join_phrase": str}],
    },
    "tag": {"recording": [TAG], "artist": [ARTIST_TAG], "release_group": [TAG]},
    "release": {
        "mbid?": str,
        "name?": str,
        "release_group_mbid?": str,
        "album_artist_name?": str,
        "year?": int,
        "caa_id?": int,
        "caa_release_mbid?": str,
    },
}
SIMILAR_RECORDING = {
    "recording_mbid": TEXT_OR_NULL,
    "recording_name": TEXT_OR_NULL,
    "artist_credit_name": TEXT_OR_NULL,
    "artist_credit_mbids": (list, type(None)),
    "release_name": TEXT_OR_NULL,
    "release_mbid": TEXT_OR_NULL,
    "caa_id": WHOLE_OR_NULL,
    "caa_release_mbid": TEXT_OR_NULL,
    "score": WHOLE_OR_NULL,
    "reference_mbid": TEXT_OR_NULL,
}


@pytest.fixture(scope="module")
def world() -> World:
    return generate_world(seed=6, artists=150, tracks=1_500, scrobbles=400)


@pytest.fixture(scope="module")
def api(world: World) -> Iterator[MetaBrainzApi]:
    with SandboxServer(SandboxState(world)) as server:
        yield MetaBrainzApi(server)


@pytest.fixture(scope="module")
def merged(api: MetaBrainzApi) -> list[str]:
    """Return the ids that were merged into another."""
    return [
        each
        for track, each in enumerate(api.index.ids)
        if each and api.index.canonical[track] != track
    ]


# -- metadata --------------------------------------------------------------------------------


def test_recordings_have_the_known_shape(api: MetaBrainzApi) -> None:
    asked = {"recording_mbids": api.recordings(900), "inc": "artist tag release"}
    found = api.post("/metadata/recording/", asked, token=False)

    assert list(found) == asked["recording_mbids"]
    for entry in found.values():
        check_shape(entry, RECORDING)
    told = [entry["recording"] for entry in found.values()]
    assert any("length" not in each for each in told)
    assert any(each["isrcs"] is None for each in told)
    assert any("first_release_date" not in each for each in told)
    assert any(entry["release"] == {} for entry in found.values())


def test_unknown_and_merged_recordings_are_absent(api: MetaBrainzApi, merged: list[str]) -> None:
    known = api.recordings(1)
    asked = {"recording_mbids": [UNKNOWN, *merged, *known]}

    assert list(api.post("/metadata/recording/", asked, token=False)) == known


def test_tags_are_genres_and_few(api: MetaBrainzApi) -> None:
    asked = {"recording_mbids": api.recordings(900), "inc": "tag"}
    tags = [entry["tag"] for entry in api.post("/metadata/recording/", asked).values()]
    every = [tag for each in tags for part in each.values() for tag in part]

    genres = {each.casefold() for each in (*load_genres().leaves, *load_genres().families)}
    assert all((tag["tag"] in genres) == ("genre_mbid" in tag) for tag in every)
    assert np.mean(["genre_mbid" in tag for tag in every]) > 0.8
    assert np.mean([len(each["recording"]) for each in tags]) < 1
    assert 0.5 < np.mean([len(each["artist"]) for each in tags]) < 5


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"recording_mbids": []}, "At least one valid recording_mbid must be present."),
        ({"recording_mbids": ["x"]}, "recording_mbid x is not valid."),
        (
            {"recording_mbids": [UNKNOWN] * 1_001},
            "Maximum number of recording_mbids that can be fetched at once is 1000",
        ),
    ],
)
def test_one_bad_id_refuses_the_whole_batch(
    api: MetaBrainzApi, body: dict[str, object], words: str
) -> None:
    assert error_of(api.send("/metadata/recording/", body)) == (400, words)


def test_more_than_1000_ids_in_a_get_are_an_error_of_the_server(api: MetaBrainzApi) -> None:
    ids = ",".join(["ab"] * 1_001)
    assert api.ask("/metadata/recording/", recording_mbids=ids).status_code == 500


def test_artists_are_a_list_without_the_unknown(api: MetaBrainzApi) -> None:
    ids = [api.index.artist_ids[0], UNKNOWN, api.index.artist_ids[1]]
    rows = api.get("/metadata/artist/", artist_mbids=",".join(ids), inc="tag")

    assert [row["artist_mbid"] for row in rows] == [ids[0], ids[2]]
    check_shape(rows, [{**ARTIST, "mbid": str, "tag": {"artist": [ARTIST_TAG]}}])


# -- popularity ------------------------------------------------------------------------------


def test_popularity_counts_an_id_twice_that_is_sent_twice(api: MetaBrainzApi) -> None:
    track = int(np.argmax(api.index.users))
    known = api.index.ids[track]
    once, twice = (
        api.post("/popularity/recording", {"recording_mbids": [known] * times}, token=False)
        for times in (1, 2)
    )

    assert twice[0] == twice[1]
    assert twice[0]["total_user_count"] == 2 * once[0]["total_user_count"]


def test_popularity_of_the_unknown_is_null(api: MetaBrainzApi) -> None:
    rows = api.post("/popularity/artist", {"artist_mbids": [UNKNOWN]}, token=False)
    nothing = {"total_listen_count": None, "total_user_count": None}
    assert rows == [{"artist_mbid": UNKNOWN, **nothing}]


def test_top_recordings_need_a_token_and_come_the_most_listened_first(api: MetaBrainzApi) -> None:
    path = f"/popularity/top-recordings-for-artist/{api.index.artist_ids[3]}"
    assert error_of(api.ask(path))[0] == 401
    rows = api.get(path, token=True)

    assert len(rows) > 1
    assert all(one["total_user_count"] >= two["total_user_count"] for one, two in pairwise(rows))
    assert error_of(api.ask("/popularity/top-recordings-for-artist/x")) == (
        400,
        "artist_mbid: 'x' is not a valid uuid",
    )


# -- names -----------------------------------------------------------------------------------


def test_a_look_up_by_post_is_exact_and_one_by_get_is_not(api: MetaBrainzApi) -> None:
    track = api.index.recordings_of.ids[0]
    artist, title = api.index.credit(track), api.index.title(track)
    exact = {"artist_name": artist.upper(), "recording_name": title}
    near = {"artist_name": artist, "recording_name": f"{title} (feat. Somebody)"}

    rows = api.post("/metadata/lookup/", {"recordings": [exact, near]})
    assert rows[0]["recording_name"] == title
    assert rows[1] == {
        "index": 1,
        "artist_name_arg": artist,
        "recording_name_arg": near["recording_name"],
        "release_name_arg": None,
    }
    assert api.get("/metadata/lookup/", token=True, **near)["recording_name"] == title
    nothing = {"artist_name": "Nobody", "recording_name": "Nothing"}
    assert api.get("/metadata/lookup/", token=True, **nothing) == {}


def test_of_equal_names_in_a_look_up_the_last_is_matched(api: MetaBrainzApi) -> None:
    track = api.index.recordings_of.ids[0]
    row = {"artist_name": api.index.credit(track), "recording_name": api.index.title(track)}
    first, last = api.post("/metadata/lookup/", {"recordings": [row, row]})
    assert "recording_mbid" not in first
    assert last["recording_mbid"]


@pytest.mark.parametrize(
    ("row", "status"),
    [
        ({"artist_name": "", "recording_name": "b"}, 400),
        ({"artist_name": "a", "recording_name": "b" * 250}, 400),
        ({"artist_name": "a", "recording_name": "b", "release_name": None}, 500),
    ],
)
def test_one_bad_name_refuses_the_whole_look_up(
    api: MetaBrainzApi, row: dict[str, object], status: int
) -> None:
    good = {"artist_name": "a", "recording_name": "b"}
    assert error_of(api.send("/metadata/lookup/", {"recordings": [good, row]}))[0] == status


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (None, "You need to provide an Authorization header."),
        ("Token", "Provided Authorization header is invalid."),
        ("Token x", "Invalid authorization token."),
    ],
)
def test_a_look_up_needs_a_token(api: MetaBrainzApi, header: str | None, words: str) -> None:
    answer = api.session.get(
        f"{api.server.listenbrainz_url}1/metadata/lookup/",
        headers={"Authorization": header} if header else {},
        timeout=10,
    )
    assert error_of(answer) == (401, words)


# -- radio -----------------------------------------------------------------------------------


def test_tag_radio_draws_anew_and_says_why_each_recording_fits(api: MetaBrainzApi) -> None:
    asked: dict[str, Any] = {"tag": "rock", "pop_begin": 0, "pop_end": 100, "count": 5}
    rows = api.get("/lb-radio/tags", **asked)

    check_shape(
        rows,
        [{"recording_mbid": str, "tag_count": int, "percent": float, "source": str}],
    )
    assert len(rows) == 5
    assert api.get("/lb-radio/tags", **asked) != rows
    assert error_of(api.ask("/lb-radio/tags", tag=["a", "b"])) == (
        400,
        "multiple tags are specified but the operator param is missing",
    )


# -- labs ------------------------------------------------------------------------------------


def test_similar_recordings_have_the_known_shape_and_are_another_view_than_lastfms(
    api: MetaBrainzApi, world: World
) -> None:
    track = int(
        api.index.recordings_of.ids[np.argmax(api.index.users[api.index.recordings_of.ids])]
    )
    asked = {"recording_mbids": [api.index.ids[track]], "algorithm": RECORDING_ALGORITHMS[4]}
    rows = api.post("//labs/similar-recordings/json", [asked], token=False)

    check_shape(rows, [SIMILAR_RECORDING])
    here = {api.index.by_id[row["recording_mbid"]] for row in rows if row["recording_mbid"]}
    there = set(world.track_similar[track][0].tolist())
    assert here & there
    assert here - there


def test_neighbours_here_and_at_lastfm_come_from_one_hidden_likeness(
    api: MetaBrainzApi, world: World
) -> None:
    near = SimilarMusic(api.index)
    style = world.artist_style
    assert style is not None
    artists = range(40)
    likeness = [
        float(np.mean(style[[other for other, _ in near.artists(each)[:5]]] @ style[each]))
        for each in artists
    ]
    everyone = [float(np.mean(style @ style[each])) for each in artists]
    assert np.mean(likeness) > np.mean(everyone) + 0.3


def test_without_a_hidden_style_most_of_lastfms_neighbours_serve(world: World) -> None:
    bare = MusicBrainzIndex(replace(world, artist_style=None, track_style=None))
    near = [other for other, _ in SimilarMusic(bare).artists(3)]
    there = world.artist_similar[3][0].tolist()

    assert set(near) < set(there)
    assert len(near) > len(there) / 2
    track = int(bare.recordings_of[3][0][0])
    assert len(SimilarMusic(bare).recordings(track)) <= len(world.track_similar[track][0])


def test_only_the_first_object_of_a_question_about_neighbours_counts(api: MetaBrainzApi) -> None:
    one, two = api.index.artist_ids[:2]
    algorithm = ARTIST_ALGORITHMS[0]
    asked = [{"artist_mbids": [each], "algorithm": algorithm} for each in (one, two)]
    rows = api.post("//labs/similar-artists/json", asked, token=False)
    assert {row["reference_mbid"] for row in rows} <= {one, None}


def test_a_neighbour_of_two_seeds_names_the_last_in_both_rows(api: MetaBrainzApi) -> None:
    asked = {"artist_mbids": api.index.artist_ids[:6], "algorithm": ARTIST_ALGORITHMS[0]}
    rows = api.post("//labs/similar-artists/json", [asked], token=False)
    named: dict[str, set[tuple[int, str]]] = {}
    for row in rows:
        named.setdefault(row["artist_mbid"], set()).add((row["score"], row["reference_mbid"]))
    assert len(rows) > len(named)
    assert all(len(each) == 1 for each in named.values())


def test_a_wrong_algorithm_is_answered_with_a_page_that_lists_the_right_ones(
    api: MetaBrainzApi,
) -> None:
    asked = [{"recording_mbids": api.recordings(1), "algorithm": "best"}]
    answer = api.send("//labs/similar-recordings/json", asked)
    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("text/html")
    assert all(f"&#39;{name}&#39;" in answer.text for name in RECORDING_ALGORITHMS)


def test_an_unknown_query_is_not_found(api: MetaBrainzApi) -> None:
    assert api.ask("//labs/mbid-mapping/json").status_code == 404


def test_spotify_ids_leave_out_merged_recordings_and_miss_some(
    api: MetaBrainzApi, merged: list[str]
) -> None:
    asked = [{"recording_mbid": each} for each in (*api.recordings(80), merged[0])]
    rows = api.post("//labs/spotify-id-from-mbid/json", asked, token=False)

    assert len(rows) == 80
    missed = sum(not row["spotify_track_ids"] for row in rows)
    assert 4 < missed < 35
    world = api.state.world
    for row in rows:
        track = api.index.by_id[row["recording_mbid"]]
        for each in row["spotify_track_ids"]:
            same = world.lookup.spotify[each]
            assert world.track_recording[same] == world.track_recording[track]


def test_a_post_answers_with_100_rows_unless_more_are_asked_for(api: MetaBrainzApi) -> None:
    asked = [{"recording_mbid": each} for each in api.recordings(150)]
    assert len(api.post("//labs/recording-mbid-lookup/json", asked)) == 100
    assert len(api.post("//labs/recording-mbid-lookup/json?count=150", asked)) == 150


def test_a_merged_id_is_repaired(api: MetaBrainzApi, merged: list[str]) -> None:
    asked = [{"recording_mbid": each} for each in (merged[0], UNKNOWN)]
    row, nothing = api.post("//labs/recording-mbid-lookup/json", asked)
    assert row["original_recording_mbid"] == merged[0]
    assert row["recording_mbid"] == row["canonical_recording_mbid"] != merged[0]
    assert nothing["recording_mbid"] is None


def test_bulk_tags_come_in_flat_rows(api: MetaBrainzApi) -> None:
    asked = [{"recording_mbid": each} for each in api.recordings(50)]
    rows = api.post("//labs/bulk-tag-lookup/json", asked)
    check_shape(
        rows,
        [{"recording_mbid": str, "tag": str, "tag_count": int, "percent": float, "source": str}],
    )
    assert all(row["percent"] <= 1 for row in rows)
