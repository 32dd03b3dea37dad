"""The README's way on a fresh machine: does the night come by itself, and what after a week off?

Part of `python -m benchmarks.nightly --first-night`.
"""

import datetime as dt
import tempfile
from pathlib import Path
from zoneinfo import ZoneInfo

from tests.e2e.installation import (
    Installation,
    cron_in,
    sleep_through_nights,
    wait_for_nights,
)

WORLD = {"artists": 600, "tracks": 6_000, "scrobbles": 20_000}
DUBLIN = ZoneInfo("Europe/Dublin")


def first_night() -> dict[str, object]:
    """Set up a fresh installation as a user would; return the figures.

    Returns:
        `list_arrived`: whether a playlist arrived at the hour of the settings;
        `unpaused_by_hand`: how often a DAG had to be switched on, by Airflow's audit log;
        `woke_late_nights`: nights that were run after seven nights were slept through;
        `wrong_cron_refused`: whether a cron expression that is none is an error of the settings.
    """
    with (
        tempfile.TemporaryDirectory() as folder,
        Installation(Path(folder), WORLD) as installation,
    ):
        started = dt.datetime.now(dt.UTC)
        _say(installation.set_up(cron_in(2, DUBLIN)))
        with installation.up() as airflow:
            _say(installation.said("up"))
            items = installation.wait_for_playlist()
            switched = airflow.switched_by_hand()
            before = wait_for_nights(airflow, since=started)
        _say(f"{len(items)} tracks arrived")
        sleep_through_nights(installation.home, days=7)
        with installation.up() as airflow:
            after = wait_for_nights(airflow, since=started - dt.timedelta(days=7))
        _say(f"nights: {len(before)} before a week off, {len(after)} with what came after it")
        installation.schedule("every night")
        refused = [installation.refusal(*command) for command in (["doctor"], ["up"])]
        _say(refused[0])
    return {
        "list_arrived": bool(items),
        "unpaused_by_hand": switched,
        "woke_late_nights": len(after) - len(before),
        "wrong_cron_refused": all("`schedule.cron`" in each for each in refused),
    }


def _say(what: str) -> None:
    print(what, flush=True)
