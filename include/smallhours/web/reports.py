"""Reports that other packages write into the lake, as the page Models lists and shows them."""

from collections.abc import Sequence
from typing import Protocol

from smallhours.extensions import REPORTS, load_extensions
from smallhours.lake.files import Files
from smallhours.web.page_context import PageContext


class Report(Protocol):
    """One report, finished or under way."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def reported(self) -> bool:
        """Whether there is a page to show."""

    @property
    def progress(self) -> str:
        """How far it is, in a sentence."""

    @property
    def request(self) -> str:
        """What was asked of it, in a sentence."""


class Reports(Protocol):
    """The reports of one package."""

    @property
    def folder(self) -> str:
        """The folder in the lake that holds them."""

    @property
    def policy(self) -> str:
        """The Content-Security-Policy of their pages."""

    def listed(self, files: Files) -> Sequence[Report]:
        """Return the reports of a lake, newest first."""

    def page(self, context: PageContext, name: str, *, back: str) -> str:
        """Return a report as HTML.

        Raises:
            SettingsError: when there is no such report.
        """


def study_reports() -> Reports | None:
    """Return the study's reports; None when the package is not installed."""
    found: list[Reports] = load_extensions(REPORTS)
    return found[0] if found else None
