"""The Settings page: the dials of smallhours.toml, and what another value would have changed.

Each field is described by the settings' own schema: its values, bounds and explanation.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import FormData

from smallhours.listener_settings import (
    ListenerSettings,
    PublishingSettings,
    artists_as_text,
    artists_in,
)
from smallhours.playlist_settings import MAX_DAYS, PlaylistSettings, SettingsSection
from smallhours.schedule import ScheduleSettings
from smallhours.settings import (
    NotificationSettings,
    ReviewSettings,
    TrainingSettings,
)
from smallhours.settings_file import Key, change_settings, with_changes
from smallhours.web.page_context import PageContext

LISTENER = "listeners"
LIST = "Your list"
ARTISTS = "favourite_artists"


@dataclass(frozen=True)
class Section:
    """Some dials of one section of the settings.

    Attributes:
        title: Its heading.
        path: Keys of the section; below `listeners`, the listener's name follows.
        schema: The settings that it belongs to.
        labels: The label of each dial, by its key.
    """

    title: str
    path: Key
    schema: type[SettingsSection]
    labels: Mapping[str, str]

    def keys(self, listener: str) -> Key:
        """Return the keys of the section in a listener's settings."""
        first, *rest = self.path
        return (first, listener, *rest) if first == LISTENER else self.path


SECTIONS = (
    Section("What you like", (LISTENER,), ListenerSettings, {ARTISTS: "Artists to begin with"}),
    Section(
        LIST,
        (LISTENER, "playlist"),
        PlaylistSettings,
        {
            "size": "Size",
            "exploration": "Adventurousness",
            "randomness": "Left to chance",
            "familiarity": "New or familiar artists",
            "popularity": "Popularity",
            "diversity": "Variety",
            "calibration": "Close to your last 90 days",
            "arc": "Energy",
            "artist_cap": "Tracks by one artist",
            "not_again_nights": "Cool-down of a pick",
            "artist_cooldown_nights": "Cool-down of an artist",
            "not_played_days": "Cool-down of what you know",
            "explicit": "Explicit tracks",
        },
    ),
    Section(
        "Review", (LISTENER, "publishing"), PublishingSettings, {"review": "Ask before publishing"}
    ),
    Section(
        "Review, for all listeners",
        ("review",),
        ReviewSettings,
        {"hours": "How long to wait", "unanswered": "Without an answer"},
    ),
    Section(
        "The night, for all listeners",
        ("schedule",),
        ScheduleSettings,
        {"cron": "Hour of the night", "timezone": "Time zone of that hour"},
    ),
    Section(
        "Learning, for all listeners",
        ("training",),
        TrainingSettings,
        {"sources": "Sources of audio features that may be learned from"},
    ),
    Section(
        "Notices, for all listeners",
        ("notices",),
        NotificationSettings,
        {"connection": "Where notices go", "events": "What you are told"},
    ),
)


@dataclass(frozen=True)
class Field:
    """One dial of the form.

    Attributes:
        key: Its key in the settings.
        label: What it is called.
        help: What it does.
        kind: `text`, `number`, `choice`, `several`, or `names`, with semicolons between them.
        value: What stands in the form; of `several`, the chosen ones with spaces between.
        choices: The values that it may have; empty where any may be written.
        bounds: The bounds of a number, in words; empty where there are none.
        default: The value where the settings say nothing.
    """

    key: Key
    label: str
    help: str
    kind: str
    value: str
    choices: Sequence[str] = ()
    bounds: str = ""
    default: str = ""

    @property
    def name(self) -> str:
        """Return the name of the form's field."""
        return ".".join(self.key)


@dataclass(frozen=True)
class Preview:
    """What changed settings would have made of the last night's list.

    Attributes:
        changes: Each change in words.
        told: A sentence about the list.
        new, gone: The tracks that would have come and gone: `artist – title`.
    """

    changes: Sequence[str]
    told: str
    new: Sequence[str] = ()
    gone: Sequence[str] = ()


