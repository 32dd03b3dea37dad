"""The places that a listener's lists go to, opened when they are first needed."""

from collections.abc import Callable, Mapping
from pathlib import Path

from smallhours.errors import SettingsError
from smallhours.places.files import FilesPlace
from smallhours.places.listenbrainz import ListenBrainzPlace
from smallhours.places.place import Place
from smallhours.places.spotify import SpotifyPlace
from smallhours.places.subsonic import SubsonicPlace
from smallhours.run_context import RunContext
from smallhours.settings import Settings
from smallhours.vocabulary import PlaceName


def places_of(run: RunContext) -> Mapping[str, Callable[[], Place]]:
    """Return what opens each of the listener's places, by name, in the order of the settings."""
    return {name: _OPENERS[name](run) for name in run.settings.listener(run.listener).places}


def folder_of_lists(listener: str, settings: Settings) -> Path:
    """Return the folder of a listener's files: `playlists` beside the lake by default."""
    folder, lake = settings.listener(listener).publishing.folder, settings.lake.url
    beside = Path() if "://" in lake else Path(lake).resolve().parent
    return Path(folder) if folder else beside / "playlists"


def _spotify(run: RunContext) -> Callable[[], Place]:
    def open_place() -> Place:
        if run.spotify is None:
            raise SettingsError(
                f"{run.listener} has no Spotify account in the settings.",
                remedy="Set `spotify = true` for them.",
            )
        return SpotifyPlace(run.spotify)

    return open_place


def _files(run: RunContext) -> Callable[[], Place]:
    formats = run.settings.listener(run.listener).publishing.file_formats
    folder = folder_of_lists(run.listener, run.settings)
    return lambda: FilesPlace(folder, formats)


def _listenbrainz(run: RunContext) -> Callable[[], Place]:
    def open_place() -> Place:
        user = run.settings.listener(run.listener).listenbrainz
        if run.listenbrainz is None or not user:
            raise SettingsError(
                f"{run.listener} has no ListenBrainz account in the settings.",
                remedy="Name it as `listenbrainz` of this listener, and see that "
                "[services.listenbrainz] is enabled.",
            )
        covers_url = run.settings.services.listenbrainz.covers_url
        return ListenBrainzPlace(run.listenbrainz, user, covers_url=covers_url)

    return open_place


_OPENERS: Mapping[PlaceName, Callable[[RunContext], Callable[[], Place]]] = {
    PlaceName.SPOTIFY: _spotify,
    PlaceName.LISTENBRAINZ: _listenbrainz,
    PlaceName.SUBSONIC: lambda run: lambda: SubsonicPlace(run.subsonic),
    PlaceName.FILES: _files,
}
