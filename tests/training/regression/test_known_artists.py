import numpy as np
import pytest

from smallhours.training.regression.artist_folds import KnownArtists

NAMES = np.array(["a", "a", "b", "b"])
FOLDS = np.array([0, 0, 1, 1])
RESIDUALS = np.array([[0.3], [0.1], [-0.3], [-0.1]])


def test_a_mean_residual_is_shrunk_by_noise_over_spread() -> None:
    known = KnownArtists().fit(NAMES, FOLDS, RESIDUALS)

    # Within: 0.04 / 2 = 0.02. Between: (0.16 - 0.02) / 2 = 0.07. Two tracks each.
    assert known.shrinkage_ == pytest.approx([0.02 / 0.07])
    assert known.correction(np.array([0])) == pytest.approx(0.2 * 2 / (2 + 2 / 7))


def test_artists_that_do_not_differ_get_no_correction() -> None:
    alike = np.array([[0.3], [-0.3], [0.3], [-0.3]])

    assert KnownArtists().fit(NAMES, FOLDS, alike).correction(np.array([0, 1])).tolist() == [
        [0],
        [0],
    ]


def test_a_new_artist_is_not_known() -> None:
    known = KnownArtists().fit(NAMES, FOLDS, RESIDUALS)

    assert known.known(np.array(["b", "zz", "aa"])).tolist() == [1, -1, -1]


def test_a_track_does_not_correct_itself() -> None:
    known = KnownArtists().fit(NAMES, FOLDS, RESIDUALS)
    rows, corrections = known.leave_one_out(NAMES, RESIDUALS)

    assert rows.all()
    assert corrections[0] == pytest.approx(0.1 / (1 + 2 / 7))
