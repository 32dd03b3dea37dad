import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone

from smallhours.errors import NotEnoughData
from smallhours.training.first_seed import FirstSeedClassifier, split_tags, train
from tests.shared_data import shared_path


def labelled(likes: int = 30, dislikes: int = 20) -> pd.DataFrame:
    """Return likes and dislikes that share `pop`; half of the likes are dreamy, dislikes brass."""
    rows = [(f"pop,{'dreamy' if at % 2 else 'sad'}", 1) for at in range(likes)]
    rows += [(f"pop,brass,town {at % 3}", 0) for at in range(dislikes)]
    return pd.DataFrame(rows, columns=["tags", "label"])


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("dream pop, Lo-Fi", ["dream pop", "Lo-Fi"]),
        ("['pop', 'Hip-Hop']", ["pop", "Hip-Hop"]),
        ("rock 'n' roll", ["rock n roll"]),
        (" ,, ", []),
        ("", []),
        ("[live] pop", ["[live] pop"]),
    ],
)
def test_tags_split_at_commas_and_keep_their_case(text: str, tags: list[str]) -> None:
    assert split_tags(text) == tags


@given(st.lists(st.text(alphabet=st.characters(exclude_characters=",'\"[]"), min_size=1)))
def test_joined_tags_split_into_the_same_tags(tags: list[str]) -> None:
    assert split_tags(",".join(tags)) == [tag.strip() for tag in tags if tag.strip()]


def test_the_first_seeds_own_file_gives_its_published_figures() -> None:
    data = pd.read_csv(shared_path("data/first-seed/labeled_tracks.csv"))
    result = train(data)
    assert result.metrics["f1_before_refit"] == pytest.approx(0.992, abs=5e-4)
    assert result.metrics["f1"] > 0.98
    assert result.metrics["auc"] == 1.0
    # Eight of its likes have no tags and are left out.
    assert (result.counts["likes"], result.counts["dislikes"]) == (329, 200)
    assert (result.counts["train"], result.counts["dev"], result.counts["test"]) == (317, 106, 106)


def test_the_smallest_of_equally_good_c_is_chosen() -> None:
    result = train(labelled())
    best = max(result.dev_f1.values())
    assert result.chosen_c == min(c for c, f1 in result.dev_f1.items() if f1 == best)


def test_a_like_of_weight_two_counts_as_two_likes() -> None:
    data = labelled()
    # `sad` tracks were top tracks, `dreamy` ones were saved.
    weight = np.where(data["label"] == 1, np.where(data["tags"] == "pop,sad", 2, 1), 0)
    plain, weighted = train(data).model, train(data.assign(weight=weight)).model
    gain = weighted.weight_of("sad") - plain.weight_of("sad")
    assert gain > weighted.weight_of("dreamy") - plain.weight_of("dreamy")
    assert gain > 0


def test_the_zero_beside_dislikes_only_marks_them() -> None:
    data = labelled()
    marked = train(data.assign(weight=data["label"])).model
    plain = train(data.assign(weight=1)).model
    rows = data["tags"].tolist()
    assert np.array_equal(marked.predict_proba(rows), plain.predict_proba(rows))
    assert marked.predict(["brass"])[0] == 0


def test_rows_without_tags_or_label_are_left_out() -> None:
    data = labelled()
    holes = pd.DataFrame({"tags": [None, "  ", "pop"], "label": [1, 0, None]})
    with_holes = train(pd.concat([data, holes], ignore_index=True))
    assert with_holes.counts == train(data).counts


def test_too_few_of_a_class_say_how_many_there_are() -> None:
    with pytest.raises(NotEnoughData, match="30 likes and 4 dislikes"):
        train(labelled(dislikes=4))


def test_a_tag_without_quotes_weighs_the_same() -> None:
    model = FirstSeedClassifier(10).fit(
        ["drum'n'bass", "drum'n'bass", "polka", "polka"], [1, 1, 0, 0]
    )
    assert model.weight_of("drum'n'bass") == model.weight_of("drumnbass") > 0
    assert model.weight_of("Polka") == 0.0


def test_it_is_a_scikit_learn_estimator() -> None:
    copy = clone(FirstSeedClassifier(C=10))
    assert copy.get_params() == {"C": 10}
    assert copy.fit(["pop", "polka"], [1, 0]).score(["pop", "polka"], [1, 0]) == 1.0
