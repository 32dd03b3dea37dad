"""How is a study's report shown? As it was written, with the way back to the pages in it."""

from html import escape

from smallhours.errors import SettingsError
from smallhours.pages.place import Place
from smallhours.training.study.asked import read_report

# The report brings its style along and needs nothing else: no script, no form, no other file.
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; "
    "frame-ancestors 'self'; base-uri 'none'"
)
_BEGINS = "<main>"


def study_page(place: Place, name: str, *, back: str) -> str:
    """A study's report as a page.

    Args:
        place: Whose lake.
        name: The study's, as the Models page lists it.
        back: The address of the Models page.

    Raises:
        SettingsError: when there is no such study, or it has no report yet.
    """
    found = read_report(place.lake.files, name)
    if found is None:
        raise SettingsError(
            f"There is no report of a study {name!r}.",
            remedy="The page Models lists the studies; one that is under way has a report when "
            "its last task is done.",
        )
    way = f'<nav aria-label="Pages"><a href="{escape(back)}">Back to Models</a></nav>'
    return found.decode("utf-8").replace(_BEGINS, f"{_BEGINS}{way}", 1)
