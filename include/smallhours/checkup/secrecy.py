"""Checks that nobody else on the machine can read keys and logins."""

from collections.abc import Sequence
from pathlib import Path

from smallhours.checkup.finding import Finding, bad, good
from smallhours.private_files import open_to_others

_START = "Run `make up`: it mends this when it starts."
_MOVE_THE_LAKE = "Run `python -m smallhours.orchestration.database` where that Airflow runs."
_NAMED = 3


def check_encryption(in_clear: Sequence[str], *, ours: bool) -> Finding:
    """Judge the connections and variables that are stored in clear, if there are any.

    Args:
        in_clear: Their names.
        ours: Whether they are in the Airflow that `smallhours up` runs.
    """
    if not in_clear:
        return good("encryption", "every stored connection and variable is encrypted")
    more = f" and {len(in_clear) - _NAMED} more" if len(in_clear) > _NAMED else ""
    names = ", ".join(in_clear[:_NAMED])
    told = f"stored in clear in Airflow's database: {names}{more}"
    return bad("encryption", told, _START if ours else _MOVE_THE_LAKE)


def check_permissions(home: Path) -> Finding:
    """Judge who may read the files of Airflow's home."""
    found = open_to_others(home)
    if not found:
        return good("permissions", f"{home} is yours alone")
    more = f" and {len(found) - 1} more" if len(found) > 1 else ""
    return bad("permissions", f"{found[0]}{more} may be read by others on this machine", _START)
