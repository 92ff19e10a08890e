import json
import math

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from googly_eyes.errors import BadOptionError
from googly_eyes.options import NAMES, TABLE, Option, Options, as_text, options_from_json, options_from_text

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=5,
)
NEAR_MISSES = st.sampled_from(
    [0, 1, -1, 0.3, 0.99, 7.0, 2**32 - 1, 2**32, [0, 1], [0.5], [0.2, 0.3, 0.4], [1, 1], "faces"]
)
VALID = {
    "eye_size": st.floats(0, 1, exclude_min=True),
    "pupil_size_range": st.tuples(st.floats(0, 1), st.floats(0, 1)).map(lambda ends: tuple(sorted(map(abs, ends)))),
    "seed": st.integers(0, 2**32 - 1),
    "min_score": st.floats(0.3, 0.99),
    "detail": st.sampled_from(["fast", "auto", "high"]),
    "answer": st.sampled_from(["photo", "faces"]),
}


def refused(read, values):
    with pytest.raises(BadOptionError) as caught:
        read(values)
    return caught.value


def test_defaults_are_those_of_the_design():
    defaults = Options(
        eye_size=0.5, pupil_size_range=(0.4, 0.6), seed=None, min_score=0.9, detail="auto", answer="photo"
    )
    assert options_from_json({}) == options_from_text({}) == defaults


def test_an_option_that_is_given_is_taken_and_the_others_keep_their_defaults():
    assert options_from_json({"eye_size": 1, "seed": 7}) == Options(eye_size=1.0, seed=7)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("eye_size", 5e-324),
        ("eye_size", 1),
        ("pupil_size_range", [0, 1]),
        ("pupil_size_range", [0.5, 0.5]),
        ("seed", 0),
        ("seed", 2**32 - 1),
        ("seed", 7.0),
        ("min_score", 0.3),
        ("min_score", 0.99),
        *[("detail", value) for value in ("fast", "auto", "high")],
        ("answer", "faces"),
    ],
)
def test_a_value_at_the_end_of_its_range_is_taken(name, value):
    given_value = tuple(value) if isinstance(value, list) else value
    assert getattr(options_from_json({name: value}), name) == given_value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("eye_size", value) for value in (0, -0.5, 1.01, math.nan, math.inf, True, None, "0.5", [0.5], {}, 10**400)],
        *[("min_score", value) for value in (0.29, 1, math.nan, -math.inf, False, "0.9")],
        *[("seed", value) for value in (-1, 2**32, 1.5, math.nan, math.inf, True, None, "7", [7])],
        *[("detail", value) for value in ("", "low", "Fast", None, True, 2)],
        *[("answer", value) for value in ("", "Photo", "photos", None, True, 1, ["photo"])],
    ],
)
def test_a_value_out_of_range_or_of_another_type_is_refused_by_name(name, value):
    error = refused(options_from_json, {name: value})
    assert error.status == 422
    assert error.details["option"] == name
    assert error.message.startswith(f"{name} must be ")


@pytest.mark.parametrize(
    "value",
    [[0.5], [], [0.4, 0.5, 0.6], [0.6, 0.4], [-0.1, 0.5], [0.5, 1.1], [math.nan, 0.5], [0.5, math.nan], [True, True],
     [0.4, "0.6"], [[0.4], 0.6], 0.5, "0.4-0.6", None, {"0": 0.4, "1": 0.6}],
)  # fmt: skip
def test_a_range_that_is_short_long_swapped_or_no_range_is_refused(value):
    error = refused(options_from_json, {"pupil_size_range": value})
    assert error.details["option"] == "pupil_size_range"
    assert "two numbers from 0 to 1, the smaller one first" in error.message


def test_the_range_is_told_in_words_and_for_programs():
    error = refused(options_from_json, {"eye_size": 2})
    assert error.message == "eye_size must be a number above 0 and up to 1. This is 2."
    assert error.details == {
        "option": "eye_size",
        "allowed": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
    }


def test_an_unknown_option_is_refused_with_all_that_are_known():
    error = refused(options_from_json, {"eyes": 2})
    assert error.details == {"option": "eyes", "allowed": list(NAMES)}
    assert all(name in error.message for name in NAMES)


@pytest.mark.parametrize("read", [options_from_json, options_from_text])
def test_a_misspelt_option_is_refused_with_the_one_that_was_meant(read):
    assert "Did you mean eye_size?" in refused(read, {"eyesize": "0.5"}).message
    assert "Did you mean" not in refused(read, {"x": "0.5"}).message


@pytest.mark.parametrize("values", [{"A" * 10**6: 1}, {"answer": "A" * 10**6}, {"seed": ["A" * 10**6]}])
def test_an_error_repeats_no_more_than_the_start_of_what_was_sent(values):
    error = refused(options_from_json, values)
    assert len(error.message) < 300
    assert len(json.dumps(error.details)) < 300


def test_a_query_says_numbers_ranges_and_choices_as_people_write_them():
    values = {"eye_size": ".75", "pupil_size_range": "0.2-1", "seed": "7", "min_score": "0.5"} | {
        "detail": "high",
        "answer": "faces",
    }
    assert options_from_text(values) == Options(0.75, (0.2, 1.0), 7, 0.5, "high", "faces")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *[
            ("eye_size", text)
            for text in ("", " 0.5", "nan", "inf", "1_0", "0x1", "٠.٥", "true", "1e999", "-0.5", "1 ")
        ],
        *[
            ("pupil_size_range", text)
            for text in ("", "0.4", "0.4,0.6", "0.6-0.4", "-0.4-0.6", "0.4--0.6", "0.4-0.6-1")
        ],
        *[("seed", text) for text in ("", "1.5", "-1", "1e3", "4294967296", "9" * 5000)],
        ("answer", "'photo'"),
    ],
)
def test_a_query_that_says_anything_else_is_refused_by_name(name, text):
    assert refused(options_from_text, {name: text}).details["option"] == name


@given(st.fixed_dictionaries({}, optional=VALID))
def test_a_query_and_a_json_object_say_the_same(values):
    as_json = json.loads(json.dumps(values))
    texts = {name: as_text(value) for name, value in values.items()}
    assert options_from_text(texts) == options_from_json(as_json) == Options(**values)


@pytest.mark.parametrize("option", TABLE, ids=NAMES)
@given(value=JSON_VALUES | NEAR_MISSES | st.lists(st.floats(-0.5, 1.5), min_size=2, max_size=2))
def test_what_the_schema_says_is_what_is_taken(option: Option, value):
    allowed = jsonschema.Draft202012Validator(option.kind.schema()).is_valid(value)
    swapped = option.name == "pupil_size_range" and allowed and value[0] > value[1]  # more than a schema can say
    not_a_number = any(
        math.isnan(part) for part in (value if isinstance(value, list) else [value]) if type(part) is float
    )
    if allowed and not swapped and not not_a_number:
        options_from_json({option.name: value})
    else:
        refused(options_from_json, {option.name: value})


@pytest.mark.parametrize("option", TABLE, ids=NAMES)
def test_every_default_is_allowed_and_every_option_is_explained(option: Option):
    if option.default is not None:
        assert option.kind.checked(json.loads(json.dumps(option.default))) == option.default
    assert option.help.endswith(".")
