"""The page of a listener's further playlists: made, renamed, paused and deleted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from starlette.datastructures import FormData

from smallhours.errors import SettingsError
from smallhours.playlist_settings import MAIN, AudioFeature, Weekday
from smallhours.settings_file import Key, change_settings
from smallhours.training.tag_exploration import parse_tags
from smallhours.web.forms import add_intent
from smallhours.web.page_context import PageContext

# What a person reads of each kind of playlist, by its kind in the settings.
KINDS: Mapping[str, str] = {
    "tags": "Tracks of some tags",
    "mood": "Tracks that sound a certain way",
    "time_of_day": "What you like to hear at certain hours",
    "forgotten": "What you often played and have not played for a long time",
    "deep_cuts": "Lesser-known tracks of artists that you love",
    "new_releases": "Recent releases close to what you play",
}


@dataclass(frozen=True)
class FurtherPlaylist:
    """One playlist beside the main one.

    Attributes:
        key: Its key in the settings.
        name: Its name.
        kind: What it holds, in words.
        paused: Whether no lists are made for it.
    """

    key: str
    name: str
    kind: str
    paused: bool


@dataclass(frozen=True)
class PlaylistsPage:
    """The data of the page: the playlists, and what the forms offer."""

    main: str
    further: Sequence[FurtherPlaylist]
    kinds: Mapping[str, str]
    features: Sequence[str]
    days: Sequence[str]


def playlists_page(page_context: PageContext) -> PlaylistsPage:
    """Return the data of the page."""
    me = page_context.playlist_settings
    names = page_context.intents
    return PlaylistsPage(
        main=names[MAIN],
        further=[
            FurtherPlaylist(key, names[key], KINDS[intent.kind], intent.paused)
            for key, intent in me.intents.items()
        ],
        kinds=KINDS,
        features=get_args(AudioFeature),
        days=get_args(Weekday),
    )


def make_playlist(page_context: PageContext, form: FormData) -> None:
    """Add the playlist that a form describes.

    Raises:
        SettingsError: when something is missing or wrong.
        UnknownTags: when no tag is named.
    """
    kind = _text(form, "kind")
    wishes: dict[str, Any] = {"kind": kind}
    match kind:
        case "tags":
            wishes["tags"] = list(parse_tags(_text(form, "tags")))
        case "mood":
            ends = [_number(form, end) for end in ("low", "high")]
            wishes["sound"] = {_text(form, "feature"): ends}
        case "time_of_day":
            wishes["hours"] = [int(_number(form, hour)) for hour in ("start", "end")]
            wishes["days"] = [str(day) for day in form.getlist("days")]
        case _ if kind not in KINDS:
            raise SettingsError("There is no such kind.", remedy="Open the page again.")
    add_intent(page_context, _text(form, "name"), wishes)


def change_playlist(page_context: PageContext, key: str, do: str, name: str) -> None:
    """Rename, pause, resume or delete a playlist.

    Raises:
        SettingsError: when there is none, or the new name can't be taken.
    """
    intent = page_context.playlist_settings.intents.get(key)
    if intent is None:
        raise SettingsError(f"There is no playlist {key!r}.", remedy="Open the page again.")
    section: Key = ("listeners", page_context.listener, "intents", key)
    changes: Mapping[str, Mapping[Key, Any]] = {
        "rename": {(*section, "name"): name.strip()},
        "pause": {(*section, "paused"): True},
        "resume": {(*section, "paused"): None},
        "delete": {section: None},
    }
    if do not in changes:
        raise SettingsError("There is no such button.", remedy="Open the page again.")
    change_settings(changes[do])


def _text(form: FormData, name: str) -> str:
    return str(form.get(name, "")).strip()[:1000]


def _number(form: FormData, name: str) -> float:
    text = _text(form, name)
    try:
        return float(text)
    except ValueError:
        raise SettingsError(
            f"{text!r} is not a number.", remedy="Write one, such as 0.5."
        ) from None
