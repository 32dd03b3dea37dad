"""Tests of tags, neighbours and charts of artists, tracks and tags, through pylast and as JSON."""

from dataclasses import replace

import numpy as np
import pytest

from smallhours_sandbox.lastfm_index import LastfmIndex, normalised
from smallhours_sandbox.server import SandboxServer
from smallhours_sandbox.state import SandboxState
from smallhours_sandbox.world import World
from tests.sandbox.lastfm_client import ask, network, node

AWKWARD = 'Guns & "Roses" <Live> ä 音'


def named(world: World, track: int) -> tuple[str, str]:
    """Return artist and Last.fm title of a track."""
    return world.artist_name[world.track_artist[track]], world.lastfm_title(track)


def page_with(world: World, *, tags: bool) -> int:
    """Return a track that represents its page and has tags, or has none."""
    pages = np.unique(LastfmIndex(world).page_of)
    return int(next(page for page in pages if bool(len(world.track_tags[int(page)][0])) is tags))


def test_pylast_reads_the_tags_of_a_track_with_counts(sandbox: SandboxServer) -> None:
    world = sandbox.state.world
    track = page_with(world, tags=True)
    ids, counts = world.track_tags[track]

    tags = network(sandbox).get_track(*named(world, track)).get_top_tags()

    assert [each.item.name for each in tags] == [world.tags[tag] for tag in ids]
    assert [each.weight for each in tags] == [str(count) for count in counts]


def test_a_track_without_tags_is_an_empty_list_with_status_200(sandbox: SandboxServer) -> None:
    artist, title = named(sandbox.state.world, page_with(sandbox.state.world, tags=False))

    tags = node(sandbox, "track.getTopTags", artist=artist, track=title)

    assert tags == {"@attr": {"artist": artist, "track": title}, "tag": []}
    assert network(sandbox).get_track(artist, title).get_top_tags() == []


def test_pylast_reads_the_tags_of_an_artist(sandbox: SandboxServer) -> None:
    world = sandbox.state.world
    artist = int(np.argmax(world.artist_tags.lengths))

    tags = network(sandbox).get_artist(world.artist_name[artist].upper()).get_top_tags()

    assert [each.item.name for each in tags] == [
        world.tags[tag] for tag in world.artist_tags[artist][0]
    ]


def test_tags_can_be_asked_for_by_musicbrainz_id(sandbox: SandboxServer) -> None:
    world = sandbox.state.world
    artist = next(index for index, mbid in enumerate(world.artist_mbid) if mbid)

    tags = node(sandbox, "artist.getTopTags", mbid=world.artist_mbid[artist])

    assert tags["@attr"]["artist"] == world.artist_name[artist]


def test_a_catalogue_answer_is_the_same_the_second_time(sandbox: SandboxServer) -> None:
    artist, title = named(sandbox.state.world, page_with(sandbox.state.world, tags=True))

    answers = [
        ask(sandbox, "track.getTopTags", artist=artist, track=title, format=kind).content
        for kind in ("json", None, "json", None)
    ]

    assert answers[:2] == answers[2:]
    assert sandbox.state.calls["lastfm", "track.getTopTags"] == 4


def test_pylast_reads_similar_artists_by_match(sandbox: SandboxServer) -> None:
    world = sandbox.state.world
    artist = int(np.argmax(world.artist_similar.lengths))

    similar = network(sandbox).get_artist(world.artist_name[artist]).get_similar(limit=5)

    ids, _ = world.artist_similar[artist]
    assert [each.item.name for each in similar] == [world.artist_name[each] for each in ids[:5]]
    matches = [each.match for each in similar]
    assert matches == sorted(matches, reverse=True)
    assert all(0 <= match <= 1 for match in matches)


def test_match_is_text_for_artists_and_a_number_for_tracks(sandbox: SandboxServer) -> None:
    world = sandbox.state.world
    artist = world.artist_name[int(np.argmax(world.artist_similar.lengths))]
    track = int(LastfmIndex(world).page_of[int(np.argmax(world.track_similar.lengths))])
    by, title = named(world, track)

    artists = node(sandbox, "artist.getSimilar", artist=artist)["artist"]
    tracks = node(sandbox, "track.getSimilar", artist=by, track=title)["track"]

    assert isinstance(artists[0]["match"], str)
    assert isinstance(tracks[0]["match"], float)
    assert isinstance(tracks[0]["playcount"], int)


def test_pylast_reads_similar_tracks_without_the_track_itself(sandbox: SandboxServer) -> None:
    world = sandbox.state.world
    track = int(LastfmIndex(world).page_of[int(np.argmax(world.track_similar.lengths))])

    similar = network(sandbox).get_track(*named(world, track)).get_similar(limit=10)

    names = [(each.item.artist.name, each.item.title) for each in similar]
    assert 0 < len(names) <= 10
    assert len(set(names)) == len(names)
    assert named(world, track) not in names


def test_pylast_reads_the_top_tracks_of_a_tag(sandbox: SandboxServer) -> None:
    world = sandbox.state.world
    tag = int(np.bincount(world.track_tags.ids).argmax())

    top = network(sandbox).get_tag(world.tags[tag].upper()).get_top_tracks(limit=8)

    assert len(top) == 8
    wanted = world.tags[tag].casefold()
    for each in top:
        track = world.find_track(each.item.artist.name, each.item.title)
        assert track is not None
        page = LastfmIndex(world).page_of[track]
        carried = {world.tags[i].casefold() for i in world.track_tags[int(page)][0]}
        assert wanted in carried or page != track


