"""A study's report as a page: the stored report, with a link back to the Models page."""

from html import escape

from smallhours.errors import SettingsError
from smallhours.pages.page_context import PageContext
from smallhours.training.study.study_request import read_report

# The report has inline styles and needs nothing else: no script, no form, no other file.
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; "
    "frame-ancestors 'self'; base-uri 'none'"
)
_BEGINS = "<main>"


def study_page(page_context: PageContext, name: str, *, back: str) -> str:
    """Return a study's report as HTML.

    Args:
        page_context: Context of the page.
        name: Name of the study, as on the Models page.
        back: Address of the Models page.

    Raises:
        SettingsError: when there is no such study, or it has no report yet.
    """
    found = read_report(page_context.lake.files, name)
    if found is None:
        raise SettingsError(
            f"There is no report of a study {name!r}.",
            remedy="The page Models lists the studies; one that is under way has a report when "
            "its last task is done.",
        )
    way = f'<nav aria-label="Pages"><a href="{escape(back)}">Back to Models</a></nav>'
    return found.decode("utf-8").replace(_BEGINS, f"{_BEGINS}{way}", 1)
