"""Tests of edition noise and guests in many languages, and of versions that must stay apart."""

import pytest

from smallhours.identity import identify, version_kind

EDITIONS = """
    - Remasterized 2001 | - Versión Remasterizada 2008 | - Remasterisé en 2016 | (Re-Issue)
    (Remasterizado) | (Versão Remasterizada) | - Versione Rimasterizzata | - Rimasterizzato 2012
    - 2009 リマスター | 【2011年リマスター】 | (リマスター版) | (Remastrad 2010) | - Ремастер 2015
    (Ремастированная версия) | (Digital geremastert) | - Remastering 2010 | (리마스터 버전)
    (Deluxe Remaster) | - Jan Pell Remaster / 2006 | (Remastered by Jan Pell)
    - Album Version (Edited)
    - Norwegian Bonus Track | (Japanese Bonus Track)
    (Piste Bonus) | (Faixa Bônus) | (Bonustrack)
    (ボーナス・トラック) | (Edición Deluxe) | (Edição Especial) | (Édition Limitée)
    (Deluxe-Edition)
    (Jubiläumsedition) | (25th Anniversary) | - 40 Aniversario | (Edición 30 Aniversario)
    (20 Year Anniversary Edition) | (Super Deluxe Edition) | (Collector's Edition) | (Tour Edition)
    - Versión Mono | (Stéréo) | - Estéreo | (モノラル) | - Mono / Remastered | (Original Mono Mix)
    (Versión Radio) | (Radio-Edit) | (Versão Rádio) | (Radioversion) | (ラジオ・エディット)
    (Versión del Álbum) | (Versão do Álbum) | (Albumversion) | (アルバム・ヴァージョン)
    (Version Originale) | (From Tallow The Album) | (De "Tallow") | (Aus "Tallow")
    (Del film "Tallow") | (De la película "Tallow") | (Du film "Tallow") | (Aus dem Film "Tallow")
    (Tratto dal film Tallow) | (Do Filme "Tallow") | (Da Novela Tallow) | (Из фильма «Tallow»)
    (映画「タロー」より) | (映画「タロー」主題歌) | - Theme From "Tallow" / Remastered 2006
    (From the album Tallow) | (Del álbum "Tallow") | (Banda Sonora de la Película "Tallow")
    (Tallow OST) | (Titelsong aus "Tallow") | (Banda Sonora Original)
    (Bande originale du film) | (Colonna Sonora Originale) | (OST)
    (Video Oficial) | (Clip officiel) | (Offizielles Musikvideo) | - Remastered '98
    - 1999 Digital Remaster;Jan Pell Edition
    (Pista Extra) | (Extra Track) | (Faixa Extra) | (Pista Adicional) | (Zusatztitel)
    (Deluxe Album) | (Limited Single) | (Deluxe Album Edition) | (Special EP Edition)
    (Full Version) | - Full Length Version | (Full Album Version) | (Versión Completa)
    (Полная версия) | (Offizielle Version) | (Official Version) | (Versión Oficial)
    (Versione Ufficiale) | (Official Album Version) | (Official Radio Edit)
"""
GUESTS = """
    (Con Jan Pell) | (con Jan Pell & Mira) | (Avec Jan Pell) | (Mit Jan Pell) | (Com Jan Pell)
    [med Jan Pell] | (part. Jan Pell) | (con la participación de Jan Pell) | (Prod. by Jan Pell)
    (duet with Jan Pell) | (A Duet With Jan Pell) | (in duet with Jan Pell) | (Dueto con Jan Pell)
    (Duetto con Jan Pell) | (Im Duett mit Jan Pell) | (en duo avec Jan Pell) | (Duet w/ Jan Pell)
"""
RECORDINGS = """
    (Live) | - Live Remastered 2001 | (Live in Rome Remastered) | (Acoustic Remaster)
    (Demo Remastered) | (Instrumental Bonus Track) | (Bonus Mix) | (Bonus Beats)
    (Part 2 Remastered)
    (Pt. 2) | (Remix) | (Karaoke) | (Take 4) | (2) | (Special 2) | (Remaster 2) | (1975) | (II)
    (Bluegrass Version) | (Taylor's Version) | (Re-Recorded) | (Versión Acústica) | (En Vivo)
    (Versión Cumbia) | (Version Française) | (Nueva Versión) | (2011 Version) | (2011 Edit)
    (Love Theme from Tallow) | (Live Soundtrack) | (From the Live Album Tallow)
    (Live from "The Late Show") | (From The Late Show) | (From the Concert Film) | (12" Mix)
    (2019 武道館ライブより) | (ライブ) | (Версия 2) | (TV Size) | (Orchestral Edition) | (Medley)
    (Alternate Mix Remastered) | (Extended Remaster) | (Con Amor) | (Con Te) | (Con el corazón)
    (Con brio) | (Mit Dir) | (Avec toi) | (Com Você) | (Do the Movie Show) | (Gold)
    (Do It on Film) | (De Lejos) | (From the Beginning) | (Anniversary Song) | (Japan)
    (Full Band Version) | (Full Orchestra) | (Full Moon) | (Official Remix) | (Extra) | (Album)
    (Official Live Video) | (Full Concert Version) | (Extra Long Version) | (Completely) | (Length)
    (Duet) | (Duet with Me) | (Dueto con Amor) | (Duo) | (Full Vocal Mix) | (Deluxe Remix)
    (Official Extended Version) | (UK Version) | (US Mix) | (Track)
"""