def test_top_tracks_of_a_tag_come_under_the_root_tracks(sandbox: SandboxServer) -> None:
    tag = sandbox.state.world.tags[int(np.bincount(sandbox.state.world.track_tags.ids).argmax())]

    body = ask(sandbox, "tag.getTopTracks", tag=tag, limit=2, page=2).json()["tracks"]

    assert body["@attr"]["page"] == "2"
    assert [row["@attr"]["rank"] for row in body["track"]] == ["3", "4"]
    assert "playcount" not in body["track"][0]


def test_pylast_reads_the_top_artists_of_a_tag(sandbox: SandboxServer) -> None:
    world = sandbox.state.world
    tag = int(np.bincount(world.artist_tags.ids).argmax())

    top = network(sandbox).get_tag(world.tags[tag]).get_top_artists(limit=5)

    assert len(top) == 5


def test_an_unknown_tag_is_an_empty_list(sandbox: SandboxServer) -> None:
    for method, root in (("tag.getTopTracks", "track"), ("tag.getTopArtists", "artist")):
        empty = node(sandbox, method, tag="nobody says this")
        assert empty[root] == []
        assert empty["@attr"]["total"] == "0"


def test_an_unknown_tag_has_info_with_zeros(sandbox: SandboxServer) -> None:
    info = node(sandbox, "tag.getInfo", tag="nobody says this")

    assert (info["name"], info["total"], info["reach"]) == ("nobody says this", 0, 0)


def test_similar_tags_are_broken_as_they_are_in_reality(sandbox: SandboxServer) -> None:
    body = ask(sandbox, "tag.getSimilar", tag="rock").json()

    assert body == {"similartags": {"@attr": {"tag": "n/a"}, "tag": []}}


def test_pylast_reads_the_top_tracks_of_an_artist(sandbox: SandboxServer) -> None:
    world = sandbox.state.world
    artist = int(np.bincount(world.track_artist).argmax())

    top = network(sandbox).get_artist(world.artist_name[artist]).get_top_tracks(limit=3)

    assert {each.item.artist.name for each in top} == {world.artist_name[artist]}
    assert [each.weight for each in top] == sorted((e.weight for e in top), reverse=True)


def test_the_chart_of_tags_falls_in_use(sandbox: SandboxServer) -> None:
    rows = node(sandbox, "chart.getTopTags", limit=6)["tag"]

    taggings = [int(row["taggings"]) for row in rows]
    assert taggings == sorted(taggings, reverse=True)


def test_awkward_names_survive_xml_and_json(small_world: World) -> None:
    names = [AWKWARD, *small_world.artist_name[1:]]
    world = replace(small_world, artist_name=names, _lookup=None)
    with SandboxServer(SandboxState(world)) as sandbox:
        assert network(sandbox).get_artist(AWKWARD).get_name(properly_capitalized=True) == AWKWARD
        assert node(sandbox, "artist.getTopTags", artist=AWKWARD)["@attr"]["artist"] == AWKWARD


@pytest.mark.parametrize(
    ("written", "right"),
    [
        ("The Paper Lanterns", "Paper Lanterns"),
        ("Sigur Ros", "Sigur Rós"),
        ("Night Bus (feat. X)", "Night Bus"),
        ("Night Bus ft. X", "Night Bus"),
        ("Paper Lanterns - 2011 Remaster", "paper lanterns"),
        ("Paper Lanterns (Remastered 2011)", "Paper Lanterns"),
        ("Love Cats!", "Lovecats"),
    ],
)
def test_spellings_that_autocorrect_takes_for_the_same(written: str, right: str) -> None:
    assert normalised(written) == normalised(right)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Paper Lanterns - Live", "Paper Lanterns"),
        ("The The", "The"),
        ("音", "楽"),
        ("!!!", "???"),
        ("Defeat", "De"),
    ],
)
def test_spellings_that_autocorrect_keeps_apart(one: str, other: str) -> None:
    assert normalised(one) != normalised(other)


def test_autocorrect_answers_with_the_corrected_names(sandbox: SandboxServer) -> None:
    artist, title = named(sandbox.state.world, page_with(sandbox.state.world, tags=True))
    misspelt = {"artist": f"{artist.upper()}!", "track": f"{title} (feat. Nobody)"}

    corrected = node(sandbox, "track.getTopTags", **misspelt, autocorrect=1)

    assert corrected["@attr"] == {"artist": artist, "track": title}
    assert corrected["tag"]


def test_without_autocorrect_a_misspelt_name_is_not_found(sandbox: SandboxServer) -> None:
    artist, title = named(sandbox.state.world, page_with(sandbox.state.world, tags=True))

    answer = ask(sandbox, "track.getTopTags", artist=artist, track=f"{title} (feat. Nobody)")

    assert answer.status_code == 200
    assert answer.json() == {"error": 6, "message": "Track not found", "links": []}


def test_spotifys_spelling_is_a_page_without_tags(small_world: World) -> None:
    track = page_with(small_world, tags=True)
    titles = list(small_world.track_title)
    titles[track] = "Only Spotify Says This - 2011 Remaster"
    world = replace(small_world, track_title=titles, _lookup=None)
    artist, title = named(world, track)
    with SandboxServer(SandboxState(world)) as sandbox:
        asked = {"artist": artist, "track": titles[track]}
        assert node(sandbox, "track.getTopTags", **asked)["tag"] == []
        corrected = node(sandbox, "track.getTopTags", **asked, autocorrect=1)

    assert corrected["@attr"]["track"] == title
    assert corrected["tag"]
