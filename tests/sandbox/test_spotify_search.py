"""Tests of search: hits and their order."""

from collections.abc import Iterator
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallhours_sandbox.spotify_search import (
    CatalogSearch,
    SearchQuery,
    WordIndex,
    parse_query,
    words,
)
from smallhours_sandbox.world import World
from tests.sandbox.spotify_world import Api, retitled, running

TITLES = {
    0: "Paper Lanterns",
    1: "Paper Lanterns - 2011 Remaster",
    2: "Paper Lanterns - Live",
    3: "Écoute le déluge",
    4: "Don't Stop (feat. Zyx Qwv)",
    5: "!!!",
    6: "夜のドライブ",
    7: 'The 12" Mix',
}
ARTISTS = {0: "Xyloph Øystein", 1: "AC/DC & Zebras"}


@cache
def world() -> World:
    world = retitled(TITLES, ARTISTS)
    world.track_artist = world.track_artist.copy()
    world.track_artist[[0, 1, 2, 3, 4, 5, 6, 7]] = [0, 0, 0, 0, 1, 1, 1, 1]
    world.track_featured = [list(row) for row in world.track_featured]
    world.track_featured[3] = [1]
    return world


@cache
def catalog() -> CatalogSearch:
    return CatalogSearch(world())


def found(q: str, count: int = 5) -> list[int]:
    hits: list[int] = catalog().tracks(parse_query(q))[:count].tolist()
    return hits


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with running(world()) as api:
        yield api


@pytest.mark.parametrize(
    ("q", "first"),
    [
        ('track:"Paper Lanterns" artist:"Xyloph Øystein"', 0),
        ("track:Paper Lanterns artist:Xyloph Oystein", 0),
        ("artist:xyloph track:PAPER LANTERNS", 0),
        ('track:"Paper Lanterns 2011 Remaster" artist:"Xyloph Øystein"', 1),
        ("paper lanterns live oystein", 2),
        ("ecoute le deluge", 3),
        ("Ecoute artist:AC/DC", 3),
        ("track:Dont Stop", 4),
        ("don’t stop zyx qwv", 4),
        ("track:!!! artist:Zebras", 5),
        ("夜のドライブ", 6),
        ("夜のドラ", 6),
        ('track:"The 12" Mix" artist:Zebras', 7),
    ],
)
def test_the_best_match_comes_first(q: str, first: int) -> None:
    assert found(q, 1) == [first]


def test_versions_of_a_song_are_all_found_the_plain_one_first() -> None:
    hits = found('track:"Paper Lanterns" artist:"Xyloph Øystein"', 10)
    assert hits[0] == 0
    assert {0, 1, 2} <= set(hits)


def test_an_unknown_word_more_does_not_hide_a_match() -> None:
    assert found("paper lanterns oystein qqqqq", 1) == [0]


def test_nothing_that_matches_means_nothing_found() -> None:
    assert found('track:"Qqqqq Wwwww"') == []
    assert found('track:"Paper Lanterns" artist:"Qqqqq Wwwww"') == []
    assert found("isrc:ZZ0000000000") == []
    assert found("upc:123") == []
    assert found("artist:xyloph year:1700") == []
    assert found("artist:xyloph year:soon") == []


def test_isrc_finds_every_release_of_a_recording() -> None:
    isrc = world().track_isrc[0]
    expected = {index for index, other in enumerate(world().track_isrc) if other == isrc}
    assert set(found(f"isrc:{isrc.lower()}", 50)) == expected


def test_album_and_year_narrow_down() -> None:
    album = int(world().track_album[0])
    title, year = world().album_title[album], world().album_released[album][:4]
    hits = found(f'album:"{title}" artist:"Xyloph Øystein" year:{year}', 50)
    assert 0 in hits
    assert found(f"track:Paper Lanterns year:{int(year) + 1}-{int(year) + 2}", 1) != [0]
    assert found(f"track:Paper Lanterns artist:Xyloph year:{int(year) - 1}-{year}", 1) == [0]


def test_artists_and_albums_are_found_by_name() -> None:
    assert catalog().artists(parse_query("ac/dc and zebras"))[0] == 1
    assert catalog().artists(parse_query("artist:Xyloph"))[0] == 0
    assert len(catalog().artists(parse_query("track:Xyloph"))) == 0
    album = int(world().track_album[0])
    owner = world().artist_name[world().album_artist[album]]
    best = catalog().albums(parse_query(f'album:"{world().album_title[album]}" artist:"{owner}"'))
    assert album in best[:5]


def test_popularity_decides_between_equal_matches() -> None:
    hits = catalog().tracks(SearchQuery([], {"year": "1900-2100"}))
    popularity = world().track_popularity[hits]
    assert (popularity[:-1] >= popularity[1:]).all()


@given(st.integers(0, world().n_tracks - 1))
def test_every_track_is_found_by_its_own_title_and_artist(track: int) -> None:
    title = world().track_title[track].replace('"', "")
    artist = world().artist_name[world().track_artist[track]]
    hits = catalog().tracks(SearchQuery([], {"track": title, "artist": artist}))
    same = [other for other in hits[:10] if words(world().track_title[other]) == words(title)]
    assert same, (title, artist)


@given(st.text(max_size=40))
def test_words_ignore_case_and_no_query_is_too_odd(text: str) -> None:
    assert words(text.upper().lower()) == words(text.upper().lower().casefold())
    assert all(words(text)) and bool(words(text)) <= bool(text.strip())  # noqa: PT018
    parse_query(text)


def test_a_prefix_counts_only_where_no_whole_word_does() -> None:
    index = WordIndex(["night", "nightfall", "nights"])
    assert index.holders("night").tolist() == [0]
    assert index.holders("nightf").tolist() == [1]
    assert index.holders("ni").tolist() == []


def test_search_shows_five_and_at_most_ten(api: Api) -> None:
    body = api.get("/search", q="the", type="track,artist")
    assert set(body) == {"tracks", "artists"}
    assert body["tracks"]["limit"] == 5
    assert len(api.get("/search", q="the", type="track", limit=10)["tracks"]["items"]) == 10


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("q=a&type=track&limit=11", "Invalid limit"),
        ("q=a&type=track&limit=0", "Invalid limit"),
        ("q=a&type=track&offset=1001", "Invalid offset"),
        ("type=track", "No search query"),
        ("q=%20&type=track", "No search query"),
        ("q=a", "Missing parameter type"),
        ("q=a&type=song", "Bad search type field song"),
        (f"q={'a' * 251}&type=track", "Query exceeds maximum length of 250 characters"),
    ],
)
def test_a_bad_search_is_refused(api: Api, query: str, message: str) -> None:
    assert api.refusal("GET", f"/search?{query}") == (400, message)


def test_search_pages_by_absolute_addresses(api: Api) -> None:
    first = api.get("/search", q="artist:Xyloph", type="track", limit=2)["tracks"]
    assert first["next"].startswith(f"{api.url}/v1/search?q=artist%3AXyloph&type=track")
    second = api.get(first["next"])["tracks"]
    assert second["offset"] == 2
    assert second["previous"] is not None
    assert {hit["id"] for hit in first["items"]}.isdisjoint(hit["id"] for hit in second["items"])
