"""What is one thing that was looked at, how is it, and what is to be done?"""

from dataclasses import dataclass
from enum import StrEnum


class Health(StrEnum):
    """How a thing is."""

    GOOD = "good"
    NOTE = "note"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report.

    Attributes:
        subject: What was looked at, in a word or two.
        health: How it is. Only `BAD` keeps a night from succeeding.
        what: What was seen, in a sentence.
        remedy: What to do; empty when there is nothing to do.
    """

    subject: str
    health: Health
    what: str
    remedy: str = ""


def good(subject: str, what: str) -> Finding:
    """A thing that is in order."""
    return Finding(subject, Health.GOOD, what)


def note(subject: str, what: str, remedy: str) -> Finding:
    """A thing that wants attention some day."""
    return Finding(subject, Health.NOTE, what, remedy)


def bad(subject: str, what: str, remedy: str) -> Finding:
    """A thing that keeps a night from succeeding."""
    return Finding(subject, Health.BAD, what, remedy)
