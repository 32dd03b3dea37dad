"""Parts that other packages add to Smallhours, found through entry points.

The sandbox and the study are packages of their own. Without them Smallhours runs, and their
commands and pages are not there.
"""

from importlib.metadata import entry_points
from typing import Any

# Functions that take the command line's `typer.Typer` and add a command to it.
COMMANDS = "smallhours.commands"
# Objects that the page Models lists reports from; see `web.models_page.Reports`.
REPORTS = "smallhours.reports"


def load_extensions(group: str) -> list[Any]:
    """Return the objects that installed packages offer in a group of entry points, by name."""
    return [each.load() for each in sorted(entry_points(group=group), key=lambda each: each.name)]
