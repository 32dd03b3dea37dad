import numpy as np
import pytest
from scipy import sparse

from smallhours.training.regression.tag_encoder import TagEncoder

# Two words of the track, three tags of the artist; artist "a" has two tracks.
COUNTS = sparse.csr_matrix(
    np.array([[100, 0, 10, 0, 0], [0, 100, 10, 0, 0], [100, 100, 10, 90, 0], [0, 0, 0, 90, 5.0]])
)
ARTISTS = np.array(["a", "a", "b", "c"])


def test_each_block_has_its_own_length() -> None:
    encoder = TagEncoder(2, artist_scale=0.5, min_artists=1, factors=0).fit(COUNTS, ARTISTS)

    tags = encoder.transform(COUNTS).tags.toarray()

    assert np.linalg.norm(tags[:3, :2], axis=1) == pytest.approx(1)
    assert np.linalg.norm(tags[:, 2:], axis=1) == pytest.approx(0.5)
    assert not tags[3, :2].any()


def test_an_artists_tags_are_counted_once_however_many_tracks_it_has() -> None:
    encoder = TagEncoder(2, min_artists=1).fit(COUNTS, ARTISTS)

    # Both are tags of two of three artists.
    assert encoder.artist_idf_[0] == encoder.artist_idf_[1]


def test_rare_tags_are_left_out() -> None:
    encoder = TagEncoder(2, min_artists=2).fit(COUNTS, ARTISTS)

    assert encoder.artist_kept_.tolist() == [0, 1]


def test_factors_follow_from_the_encoded_tags_of_any_rows() -> None:
    encoder = TagEncoder(2, min_artists=1, factors=2).fit(COUNTS, ARTISTS)
    encoded = encoder.transform(COUNTS)

    again = encoder.with_factors(encoded.tags[[1, 3]])

    assert np.array_equal(again.factors, encoded.factors[[1, 3]])
