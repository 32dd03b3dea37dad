import pytest

from smallhours.simulation.outcome import curves, figures, picture
from smallhours.simulation.world import Truth


def truths(*acceptance: float, diversity: float = 0.8) -> list[Truth]:
    return [Truth(20, each, diversity, 15) for each in acceptance]


LIVES = {
    ("ours", "ada"): truths(0.5, 0.6, 0.7),
    ("ours", "bruno"): truths(0.7, 0.8, 0.9),
    ("popularity", "ada"): truths(0.4, 0.4, 0.4),
    ("popularity", "bruno"): truths(0.2, 0.2, 0.2),
}


def test_a_curve_is_the_mean_of_the_listeners() -> None:
    found = curves(LIVES)

    assert found["ours"].acceptance == pytest.approx([0.6, 0.7, 0.8])
    assert found["popularity"].mean == pytest.approx(0.3)


def test_listeners_whose_first_list_came_late_are_lined_up_by_their_last_night() -> None:
    found = curves({("ours", "ada"): truths(0.5, 0.6, 0.7), ("ours", "bruno"): truths(0.8, 0.9)})

    assert found["ours"].acceptance == pytest.approx([0.7, 0.8])


def test_the_figures_name_every_rival() -> None:
    found = figures(curves(LIVES))

    assert found["acceptance_by_night"] == [0.6, 0.7, 0.8]
    assert found["diversity_by_night"] == [0.8, 0.8, 0.8]
    assert found["baselines"]["popularity"]["mean"] == 0.3
    assert "ours" not in found["baselines"]


def test_the_picture_is_an_svg_with_a_line_for_each() -> None:
    drawn = picture(curves(LIVES))

    assert drawn.startswith("<svg")
    assert "ours" in drawn
    assert "popularity" in drawn
