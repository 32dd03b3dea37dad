"""What the track key joins, and what it keeps apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallhours.identity import SEPARATOR, base_of, identify, normalise

# artist, title, key
GOLDEN = [
    ("Slowdive", "Alison - 2005 Remaster", "slowdive · alison"),
    ("Slowdive", "Alison (Remastered)", "slowdive · alison"),
    ("The Beatles", "Help! - Remastered 2009", "the beatles · help"),
    ("The Beatles", "Let It Be - Remastered 2009 / Mono", "the beatles · let it be"),
    ("Oasis", "Live Forever", "oasis · live forever"),
    ("Oasis", "Live Forever - Live at Knebworth", "oasis · live forever · live at knebworth"),
    ("Wings", "Live and Let Die (From the Motion Picture)", "wings · live and let die"),
    ("Billy Idol", "Dancing With Myself", "billy idol · dancing with myself"),
    ("Sam Smith", "Stay With Me", "sam smith · stay with me"),
    ("R. Kelly", "Ignition (Remix)", "r kelly · ignition · remix"),
    ("Radiohead", "Reckoner (Flying Lotus Remix)", "radiohead · reckoner · flying lotus remix"),
    ("Radiohead", "Creep - Acoustic", "radiohead · creep · acoustic"),
    ("Nirvana", "About a Girl (MTV Unplugged)", "nirvana · about a girl · mtv unplugged"),
    ("Little Feat", "Willin'", "little feat · willin"),
    ("Drake feat. Rihanna", "Take Care", "drake · take care"),
    ("Drake", "Take Care (feat. Rihanna)", "drake · take care"),
    ("Drake", "Take Care ft. Rihanna", "drake · take care"),
    ("Drake", "Take Care featuring Rihanna", "drake · take care"),
    ("Lorde", "No Better Feat", "lorde · no better feat"),
    ("The Kid LAROI", "STAY (with Justin Bieber)", "the kid laroi · stay"),
    ("U2", "With or Without You", "u2 · with or without you"),
    ("AC/DC", "T.N.T.", "ac dc · tnt"),
    ("AC-DC", "TNT", "ac dc · tnt"),
    ("Tyler, The Creator", "See You Again (feat. Kali Uchis)",
     "tyler the creator · see you again"),
    ("Sigur Rós", "Sæglópur", "sigur ros · saeglopur"),
    ("!!!", "???", "!!! · ???"),
    ("坂本龍一", "戦場のメリークリスマス", "坂本龍一 · 戦場のメリークリスマス"),
    ("きゃりーぱみゅぱみゅ", "つけまつける", "きゃりーぱみゅぱみゅ · つけまつける"),
    ("Кино", "Группа крови", "кино · группа крови"),
    ("Guns N’ Roses", "Don’t Cry (Original)", "guns n roses · dont cry"),
    ("Taylor Swift", "Love Story (Taylor’s Version)",
     "taylor swift · love story · taylors version"),
    ("Kate Bush", "Running Up That Hill (A Deal With God) - 2018 Remaster",
     "kate bush · running up that hill a deal with god"),
    ("The Rolling Stones", "(I Can't Get No) Satisfaction - Mono Version",
     "the rolling stones · i cant get no satisfaction"),
    ("Massive Attack", "Teardrop - Remastered 2019", "massive attack · teardrop"),
    ("Aphex Twin", "#3", "aphex twin · 3"),
    ("Pink Floyd", "Shine On You Crazy Diamond, Pts. 1-5 - 2011 - Remaster",
     "pink floyd · shine on you crazy diamond pts 1 5"),
    ("Prince", "1999 - Edit", "prince · 1999 edit"),
    ("Daft Punk", "One More Time (Radio Edit)", "daft punk · one more time"),
    ("Bonobo", "Kiara (Extended Mix)", "bonobo · kiara · extended mix"),
    ("SZA", "Kill Bill - Sped Up", "sza · kill bill · sped up"),
    ("Burial", "Archangel (Instrumental)", "burial · archangel · instrumental"),
    ("Bon Iver", "Holocene (Demo)", "bon iver · holocene · demo"),
    ("Live", "Lightning Crashes", "live · lightning crashes"),
    ("Simon & Garfunkel", "The Boxer", "simon and garfunkel · the boxer"),
    ("Simon and Garfunkel", "The Boxer", "simon and garfunkel · the boxer"),
    ("The Smiths", "There Is a Light That Never Goes Out - Live in London, 1986",
     "the smiths · there is a light that never goes out · live in london 1986"),
    ("Amy Winehouse", "Back To Black (Explicit)", "amy winehouse · back to black"),
    ("Coldplay", "Clocks [Live]", "coldplay · clocks · live"),
    ("Elliott Smith", "Say Yes (Live Version)", "elliott smith · say yes · live version"),
    ("Beck", "Where It's At (U.N.K.L.E. Remix)", "beck · where its at · unkle remix"),
]  # fmt: skip


@pytest.mark.parametrize(("artist", "title", "key"), GOLDEN)
def test_real_titles_get_the_key_a_person_would_give(artist: str, title: str, key: str) -> None:
    assert identify(artist, title).track_key == key


@given(st.text())
def test_a_normalised_name_is_stable_and_never_empty(name: str) -> None:
    once = normalise(name)
    assert once
    assert normalise(once) == once


@given(st.text(), st.text())
def test_every_track_has_a_key_with_both_its_parts(artist: str, title: str) -> None:
    identity = identify(artist, title)
    parts = identity.track_key.split(SEPARATOR)
    assert len(parts) == (3 if identity.version else 2)
    assert all(parts)
    assert base_of(identity.track_key) == SEPARATOR.join(parts[:2])


@given(
    st.text(alphabet=st.characters(categories=("L", "N", "Zs")), min_size=1).filter(str.strip),
    st.sampled_from(["Live", "Live at the Roxy", "Four Tet Remix", "Acoustic", "Demo", "Sped Up"]),
    st.sampled_from(["{} - {}", "{} ({})", "{} [{}]"]),
)
def test_another_recording_never_gets_the_studio_ones_key(
    title: str, version: str, form: str
) -> None:
    studio = identify("Someone", title)
    other = identify("Someone", form.format(title, version))
    assert other.track_key != studio.track_key
