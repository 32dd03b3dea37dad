"""Prometheus' alerts and Grafana's dashboard: each alert fires, and each query names a figure."""

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from smallhours.web.night_metrics import FIGURES

ROOT = Path(__file__).parents[2]
ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yml"
DASHBOARD = ROOT / "deploy" / "grafana" / "smallhours.json"
ADA = {"listener": "ada"}

# Series by name and labels; the last hour at which the alert is silent, and its first; its labels.
FIRING: Mapping[str, tuple[Mapping[str, str], int, int, Mapping[str, str]]] = {
    "NoListForTwoNights": (
        {'smallhours_list_night_seconds{listener="ada",intent="main",place="spotify"}': "0x200"},
        60,
        61,
        ADA | {"place": "spotify"},
    ),
    "NoPlaysForTwoWeeks": (
        {'smallhours_play_seconds{listener="ada",source="lastfm"}': "0x400"},
        14 * 24,
        14 * 24 + 1,
        ADA,
    ),
    "TasteNotLearnedForTenDays": (
        {'smallhours_model_night_seconds{listener="ada",model="taste"}': "0x400"},
        10 * 24,
        10 * 24 + 1,
        ADA | {"model": "taste"},
    ),
    "SourceSetAside": (
        {'smallhours_source_set_aside{listener="ada",service="Last.fm"}': "1x100"},
        35,
        36,
        ADA | {"service": "Last.fm"},
    ),
    "LoginEndsSoon": (
        {'smallhours_login_days_left{listener="ada",service="spotify"}': "14x30 13x100"},
        30,
        31,
        ADA | {"service": "spotify"},
    ),
    "FewCallsLeft": (
        {
            'smallhours_calls_left{service="spotify"}': "100x30 99x100",
            'smallhours_calls_used{service="spotify"}': "900x30 901x100",
        },
        36,
        37,
        {"service": "spotify"},
    ),
    "PicksAreRemoved": (
        {
            'smallhours_picks{listener="ada"}': "100x100",
            'smallhours_picks_removed{listener="ada"}': "30x30 31x100",
        },
        30,
        31,
        ADA,
    ),
}
VALUES = {"LoginEndsSoon": "13"}


def rules() -> list[dict[str, Any]]:
    """Return the alerts."""
    groups = yaml.safe_load(ALERTS.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def figures_in(query: str) -> set[str]:
    """Return the figures that a query names."""
    return set(re.findall(r"\bsmallhours_(\w+)", query))


def test_each_alert_is_fired_by_a_test_and_says_what_to_do() -> None:
    assert [rule["alert"] for rule in rules()] == list(FIRING)
    for rule in rules():
        assert figures_in(rule["expr"]) <= FIGURES.keys()
        assert rule["annotations"].keys() == {"summary", "remedy"}


def test_each_query_of_the_dashboard_names_a_figure_that_exists() -> None:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    queries = [target["expr"] for panel in panels for target in panel.get("targets", [])]
    assert len(queries) >= len(panels)
    for query in queries:
        assert figures_in(query)
        assert figures_in(query) <= FIGURES.keys()


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_each_alert_fires_when_it_should_and_not_before(tmp_path: Path) -> None:
    tests = [_promtool_test(rule) for rule in rules()]
    file = tmp_path / "test.yml"
    file.write_text(
        yaml.safe_dump(
            {"rule_files": [str(ALERTS)], "evaluation_interval": "1h", "tests": tests},
        )
    )
    done = subprocess.run(
        ["promtool", "test", "rules", str(file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _promtool_test(rule: Mapping[str, Any]) -> dict[str, Any]:
    name = rule["alert"]
    series, silent, fires, labels = FIRING[name]

    def told(text: str) -> str:
        for label, value in labels.items():
            text = text.replace(f"{{{{ $labels.{label} }}}}", value)
        return text.replace("{{ $value }}", VALUES.get(name, ""))

    fired = {
        "exp_labels": {**labels, **rule["labels"]},
        "exp_annotations": {key: told(text) for key, text in rule["annotations"].items()},
    }
    return {
        "interval": "1h",
        "input_series": [{"series": key, "values": values} for key, values in series.items()],
        "alert_rule_test": [
            {"eval_time": f"{silent}h", "alertname": name, "exp_alerts": []},
            {"eval_time": f"{fires}h", "alertname": name, "exp_alerts": [fired]},
        ],
    }
