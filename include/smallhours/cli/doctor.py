"""The command `doctor`: health checks of the installation."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from smallhours.checkup import Finding, Health, bad, good, note
from smallhours.cli.night import ListenerOption
from smallhours.errors import SmallhoursError
from smallhours.settings import Settings, load_settings, settings_path

_SIGNS = {
    Health.GOOD: ("ok", "green"),
    Health.NOTE: ("look", "yellow"),
    Health.BAD: ("bad", "bold red"),
}


def register(app: typer.Typer) -> None:
    """Add `doctor`."""
    app.command("doctor")(doctor)


def doctor(
    listener: ListenerOption = None,
    offline: Annotated[bool, typer.Option("--offline", help="Ask no service.")] = False,
    live: Annotated[
        bool,
        typer.Option(
            "--live",
            help="Ask each service one question of every kind, and compare the replies' shapes. "
            "Makes a private playlist in Spotify and removes it.",
        ),
    ] = False,
    report: Annotated[
        Path, typer.Option(help="The file for the shapes that --live sees; it has no content.")
    ] = Path("smallhours-live.json"),
) -> None:
    """Look at settings, logins, quotas, lake, models and last night; say what to do."""
    groups = [_look_live(listener, report)] if live else _look(listener, online=not offline)
    worst = 0
    for findings in groups:
        _print(findings)
        worst += sum(finding.health is Health.BAD for finding in findings)
    if worst:
        raise typer.Exit(1)


def _look(listener: str | None, *, online: bool) -> Iterator[list[Finding]]:
    """Yield findings as they are made: some take seconds."""
    try:
        settings = load_settings()
        name = listener or next(iter(settings.listeners))
        settings.listener(name)
    except SmallhoursError as error:
        yield [bad("settings", error.what, error.remedy)]
        return
    listeners = ", ".join(settings.listeners)
    yield [good("settings", f"{settings_path()} is valid; listeners: {listeners}")]
    yield from _look_at(name, settings, online=online)


def _look_live(listener: str | None, report: Path) -> list[Finding]:
    """Return what the listener's services answer to one question of every kind."""
    from smallhours.checkup.live import check_live
    from smallhours.local.home_files import home_as_it_is
    from smallhours.local.processes import interrupted_by_signals

    try:
        settings = load_settings()
        name = listener or next(iter(settings.listeners))
        settings.listener(name)
        with interrupted_by_signals(), home_as_it_is():
            from smallhours.orchestration.connections import AirflowSecrets

            now = dt.datetime.now(dt.UTC)
            return check_live(
                name, settings, AirflowSecrets(), now=now, report=report, say=typer.echo
            )
    except SmallhoursError as error:
        return [bad("settings", error.what, error.remedy)]


def _look_at(listener: str, settings: Settings, *, online: bool) -> Iterator[list[Finding]]:
    now = dt.datetime.now(dt.UTC)
    yield from _look_at_airflow(listener, settings, now=now, online=online)
    yield _look_at_lake(listener, settings, now=now)


def _look_at_lake(listener: str, settings: Settings, *, now: dt.datetime) -> list[Finding]:
    from smallhours.checkup import stored_data
    from smallhours.lake.migrations import refuse_missing, refuse_newer
    from smallhours.lake.store import Lake
    from smallhours.local.forget import unnamed_listeners
    from smallhours.orchestration.tasks import has_several_machines

    today = settings.listener(listener).night_at(now).date
    zone = ZoneInfo(settings.listener(listener).timezone)
    findings = list(stored_data.check_quotas(settings))
    lake = Lake(settings.lake.url)
    try:
        if has_several_machines():
            refuse_missing(lake)
        lake.check_writable()
        refuse_newer(lake)
        findings += stored_data.check_lake(lake)
        findings.append(stored_data.check_history(listener, lake, today=today, zone=zone))
        findings += stored_data.check_models(listener, lake, today=today)
        findings.append(stored_data.check_last_night(listener, lake, today=today))
        findings += stored_data.check_set_aside(listener, lake, today=today)
        findings += stored_data.check_alarms(listener, lake, today=today)
        if unnamed := unnamed_listeners(settings):
            findings.append(note("listeners", unnamed.what, unnamed.remedy))
    except SmallhoursError as error:
        findings.append(bad("lake", error.what, error.remedy))
    return findings


def _look_at_airflow(
    listener: str, settings: Settings, *, now: dt.datetime, online: bool
) -> Iterator[list[Finding]]:
    from smallhours.checkup import logins, places
    from smallhours.lake.files import local_folder
    from smallhours.local.home_files import home_as_it_is, is_ours

    with home_as_it_is() as home:  # before Airflow is imported
        from smallhours.orchestration.connections import AirflowSecrets
        from smallhours.orchestration.database import encrypted_values, stored_in_clear
        from smallhours.orchestration.notices import check_notices

        secrets = AirflowSecrets()
        yield logins.check_logins(listener, settings, secrets, now=now, online=online)
        yield places.check_places(listener, settings, secrets, online=online)
        findings = [*check_notices(settings), _check_schedule(settings, now)]
        ours = is_ours(home)
        encrypted = len(encrypted_values())
        findings.append(logins.check_encryption(stored_in_clear(), encrypted=encrypted, ours=ours))
        if ours:
            found = [folder for folder in (home, local_folder(settings.lake.url)) if folder]
            findings.append(logins.check_permissions(*found))
        yield findings


def _check_schedule(settings: Settings, now: dt.datetime) -> Finding:
    """Return when the next night starts, or that it is paused."""
    from smallhours.orchestration.database import has_database, paused_dags

    subject = "next night"
    if not has_database():
        return note(subject, "Airflow was never started here", "Run `make up`.")
    if paused := paused_dags():
        return bad(
            subject,
            f"{', '.join(paused)}: paused in Airflow, so that no list is made",
            "Open Smallhours in Airflow's menu and press *Let the nights run*, or switch each on "
            "in Airflow's list of DAGs.",
        )
    starts = settings.schedule.describe_next_night(now)
    return good(subject, f"{starts}, while `make up` runs")


def _print(findings: list[Finding]) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(width=4)
    table.add_column(width=22)
    for finding in findings:
        sign, style = _SIGNS[finding.health]
        told = Text(finding.what)
        if finding.remedy:
            told.append(f"\n→ {finding.remedy}", style="bold")
        table.add_row(Text(sign, style=style), finding.subject, told)
    Console().print(table)
