"""Health checks of an installation, with what to do about each finding.

Each module checks one area and returns findings; `smallhours doctor` prints them all.
"""

from smallhours.checkup.finding import Finding, Health

__all__ = ["Finding", "Health"]
