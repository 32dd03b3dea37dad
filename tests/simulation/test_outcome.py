import numpy as np
import pytest

from smallhours_sandbox.simulation.ground_truth import OracleBounds, PlaylistQuality
from smallhours_sandbox.simulation.learning_curves import (
    curves,
    edge_means,
    figures,
    mean_difference,
    picture,
    slope,
)
from smallhours_sandbox.simulation.listener import DailyOutcome


def mornings(*acceptance: float, diversity: float = 0.8) -> list[DailyOutcome]:
    oracle = OracleBounds(500, best=0.9, chance=0.3)
    return [DailyOutcome(PlaylistQuality(20, each, diversity, 15), oracle) for each in acceptance]


RESULTS = {
    ("ours", "ada"): mornings(0.5, 0.6, 0.7),
    ("ours", "bruno"): mornings(0.7, 0.8, 0.9),
    ("popularity", "ada"): mornings(0.4, 0.4, 0.4),
    ("popularity", "bruno"): mornings(0.2, 0.2, 0.2),
}


def rng() -> np.random.Generator:
    return np.random.default_rng(1)


def test_a_curve_holds_every_listener_and_their_mean() -> None:
    found = curves(RESULTS)

    assert found["ours"].acceptance.tolist() == [[0.5, 0.6, 0.7], [0.7, 0.8, 0.9]]
    assert found["popularity"].mean == pytest.approx(0.3)


def test_listeners_whose_first_list_came_late_are_lined_up_by_their_last_night() -> None:
    found = curves(
        {("ours", "ada"): mornings(0.5, 0.6, 0.7), ("ours", "bruno"): mornings(0.8, 0.9)}
    )

    assert found["ours"].acceptance.tolist() == [[0.6, 0.7], [0.8, 0.9]]


def test_a_list_that_is_as_good_as_was_possible_has_a_share_of_one() -> None:
    found = curves({("ours", "ada"): mornings(0.3, 0.6, 0.9)})

    assert found["ours"].oracle_share[0].tolist() == pytest.approx([0.0, 0.5, 1.0])


def test_what_rises_by_a_hundredth_a_night_rises_by_a_tenth_in_ten() -> None:
    rising = 0.4 + 0.01 * np.arange(28) + np.array([[0.0], [0.2]])

    found = slope(rising, rng=rng())

    assert found.value == pytest.approx(0.1)
    assert found.low == pytest.approx(0.1)


def test_what_goes_up_and_down_does_not_rise() -> None:
    found = slope(0.5 + 0.1 * np.sin(np.arange(56))[None, :], rng=rng())

    assert found.low < 0 < found.high


def test_who_is_ahead_every_week_is_ahead() -> None:
    theirs = np.linspace(0.3, 0.6, 28)[None, :]

    found = mean_difference(theirs + 0.05, theirs, rng=rng())

    assert (found.value, found.low, found.high) == pytest.approx((0.05, 0.05, 0.05))


def test_the_ends_are_ten_nights_each() -> None:
    assert edge_means(np.arange(30.0)[None, :]) == (4.5, 24.5)


def test_the_figures_name_every_rival() -> None:
    found = figures(curves(RESULTS), rng())

    assert found["acceptance_by_night"] == [0.6, 0.7, 0.8]
    assert found["diversity_by_night"] == [0.8, 0.8, 0.8]
    assert found["baselines"]["popularity"]["mean"] == 0.3
    assert found["baselines"]["popularity"]["ours_minus"][0] == 0.4
    assert "ours" not in found["baselines"]


def test_ours_is_set_against_the_best_rival() -> None:
    found = figures(curves(RESULTS), rng())

    best = max(found["baselines"], key=lambda name: found["baselines"][name]["mean"])
    assert found["best_rival"] == best
    assert found["over_best_rival"] == found["baselines"][best]["ours_minus"]
    assert found["first_ten_over_best_rival"] == pytest.approx(found["over_best_rival"][0])
    assert 0 < found["of_possible_last_ten"] <= 1


def test_the_picture_is_an_svg_with_a_line_for_each() -> None:
    drawn = picture(curves(RESULTS))

    assert drawn.startswith("<svg")
    assert "ours" in drawn
    assert "popularity" in drawn
