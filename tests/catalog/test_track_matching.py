"""Tests of which search results match the recording that is sought."""

from dataclasses import replace

import pytest

from smallhours.catalog.spotify_ids import (
    MAX_QUERY,
    WantedTrack,
    best_match,
    match_score,
    search_queries,
)
from smallhours.identity import normalise
from smallhours.services.spotify_replies import SpotifyArtist, SpotifyTrack


def found(
    title: str,
    *artists: str,
    ms: int = 200_000,
    isrc: str | None = None,
    id_: str | None = "id",
    album: str | None = None,
) -> SpotifyTrack:
    return SpotifyTrack(
        id=id_,
        uri=f"spotify:track:{id_}",
        title=title,
        artists=tuple(SpotifyArtist(name, None) for name in artists),
        album=album,
        album_released=None,
        duration_ms=ms,
        isrc=isrc,
        explicit=False,
    )


@pytest.mark.parametrize(
    ("artist", "title", "result"),
    [
        ("Slowdive", "Alison", found("Alison - 2005 Remaster", "Slowdive")),
        ("Sigur Ros", "Saeglopur", found("Sæglópur", "Sigur Rós")),
        ("Simon & Garfunkel", "The Boxer", found("The Boxer", "Simon & Garfunkel")),
        ("Nick Cave & Warren Ellis", "Shell", found("Shell", "Nick Cave", "Warren Ellis")),
        ("Mira, Tolo", "Shell", found("Shell", "Mira", "Tolo")),
        ("Mira x Tolo & Jan Pell", "Shell", found("Shell", "Mira", "Jan Pell", "Tolo")),
        ("Drake feat. Rihanna", "Take Care", found("Take Care (feat. Rihanna)", "Drake")),
        ("Rihanna", "Take Care", found("Take Care", "Drake", "Rihanna")),
        ("Oasis", "Live Forever", found("Live Forever - Remastered", "Oasis")),
        ("Ride", "Seagull (Live)", found("Seagull - Live", "Ride")),
        ("Drake", "Take Care ft. Raven (Band)", found("Take Care", "Drake", "Raven (Band)")),
        ("Pink Floyd", "Breathe (Part 2)", found("Breathe, Pt. II", "Pink Floyd")),
        ("Slowdive", "Catch the Breze", found("Catch the Breeze", "Slowdive")),
        ("Velvet Underground", "Heroin", found("Heroin", "The Velvet Underground")),
    ],
)
def test_the_same_recording_is_recognised(artist: str, title: str, result: SpotifyTrack) -> None:
    assert match_score(WantedTrack(artist, title), result) is not None


@pytest.mark.parametrize(
    ("artist", "title", "result"),
    [
        ("Slowdive", "Alison", found("Alison - Live", "Slowdive")),
        ("Ride", "Seagull (Live)", found("Seagull", "Ride")),
        ("Radiohead", "Reckoner (Four Tet Remix)", found("Reckoner (Diplo Remix)", "Radiohead")),
        ("Slowdive", "Alison", found("Alison", "Elvis Costello")),
        ("Slowdive", "Alison", found("Alice", "Slowdive")),
        ("Slowdive", "Alison", found("Alison", "Slowdive", id_=None)),
        ("Adele", "Hello", found("Hello - Karaoke Version", "Adele")),
        ("Neil Young", "Heart", found("Heart of Gold", "Neil Young")),
        ("Pink Floyd", "Breathe, Pt. 1", found("Breathe, Pt. 2", "Pink Floyd")),
        ("Aphex Twin", "Station #2", found("Station #3", "Aphex Twin")),
        ("Low", "Over the Ocean II", found("Over the Ocean III", "Low")),
        ("Bob Dylan", "Idiot Wind (Take 4)", found("Idiot Wind (Take 6)", "Bob Dylan")),
        ("Love Spirals", "Love", found("Love Spirals", "Love Spirals")),
        ("Ride", "Seagull (Live at the Roxy)", found("Seagull (Live in Rome)", "Ride")),
    ],
)
def test_another_recording_is_not(artist: str, title: str, result: SpotifyTrack) -> None:
    assert match_score(WantedTrack(artist, title), result) is None


def test_of_equally_good_results_the_first_wins() -> None:
    first, second = found("Alison", "Slowdive", id_="1"), found("Alison", "Slowdive", id_="2")
    assert best_match(WantedTrack("Slowdive", "Alison"), [first, second]) == (first, 100.0)