def each(rows: str) -> list[str]:
    return [row.strip() for line in rows.strip().splitlines() for row in line.split(" | ")]


@pytest.mark.parametrize("edition", each(EDITIONS))
def test_an_edition_is_the_same_recording_in_every_language(edition: str) -> None:
    for title in ("Song", "Song (Live in Rome)"):
        assert identify("X", f"{title} {edition}").track_key == identify("X", title).track_key


@pytest.mark.parametrize("guest", each(GUESTS))
def test_a_guest_in_brackets_is_not_part_of_the_title(guest: str) -> None:
    assert identify("X", f"Song {guest}").track_key == "x · song"
    assert identify("X", f"SONG {guest.upper()}").track_key == "x · song"


def test_other_recordings_and_titles_stay_apart_from_the_song_and_from_each_other() -> None:
    keys = [identify("X", f"Song {words}").track_key for words in ("", *each(RECORDINGS))]
    assert [key for key in keys if keys.count(key) > 1] == ["x · song · live"] * 2


def test_what_remains_beside_a_remaster_is_the_version() -> None:
    assert identify("X", "Song - Live in Rome 2011 Remaster").version == "live in rome"
    assert identify("X", "Song - Live in 1974 Remastered 2009").version == "live in 1974"


def test_all_spellings_of_a_cappella_are_one() -> None:
    spelt = ("Acapella", "A Capella", "A Cappella", "acappella version")
    assert {identify("X", f"Song ({words})").version for words in spelt} == {"a cappella"}


def test_only_somebodys_version_was_recorded_again() -> None:
    assert version_kind("Taylor’s Version") == "re-recording"
    assert version_kind("Bluegrass Version") == "version"


@pytest.mark.parametrize(
    "title", ["(live)" * 1_600, "(" * 8_000, " feat. a" * 4_000, "a\u0301\u0316" * 9_000]
)
def test_a_very_long_name_is_cut_before_the_rules(title: str) -> None:
    assert len(identify(title, title).track_key) < 1_200
    assert identify("X", " " * 100_000 + "Song").track_key == "x · song"


def test_very_long_names_with_one_beginning_are_two() -> None:
    one, other = ("la " * 1_000 + end for end in ("one", "other"))
    assert identify("X", one).track_key != identify("X", other).track_key
    assert identify("X", one).track_key == identify("x", one.upper()).track_key
    assert len(identify("X", one).track_key) < 600
