"""Tests that `docs/settings.md` lists and explains every setting."""

import pytest
from pydantic import BaseModel

from smallhours.listener_settings import ListenerSettings
from smallhours.settings import Settings
from smallhours.settings_docs import PAGE, all_sections, own_keys, render

TEXT = PAGE.read_text(encoding="utf-8")


def keys_of(section: type[BaseModel]) -> set[str]:
    """Return every key of a section of the settings file, nested sections included."""
    keys: set[str] = set()
    for name, field in section.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            keys |= keys_of(inner)
        elif name not in ("listeners", "intents"):
            keys.add(name)
    return keys


def test_the_page_is_up_to_date() -> None:
    assert render() == TEXT, "run `make docs`"


@pytest.mark.parametrize("key", sorted(keys_of(Settings) | keys_of(ListenerSettings)))
def test_every_setting_is_on_the_page(key: str) -> None:
    assert f"| `{key}` |" in TEXT


def test_every_setting_is_described() -> None:
    described = [
        (path, key, schema.get("description"))
        for path, section in all_sections()
        for key, schema in own_keys(section).items()
    ]
    assert len(described) > 80
    assert [(path, key) for path, key, text in described if not text] == []


@pytest.mark.parametrize(
    "line",
    [
        "| `size` | `30` | 1 to 500 | Tracks in the playlist. |",
        "| `timezone` | required |  | Your time zone, such as `Europe/Dublin`. |",
        '| `unanswered` | `"publish"` | `"publish"`, `"keep"` | ',
        "| `hours` | `6.0` | above 0, up to 20 | ",
        "| `timezone` |  |  | The time zone of the cron fields; left out: the first listener's. |",
        '## `[listeners.<name>.intents.<key>]`, `kind = "mood"`',
    ],
)
def test_a_line_tells_default_and_bounds(line: str) -> None:
    assert f"\n{line}" in TEXT