@dataclass(frozen=True)
class Saved:
    """Changes that were saved.

    Attributes:
        changes: Each in words.
        undo: The fields of a form that takes them back: name and value.
    """

    changes: Sequence[str]
    undo: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class SettingsPage:
    """The data of the Settings page: the fields by section, and a preview where one was asked for.

    Attributes:
        sections: The fields by heading.
        preview: What the changes would do; None without changes.
        error: Why the values can't be saved, and what to do; empty where they can.
        saved: What was just saved; None where nothing was.
    """

    sections: Mapping[str, Sequence[Field]]
    preview: Preview | None = None
    error: str = ""
    saved: Saved | None = None


def settings_page(
    page_context: PageContext,
    written: FormData | None = None,
    *,
    preview: Preview | None = None,
    error: str = "",
    saved: Saved | None = None,
) -> SettingsPage:
    """Return the data of the page, with the values of a form that was sent in place of the saved.

    Args:
        page_context: Context of the page.
        written: The form.
        preview: What it would change.
        error: What is wrong with it.
        saved: What was just saved.
    """
    sections = {
        section.title: [
            _field(page_context, section, name, label, written)
            for name, label in section.labels.items()
        ]
        for section in SECTIONS
    }
    return SettingsPage(sections, preview, error, saved)


def changes_in(page_context: PageContext, written: FormData) -> dict[Key, Any]:
    """Return the keys whose value in a form differs from the saved one; an empty one is removed."""
    saved = settings_page(page_context)
    sent = settings_page(page_context, written)
    return {
        new.key: _value(new)
        for title, fields in sent.sections.items()
        for new, old in zip(fields, saved.sections[title], strict=True)
        if new.value != old.value
    }


def save_changes(page_context: PageContext, changes: Mapping[Key, Any]) -> Saved:
    """Write changes to the settings file; return what takes them back.

    Raises:
        SettingsError: a value is wrong, or the file can't be written; it is then unchanged.
    """
    change_settings(changes)
    before = [each for fields in settings_page(page_context).sections.values() for each in fields]
    undo = []
    for each in before:
        # The default needs no line in the file.
        value = "" if each.key in changes and each.value == each.default else each.value
        values = value.split() if each.kind == "several" else [value]
        undo += [(each.name, one) for one in values]
    told = [_in_words(page_context, key, value) for key, value in changes.items()]
    return Saved(told, undo)


def preview_changes(page_context: PageContext, changes: Mapping[Key, Any]) -> Preview:
    """Return what some changes would have made of the last night's list.

    Raises:
        SettingsError: a value is wrong.
        NotEnoughData: there is no night to compare with.
    """
    from smallhours.playlist.explain.explanation import newest_night
    from smallhours.playlist.rank.stage import lists_with

    changed = with_changes(changes)
    told = [_in_words(page_context, key, value) for key, value in changes.items()]
    if not any(key[:1] == (LISTENER,) and "playlist" in key for key in changes):
        if any(key[-1] == ARTISTS for key in changes):
            return Preview(told, "The next night asks for these artists' best-known tracks.")
        return Preview(told, "Last night's list would have been the same.")
    night = newest_night(page_context.lake, page_context.listener)
    if night is None:
        return Preview(told, "There is no list yet to compare with.")
    variants = [page_context.settings, changed]
    of_night = page_context.playlist_settings.night_on(str(night))
    before, after = lists_with(page_context.listener, page_context.lake, variants, of_night)
    new = [name for key, name in after.items() if key not in before]
    gone = [name for key, name in before.items() if key not in after]
    # Both are made of what is known by now: the list that was written may be another.
    sentence = f"A list for {night} that is made now would have {len(new)} other tracks."
    return Preview(told, sentence, new, gone)


def _in_words(page_context: PageContext, key: Key, value: Any) -> str:
    label = next(
        section.labels[key[-1]]
        for section in SECTIONS
        if section.keys(key[1]) == key[:-1] and key[-1] in section.labels
    )
    now = "the default" if value is None else _text(value, key[-1])
    return f"{label}: {_text(_saved(page_context, key), key[-1]) or 'not set'} → {now}"