def test_a_track_that_can_not_be_played_is_no_match() -> None:
    first, second = found("Alison", "Slowdive", id_="1"), found("Alison", "Slowdive", id_="2")
    unplayable = replace(first, playable=False)
    wanted = WantedTrack("Slowdive", "Alison", isrc="GBAAA9300001")
    assert best_match(wanted, [unplayable, second]) == (second, 100.0)
    assert best_match(wanted, [unplayable]) is None


def test_the_right_length_wins_where_it_is_known() -> None:
    edit, album = found("Alison", "Slowdive", ms=150_000), found("Alison", "Slowdive", ms=231_000)
    best = best_match(WantedTrack("Slowdive", "Alison", duration_ms=230_000), [edit, album])
    assert best == (album, 100.0)


def test_an_equal_isrc_is_certain_whatever_the_names() -> None:
    result = found("アリソン", "スロウダイヴ", isrc="GBAAA9300001")
    assert match_score(WantedTrack("Slowdive", "Alison", isrc="GBAAA9300001"), result) == 100.0


def test_no_results_are_no_match() -> None:
    assert best_match(WantedTrack("Slowdive", "Alison"), []) is None


def test_quotes_in_a_title_do_not_end_the_field() -> None:
    assert search_queries(WantedTrack('"Weird Al" Yankovic', "Eat It"))[0] == (
        'track:"Eat It" artist:"Weird Al Yankovic"'
    )


def test_a_title_that_is_spelt_otherwise_must_have_the_right_length() -> None:
    near = found("Losing You", "Slowdive", ms=200_000)
    assert (
        match_score(WantedTrack("Slowdive", "Loosing You", duration_ms=201_000), near) is not None
    )
    assert match_score(WantedTrack("Slowdive", "Loosing You", duration_ms=240_000), near) is None


def test_the_exact_title_wins_over_one_spelt_otherwise() -> None:
    near, exact = found("Catch the Breze", "Slowdive"), found("Catch the Breeze", "Slowdive")
    best = best_match(WantedTrack("Slowdive", "Catch the Breeze"), [near, exact])
    assert best == (exact, 100.0)


def test_the_very_artist_wins_over_one_of_nearly_that_name() -> None:
    near, exact = found("Drive", "Honest Owl"), found("Drive", "The Honest Owl")
    assert best_match(WantedTrack("The Honest Owl", "Drive"), [near, exact]) == (exact, 100.0)


@pytest.mark.parametrize("other", ["Greatest Hits", "The Best Of", "Live at the Roxy", "X (Live)"])
def test_a_studio_album_wins_over_a_collection_or_a_live_album(other: str) -> None:
    second = found("Alison", "Slowdive", album=other, id_="2")
    studio = found("Alison", "Slowdive", album="Souvlaki", id_="1")
    best = best_match(WantedTrack("Slowdive", "Alison"), [second, studio])
    assert best == (studio, 100.0)


def test_the_album_that_was_named_wins_over_others() -> None:
    single = found("Alison", "Slowdive", album="Outside Your Room", id_="2")
    album = found("Alison", "Slowdive", album="Souvlaki (Deluxe Edition)", id_="1")
    best = best_match(WantedTrack("Slowdive", "Alison", album="Souvlaki"), [single, album])
    assert best == (album, 100.0)


@pytest.mark.parametrize(
    ("artist", "title"),
    [
        ("Somebody", "A very long title " * 20),
        ("Everybody who ever sang " * 20, "Short"),
        ("Both of them " * 30, "and more so " * 30),
        ("Somebody", "x" * 400),
    ],
)
def test_a_query_is_cut_at_whole_words_to_what_spotify_takes(artist: str, title: str) -> None:
    for query in search_queries(WantedTrack(artist, title)):
        assert 0 < len(query) <= MAX_QUERY
        words = {*normalise(artist).split(), *normalise(title).split(), "track", "artist"}
        assert "x" * 400 in words or set(normalise(query).split()) <= words
    assert search_queries(WantedTrack("Somebody", title))[0].endswith('artist:"Somebody"')


@pytest.mark.parametrize(
    ("artist", "title", "ms"),
    [
        ("Slowdive", "Alison (Live)", 200_000),
        ("Slowdive", "Alison", 260_000),
        ("Somebody Else", "Another Song", 200_000),
    ],
)
def test_an_isrc_that_names_or_length_contradict_proves_nothing(
    artist: str, title: str, ms: int
) -> None:
    result = found(title, artist, isrc="GBAAA9300001", ms=ms)
    score = match_score(WantedTrack("Slowdive", "Alison", 200_000, "GBAAA9300001"), result)
    assert score is None or score < 100
