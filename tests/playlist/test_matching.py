"""Which search results are the recording that was meant."""

import pytest

from smallhours.playlist.matching import Sought, best_match, match_score, queries
from smallhours.services.spotify_replies import SpotifyArtist, SpotifyTrack


def found(
    title: str, *artists: str, ms: int = 200_000, isrc: str | None = None, id_: str | None = "id"
) -> SpotifyTrack:
    return SpotifyTrack(
        id=id_,
        uri=f"spotify:track:{id_}",
        title=title,
        artists=tuple(SpotifyArtist(name, None) for name in artists),
        album=None,
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
        ("Drake feat. Rihanna", "Take Care", found("Take Care (feat. Rihanna)", "Drake")),
        ("Rihanna", "Take Care", found("Take Care", "Drake", "Rihanna")),
        ("Oasis", "Live Forever", found("Live Forever - Remastered", "Oasis")),
        ("Ride", "Seagull (Live)", found("Seagull - Live", "Ride")),
    ],
)
def test_the_same_recording_is_recognised(artist: str, title: str, result: SpotifyTrack) -> None:
    assert match_score(Sought(artist, title), result) is not None


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
    ],
)
def test_another_recording_is_not(artist: str, title: str, result: SpotifyTrack) -> None:
    assert match_score(Sought(artist, title), result) is None


def test_of_equally_good_results_the_first_wins() -> None:
    first, second = found("Alison", "Slowdive", id_="1"), found("Alison", "Slowdive", id_="2")
    assert best_match(Sought("Slowdive", "Alison"), [first, second]) == (first, 100.0)


def test_the_right_length_wins_where_it_is_known() -> None:
    edit, album = found("Alison", "Slowdive", ms=150_000), found("Alison", "Slowdive", ms=231_000)
    best = best_match(Sought("Slowdive", "Alison", duration_ms=230_000), [edit, album])
    assert best == (album, 100.0)


def test_an_equal_isrc_is_certain_whatever_the_names() -> None:
    result = found("アリソン", "スロウダイヴ", isrc="GBAAA9300001")
    assert match_score(Sought("Slowdive", "Alison", isrc="GBAAA9300001"), result) == 100.0


def test_no_results_are_no_match() -> None:
    assert best_match(Sought("Slowdive", "Alison"), []) is None


def test_quotes_in_a_title_do_not_end_the_field() -> None:
    assert queries(Sought('"Weird Al" Yankovic', "Eat It"))[0] == (
        'track:"Eat It" artist:"Weird Al Yankovic"'
    )
