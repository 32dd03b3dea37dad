"""Publishing to a Subsonic server that others wrote: Supysonic, where it is installed.

It is looked for on the PATH, or in the folder that SMALLHOURS_SUPYSONIC names: the `bin` of an
environment with `supysonic`, `waitress` and `mutagen`. It speaks Subsonic 1.12.
"""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from smallhours.errors import ServiceError, SourceRefused
from smallhours.places.subsonic import SubsonicPlace
from smallhours.playlist.publish.rollback import rollback
from smallhours.playlist.publish.stage import publish_playlist
from smallhours.service_settings import SubsonicSettings
from smallhours.services.credentials import SubsonicCredentials
from smallhours.services.retry_and_rate_limit import RetryPolicy
from smallhours.services.subsonic import SubsonicClient
from tests.places.every_place import limit
from tests.playlist.ranked_lake import RankedLake, write_choice
from tests.service_fixtures import NIGHT

NEXT = "2026-11-03"
OWNED = 60
PASSWORD = "a secret"
# Writes a file of a tenth of a second for each line `artist <tab> title`.
MAKE_SONGS = """
import sys, wave
from mutagen.id3 import TALB, TIT2, TPE1
from mutagen.wave import WAVE
for number, line in enumerate(sys.stdin):
    artist, title = line.rstrip("\\n").split("\\t")
    path = f"{sys.argv[1]}/{number:03}.wav"
    with wave.open(path, "wb") as song:
        song.setnchannels(1); song.setsampwidth(1); song.setframerate(8000)
        song.writeframes(bytes(800))
    tagged = WAVE(path)
    tagged.add_tags()
    for tag in (TIT2(text=title), TPE1(text=artist), TALB(text="Album")):
        tagged.tags.add(tag)
    tagged.save()
"""


@dataclass
class Supysonic:
    """A running server, with songs for the first candidates of the lake."""

    url: str
    ranked_lake: RankedLake

    def client(self, password: str = PASSWORD) -> SubsonicClient:
        return SubsonicClient(
            SubsonicCredentials(self.url, "ada", password),
            settings=SubsonicSettings(),
            rate_limit=limit(),
            retry_policy=RetryPolicy(tries=60, initial_wait_s=0.1, max_wait_s=0.5),
        )


def program(name: str) -> str:
    """Return a program of the environment; skip the test where it is missing."""
    found = shutil.which(name, path=os.environ.get("SMALLHOURS_SUPYSONIC")) or shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed; SMALLHOURS_SUPYSONIC may name its folder")
    return found


def names_of(ranked_lake: RankedLake, keys: list[str]) -> list[tuple[str, str]]:
    from smallhours.lake.tables import TRACKS

    tracks = ranked_lake.lake.frame(TRACKS, columns=["track_key", "artist", "title"])
    rows = tracks.drop_duplicates("track_key").set_index("track_key").loc[keys]
    return list(zip(rows["artist"], rows["title"], strict=True))


@pytest.fixture(scope="module")
def server(
    first_resolved_lake: RankedLake, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Supysonic]:
    serve, manage = program("supysonic-server"), program("supysonic-cli")
    python = str(Path(serve).parent / "python")
    home = tmp_path_factory.mktemp("supysonic")
    (home / "music").mkdir()
    names = names_of(first_resolved_lake, first_resolved_lake.candidates[:OWNED])
    lines = "".join(f"{artist}\t{title}\n" for artist, title in [*names, ("Nobody", "Own Song")])
    made = [python, "-c", MAKE_SONGS, str(home / "music")]
    subprocess.run(made, input=lines, text=True, check=True)
    (home / ".supysonic").write_text(
        f"[base]\ndatabase_uri = sqlite:///{home}/s.db\n[webapp]\ncache_dir = {home}/cache\n"
        f"[daemon]\nsocket = {home}/socket\n",
        encoding="utf-8",
    )
    environment = {**os.environ, "HOME": str(home)}
    for command in (
        ["user", "add", "ada", "-p", PASSWORD],
        ["folder", "add", "m", str(home / "music")],
        ["folder", "scan", "m"],
    ):
        subprocess.run([manage, *command], env=environment, check=True, capture_output=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    started = [serve, "-S", "waitress", "-h", "127.0.0.1", "-p", str(port)]
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(started, env=environment, stdout=log, stderr=log)
    running = Supysonic(f"http://127.0.0.1:{port}", first_resolved_lake)
    try:
        with running.client() as client:
            client.check_login()  # tried again until the server is up
        yield running
    finally:
        process.terminate()
        process.wait(30)


@pytest.mark.slow(seconds=20)
def test_a_real_server_gets_the_tracks_that_it_has_and_keeps_the_listeners_own(
    server: Supysonic, found: RankedLake
) -> None:
    keys = found.candidates
    first, second = keys[0:OWNED:5], keys[1:OWNED:5]
    write_choice(found, first, NIGHT)
    write_choice(found, [*second, *keys[OWNED : OWNED + 3]], NEXT)

    def about(date: str) -> dict[str, object]:
        return {"settings": found.settings, "night": found.night(date)}

    with server.client() as client:
        place = SubsonicPlace(client)

        def shown() -> list[tuple[str, str]]:
            (ours,) = (each for each in client.playlists() if each.name == "Smallhours")
            return [(song.artist, song.title) for song in client.playlist(ours.id).songs]

        publish_playlist("default", found.lake, place, **about(NIGHT))  # type: ignore[arg-type]
        assert shown() == names_of(found, first)
        (own,) = client.search("Own Song", count=10)
        (ours,) = (each for each in client.playlists() if each.name == "Smallhours")
        client.add_songs(ours.id, [own.id])
        summary = publish_playlist("default", found.lake, place, **about(NEXT))  # type: ignore[arg-type]
        assert shown() == [*names_of(found, second), ("Nobody", "Own Song")]
        artist, title = names_of(found, keys[OWNED : OWNED + 1])[0]
        assert f"Not at Subsonic: {artist} – {title}" in str(summary["note"])
        rollback("default", found.lake, place, **about(NIGHT))  # type: ignore[arg-type]
        assert shown() == [*names_of(found, first), ("Nobody", "Own Song")]


def test_a_wrong_password_is_told_without_saying_it(server: Supysonic) -> None:
    with server.client("not this one") as client, pytest.raises(SourceRefused) as refusal:
        client.check_login()
    assert "not this one" not in str(refusal.value)
    assert isinstance(refusal.value, ServiceError)