def _field(
    page_context: PageContext, section: Section, name: str, label: str, written: FormData | None
) -> Field:
    key = (*section.keys(page_context.listener), name)
    schema = section.schema.model_json_schema()["properties"][name]
    allowed = next(each for each in schema.get("anyOf", [schema]) if each.get("type") != "null")
    kind, choices = _kind(allowed)
    value = _text(_saved(page_context, key), name)
    if written is not None:
        values = written.getlist(".".join(key))
        value = " ".join(str(each).strip() for each in values)
    if kind == "several":
        value = _sorted(value, choices)
    return Field(
        key=key,
        label=label,
        help=_HELP.get(name) or str(schema["description"]).replace("`", ""),
        kind=kind,
        value=value,
        choices=choices,
        bounds=_bounds(allowed.get("minimum"), allowed.get("maximum")),
        default=_sorted(_text(schema.get("default"), name), choices),
    )


# Where the page says it otherwise than the file, whose keys the settings' own words are about.
_HELP = {
    "cron": "When the night starts: an hour from 00:00 to 23:59, such as 03:30. Five cron fields "
    "can say other times.",
    ARTISTS: "Some that you like, with semicolons between: your first lists rest on them. They "
    "count less with every play, and after a thousand no more.",
    "timezone": "Of the hour above; empty: the first listener's.",
    "explicit": "No leaves out what Spotify marks as explicit, once it has been looked up.",
    "not_played_days": "What you have not heard for so many days may come, too; empty: only what "
    "you never heard.",
}


def _sorted(value: str, choices: Sequence[str]) -> str:
    """Return the chosen ones of several choices, in the order of the form."""
    if " " not in value or not choices:
        return value
    return " ".join(choice for choice in choices if choice in value.split())


def _kind(allowed: Mapping[str, Any]) -> tuple[str, Sequence[str]]:
    if "enum" in allowed.get("items", ()):
        return "several", allowed["items"]["enum"]
    if allowed["type"] == "array":
        return "names", ()
    if allowed["type"] == "boolean":
        return "choice", ("yes", "no")
    if "enum" in allowed:
        return "choice", allowed["enum"]
    return ("number" if allowed["type"] in ("integer", "number") else "text"), ()


def _bounds(low: float | None, high: float | None) -> str:
    """Return the bounds of a number, as far as a person might reach them."""
    if high is None or high >= MAX_DAYS:
        return "" if low is None else f"At least {low:g}."
    return f"Up to {high:g}." if low is None else f"From {low:g} to {high:g}."


def _saved(page_context: PageContext, key: Key) -> Any:
    """Return the value of a key, also a wrong one, as the file has it."""
    if key in page_context.wrong:
        return page_context.wrong[key]
    found: Any = page_context.settings
    for name in key:
        found = found[name] if isinstance(found, Mapping) else getattr(found, name)
    return found


_DAILY = re.compile(r"(\d{1,2}) (\d{1,2}) \* \* \*")


def _text(value: Any, name: str) -> str:
    """Return a value as the form shows it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return (
            artists_as_text([str(each) for each in value])
            if name == ARTISTS
            else " ".join(map(str, value))
        )
    if name == "cron" and (daily := _DAILY.fullmatch(value)):
        return f"{int(daily[2]):02d}:{int(daily[1]):02d}"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _value(told: Field) -> Any:
    """Return what a field of the form means; a text where that is not what it should be."""
    if told.kind == "several":
        return told.value.split()
    if not told.value:
        return None
    if told.kind == "names":
        return artists_in(told.value)
    if told.choices == ("yes", "no"):
        return {"yes": True, "no": False}.get(told.value, told.value)
    if told.kind == "number":
        number = float if "." in told.value else int
        try:
            return number(told.value)
        except ValueError:
            return told.value
    return told.value
