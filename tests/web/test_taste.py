"""Tests of the Taste page."""

import pandas as pd
from fastapi.testclient import TestClient

from smallhours.lake.list_tables import PROFILE
from smallhours.web.app import PREFIX
from tests.web.conftest import PageVisitor


def test_the_profile_is_drawn(browser: TestClient, visitor: PageVisitor) -> None:
    rows = [
        ("tag", "2025", "shoegaze", 0.4, 40),
        ("tag", "2026", "shoegaze", 0.3, 30),
        ("tag", "last 90 days", "dream pop", 0.2, 9),
        ("clock", "", "6-09", 0.5, 50),
        ("clock", "", "0-23", 0.1, 10),
        ("artist", "last 90 days", "Ride", 30.0, 30),
        ("artist", "the 90 days before", "Ride", 2.0, 2),
        ("artist", "last 90 days", "Moby", 0.0, 0),
        ("artist", "the 90 days before", "Moby", 7.0, 7),
        ("artist", "", "Slowdive", 900.0, 900),
        ("track", "last 90 days", "Ride – Vapour Trail", 12.0, 12),
        ("era", "", "1990s", 0.7, 70),
        ("centre", "", "shoegaze, dream pop", 0.6, 120),
        ("feature", "you", "energy:0.35", 1.0, 10),
        ("feature", "catalog", "energy:0.80", 1.0, 10),
    ]
    frame = pd.DataFrame(rows, columns=["kind", "period", "name", "value", "n"])
    visitor.lake.replace(PROFILE, frame, partition={"listener": "default"})

    page = " ".join(browser.get(f"{PREFIX}/taste").text.split())

    assert "<b>shoegaze, dream pop</b>" in page
    assert "60 % of your taste, 120 tracks" in page
    rising, falling = page.split("<h3>Falling</h3>")
    assert '<th scope="row">Ride</th><td class="n">2</td><td class="n">30</td>' in rising
    assert '<th scope="row">Moby</th><td class="n">7</td><td class="n">0</td>' in falling
    assert '<h3>Artists, all years</h3><ol class="plain"><li>Slowdive <span' in page
    assert '<li>Ride – Vapour Trail <span class="figure">12 plays</span>' in page
    assert "1990s 70 %" in page
    assert "Slowdive" not in rising.split("<h3>Rising</h3>")[1]
    assert 'title="Sun 9:00, 50.0 %"' in page
    assert page.count("<svg") == 1 + 1 + 2 + 5
    assert "your plays: 10 values, mean 0.375; the catalog: 10 values, mean 0.825." in page

    picture = browser.get(f"{PREFIX}/taste.svg")
    assert picture.headers["content-type"] == "image/svg+xml"
    assert picture.headers["content-disposition"] == 'attachment; filename="taste.svg"'
    assert picture.text.startswith("<svg")
    assert "shoegaze" in picture.text
