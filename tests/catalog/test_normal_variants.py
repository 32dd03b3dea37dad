"""Tests of spelling variants of tags, judged by the lake's own artists."""

import random

import pandas as pd

from smallhours.catalog.tag_names import measure_variants


def carried(**by_artist: str) -> pd.DataFrame:
    """Return `artist_key` and `tag` from artist="tag, tag"."""
    return pd.DataFrame(
        [(artist, tag) for artist, tags in by_artist.items() for tag in tags.split(", ")],
        columns=["artist_key", "tag"],
    )


def scene(artists: int, tags: str, start: int = 0) -> dict[str, str]:
    return {f"a{at}": tags for at in range(start, start + artists)}


def test_spellings_that_keep_the_same_company_are_one_and_the_commoner_gives_the_name() -> None:
    both = scene(6, "dream pop, dreampop, shoegaze, ethereal")
    more = scene(9, "dream pop, shoegaze, ethereal", 6)
    assert measure_variants(carried(**both, **more)) == {"dreampop": "dream pop"}


def test_a_slip_of_the_keyboard_is_one_with_what_was_meant() -> None:
    both = scene(6, "electronic, eletronic, ambient, idm")
    more = scene(9, "electronic, ambient, idm", 6)
    assert measure_variants(carried(**both, **more)) == {"eletronic": "electronic"}


def test_what_looks_alike_but_is_carried_by_others_stays_apart() -> None:
    left = scene(8, "girl group, motown, soul")
    right = scene(8, "girlgroup, k-pop, dance", 8)
    assert measure_variants(carried(**left, **right)) == {}


def test_a_genre_and_its_kinds_stay_apart_however_much_they_share() -> None:
    tags = (
        "pop, pop punk, house, deep house, 60s rock, 70s rock, german, germany, punk rock, "
        "funk rock, electronic, electronica, classic, classical"
    )
    assert measure_variants(carried(**scene(30, tags))) == {}


def test_too_few_artists_prove_nothing() -> None:
    assert measure_variants(carried(**scene(4, "dream pop, dreampop, shoegaze"))) == {}
    assert measure_variants(pd.DataFrame({"artist_key": [], "tag": []})) == {}


def test_three_spellings_get_one_name_that_is_no_variant_itself() -> None:
    both = scene(6, "boyband, boy band, boybands, pop, teen")
    found = measure_variants(carried(**both, **scene(5, "boy band, pop, teen", 6)))
    assert found == {"boyband": "boy band", "boybands": "boy band"}


def test_the_order_of_rows_does_not_matter() -> None:
    rows = carried(
        **scene(6, "boyband, boy band, pop, teen, dream pop, dreampop"), **scene(5, "boy band", 6)
    )
    order = list(range(len(rows)))
    random.Random(3).shuffle(order)
    assert measure_variants(rows.iloc[order]) == measure_variants(rows)
