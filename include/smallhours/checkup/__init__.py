"""Health checks of an installation, with what to do about each finding.

Each module checks one area and returns findings; `smallhours doctor` prints them all.
"""

from dataclasses import dataclass
from enum import StrEnum


class Health(StrEnum):
    """The state of a checked thing."""

    GOOD = "good"
    NOTE = "note"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report.

    Attributes:
        subject: The checked thing, in a word or two.
        health: Its state. Only `BAD` makes a night fail.
        what: The observation, in a sentence.
        remedy: What to do; empty when there is nothing to do.
    """

    subject: str
    health: Health
    what: str
    remedy: str = ""


def good(subject: str, what: str) -> Finding:
    """Return a finding about a thing that works."""
    return Finding(subject, Health.GOOD, what)


def note(subject: str, what: str, remedy: str) -> Finding:
    """Return a finding about a thing that needs attention, but does not stop a night."""
    return Finding(subject, Health.NOTE, what, remedy)


def bad(subject: str, what: str, remedy: str) -> Finding:
    """Return a finding about a thing that makes a night fail."""
    return Finding(subject, Health.BAD, what, remedy)
