"""What the reference pages say of keys comes from the code, and a key without a description is an error."""

from typing import Annotated, Any, Literal

import pytest
from pydantic import Field
from pydantic.dataclasses import dataclass

from reference_pages import keys
from reference_pages.keys import JSON, TOML, DescriptionError, Key


@dataclass(frozen=True, kw_only=True)
class Inner:
    """A table inside another.

    Attributes:
        size: Its size, which
            takes two lines to describe.
    """

    size: Annotated[int, Field(gt=0)]


@dataclass(frozen=True, kw_only=True)
class Outer(Inner):
    """A table.

    A second paragraph.

    Attributes:
        word: One of two words.
        inner: Another table.
        several: Several tables.
    """

    word: Literal["a", "b"] = "a"
    inner: Inner | None = None
    several: Annotated[tuple[Inner, ...], Field(min_length=1)]


@dataclass(frozen=True, kw_only=True)
class Silent(Inner):
    """A table that does not describe one of its keys."""

    word: str = ""


@dataclass(frozen=True, kw_only=True)
class Talkative:
    """A table that describes a key that it does not have.

    Attributes:
        word: A word.
        gone: A key of an earlier version.
    """

    word: str = ""


def test_a_key_has_the_type_default_and_description_of_the_code() -> None:
    assert keys.keys(Outer, TOML) == [
        Key(name="size", type="integer > 0", default=None, description="Its size, which takes two lines to describe."),
        Key(name="word", type='`"a"` or `"b"`', default='"a"', description="One of two words."),
        Key(name="inner", type="[Inner](#inner)", default="", description="Another table."),
        Key(
            name="several",
            type="array of [Inner](#inner), at least 1 item",
            default=None,
            description="Several tables.",
        ),
    ]


def test_a_file_format_has_its_own_words() -> None:
    assert [key.type for key in keys.keys(Outer, JSON)][2] == "[Inner](#inner) or null"
    assert [key.default for key in keys.keys(Outer, JSON)][2] == "null"


@pytest.mark.parametrize(
    ("hint", "said"),
    [
        (float, "float"),
        (dict[str, int], "table of integer"),
        (dict[str, Any], "table"),
        (tuple[float, float], "array of 2: float"),
        (tuple[Annotated[float, Field(ge=0, lt=1)], ...], "array of float ≥ 0 and < 1"),
    ],
)
def test_a_type_is_told_in_words_of_the_file_format(hint: object, said: str) -> None:
    assert keys.words(hint, TOML) == said


def test_a_type_without_a_word_is_refused() -> None:
    with pytest.raises(KeyError):
        keys.words(complex, TOML)


@pytest.mark.parametrize(("kind", "key"), [(Silent, "word"), (Talkative, "gone")])
def test_keys_and_descriptions_have_to_agree(kind: type, key: str) -> None:
    with pytest.raises(DescriptionError, match=rf"{kind.__name__}: .* differ in {key}$"):
        keys.keys(kind, TOML)


def test_the_summary_of_a_class_leaves_its_keys_out() -> None:
    assert keys.summary(Outer) == "A table.\n\nA second paragraph."


def test_tables_are_found_at_any_depth_once() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Whole:
        """A file.

        Attributes:
            outer: A table.
        """

        outer: Outer

    assert keys.tables(Whole) == [Outer, Inner]


def test_the_name_of_a_class_becomes_words() -> None:
    kinds = [type(name, (), {}) for name in ("DenseLayer", "AdamW", "GruLayer", "Recipe")]
    assert [keys.title(kind) for kind in kinds] == ["Dense layer", "AdamW", "GRU layer", "Recipe"]
