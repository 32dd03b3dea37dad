"""Tests of the demo's settings file."""

import datetime as dt
from pathlib import Path

from smallhours.settings import load_settings
from smallhours.settings_file import lines_of
from smallhours_sandbox.demo.demo_config import LISTENER, SECOND_LISTENER, DemoConfig


def test_a_dial_that_was_turned_stays_for_the_next_demo(tmp_path: Path) -> None:
    config = DemoConfig(tmp_path, sandbox_port=4001, airflow_port=4002)
    config.write_settings()
    with config.home.settings.open("a", encoding="utf-8") as file:
        file.write(lines_of({("listeners", SECOND_LISTENER, "playlist", "size"): 12}))

    for port in (5001, 6001):
        later = DemoConfig(tmp_path, sandbox_port=port, airflow_port=5002)
        later.write_settings(today=dt.date(2026, 11, 2))
        settings = load_settings(later.home.settings)

        assert settings.listener(SECOND_LISTENER).playlist.size == 12
        assert settings.listener(LISTENER).playlist.size == 30
        assert str(port) in later.home.settings.read_text(encoding="utf-8")
