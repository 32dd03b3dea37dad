"""A study's report as a page: the stored report, with a link back to the Models page."""

from html import escape

from smallhours.errors import SettingsError
from smallhours.lake.files import Files
from smallhours.web.page_context import PageContext
from smallhours_study.study_request import FOLDER, FoundStudy, read_report, studies_in

# The report has inline styles and needs nothing else: no script, no form, no other file.
_POLICY = (
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


class StudyReports:
    """The studies of a lake, for the page Models."""

    folder = FOLDER
    policy = _POLICY

    def listed(self, files: Files) -> list[FoundStudy]:
        """Return the studies of a lake, the last requested first."""
        return studies_in(files)

    def page(self, context: PageContext, name: str, *, back: str) -> str:
        """Return a study's report as HTML, with a link back to the page Models."""
        return study_page(context, name, back=back)


REPORTS = StudyReports()
