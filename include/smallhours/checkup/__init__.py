"""Is everything in order, and if not, what should the listener do?

Each module looks at one thing and returns findings; `smallhours doctor` prints them all.
"""

from smallhours.checkup.finding import Finding, Health

__all__ = ["Finding", "Health"]
