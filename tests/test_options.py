import json
import math
import subprocess
import sys

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from googly_eyes.errors import BadOptionError
from googly_eyes.option_kinds import Choice, Notation, NumberRange
from googly_eyes.options import NAMES, TABLE, Option, Options, as_text, options_from_json, options_from_query
from testing.paths import ROOT

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


def error_of(read, values):
    with pytest.raises(BadOptionError) as caught:
        read(values)
    return caught.value


def test_the_defaults_are_those_of_the_contract():
    defaults = Options(
        eye_size=0.5, pupil_size_range=(0.4, 0.6), seed=None, min_score=0.9, detail="auto", answer="photo"
    )
    assert options_from_json({}) == options_from_query({}) == defaults


def test_missing_options_have_their_defaults():
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
def test_a_value_at_the_end_of_its_range_is_accepted(name, value):
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
    error = error_of(options_from_json, {name: value})
    assert error.status == 422
    assert error.details["option"] == name
    assert error.message.startswith(f"{name} must be ")


@pytest.mark.parametrize(
    "value",
    [[0.5], [], [0.4, 0.5, 0.6], [0.6, 0.4], [-0.1, 0.5], [0.5, 1.1], [math.nan, 0.5], [0.5, math.nan], [True, True],
     [0.4, "0.6"], [[0.4], 0.6], 0.5, "0.4-0.6", None, {"0": 0.4, "1": 0.6}],
)  # fmt: skip
def test_a_range_that_is_not_two_ascending_numbers_is_refused(value):
    error = error_of(options_from_json, {"pupil_size_range": value})
    assert error.details["option"] == "pupil_size_range"
    assert "two numbers from 0 to 1, the smaller one first" in error.message


def test_an_error_has_the_allowed_values_in_words_and_as_a_schema():
    error = error_of(options_from_json, {"eye_size": 2})
    assert error.message == "eye_size must be a number above 0 and up to 1. The value 2 is not allowed."
    assert error.details == {
        "option": "eye_size",
        "allowed": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
    }


def test_an_unknown_option_is_refused_with_the_known_ones():
    error = error_of(options_from_json, {"eyes": 2})
    assert error.details == {"option": "eyes", "allowed": list(NAMES)}
    assert all(name in error.message for name in NAMES)


@pytest.mark.parametrize("read", [options_from_json, options_from_query])
def test_a_misspelt_option_is_refused_with_the_similar_one(read):
    assert "Did you mean eye_size?" in error_of(read, {"eyesize": "0.5"}).message
    assert "Did you mean" not in error_of(read, {"x": "0.5"}).message


@pytest.mark.parametrize("values", [{"A" * 10**6: 1}, {"answer": "A" * 10**6}, {"seed": ["A" * 10**6]}])
def test_an_error_repeats_only_the_start_of_a_long_value(values):
    error = error_of(options_from_json, values)
    assert len(error.message) < 300
    assert len(json.dumps(error.details)) < 300


def test_a_query_may_have_numbers_ranges_and_choices():
    values = {"eye_size": ".75", "pupil_size_range": "0.2-1", "seed": "7", "min_score": "0.5"} | {
        "detail": "high",
        "answer": "faces",
    }
    assert options_from_query(values) == Options(0.75, (0.2, 1.0), 7, 0.5, "high", "faces")


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
def test_a_query_value_in_another_notation_is_refused_by_name(name, text):
    assert error_of(options_from_query, {name: text}).details["option"] == name


@given(st.fixed_dictionaries({}, optional=VALID))
def test_a_query_and_a_json_object_with_the_same_values_give_the_same_options(values):
    json_values = json.loads(json.dumps(values))
    texts = {name: as_text(value) for name, value in values.items()}
    assert options_from_query(texts) == options_from_json(json_values) == Options(**values)


@pytest.mark.parametrize("option", TABLE, ids=NAMES)
@given(value=JSON_VALUES | NEAR_MISSES | st.lists(st.floats(-0.5, 1.5), min_size=2, max_size=2))
def test_a_value_is_accepted_if_and_only_if_it_is_valid_for_the_schema(option: Option, value):
    allowed = jsonschema.Draft202012Validator(option.kind.json_schema()).is_valid(value)
    swapped = option.name == "pupil_size_range" and allowed and value[0] > value[1]  # more than a schema can say
    not_a_number = any(
        math.isnan(part) for part in (value if isinstance(value, list) else [value]) if type(part) is float
    )
    if allowed and not swapped and not not_a_number:
        options_from_json({option.name: value})
    else:
        error_of(options_from_json, {option.name: value})


@pytest.mark.parametrize("option", TABLE, ids=NAMES)
def test_every_default_is_allowed_and_every_option_has_a_help_text(option: Option):
    if option.default is not None:
        assert option.kind.check(json.loads(json.dumps(option.default))) == option.default
    assert option.help.endswith(".")


@pytest.mark.parametrize("text", ["0.4-0.6", "0.4,0.6", "0.4 0.6", "0.4, 0.6", "0.4 - 0.6", ".4  .6"])
def test_a_range_on_the_command_line_may_have_a_hyphen_a_comma_or_spaces(text):
    assert NumberRange(0, 1).parse(text, Notation.COMMAND_LINE) == [0.4, 0.6]


@pytest.mark.parametrize("text", ["", "0.4", "0.4--0.6", "0.4;0.6", "0.4 0.5 0.6", "0.40.6", "[0.4, 0.6]", "-0.4 0.6"])
def test_a_range_on_the_command_line_in_another_form_is_refused(text):
    kind = NumberRange(0, 1)
    with pytest.raises(ValueError):  # noqa: PT011 - it has no message
        kind.check(kind.parse(text, Notation.COMMAND_LINE))


@pytest.mark.parametrize("notation", Notation)
def test_the_example_of_a_range_is_valid_in_its_notation(notation):
    kind = NumberRange(0, 1)
    words, _, example = kind.describe(notation).rpartition(": ")
    assert words == "two numbers from 0 to 1, the smaller one first"
    value = json.loads(example) if notation is Notation.JSON else kind.parse(example, notation)
    assert kind.check(value) == (0.4, 0.6)


def test_choices_are_quoted_in_json_only():
    assert Choice(("fast", "auto", "high")).describe(Notation.JSON) == '"fast", "auto" or "high"'
    assert Choice(("fast", "auto", "high")).describe(Notation.COMMAND_LINE) == "fast, auto or high"


@pytest.mark.process
def test_options_and_errors_can_be_imported_without_numpy():
    code = (
        "import sys; sys.modules['numpy'] = None; import googly_eyes.options, googly_eyes.errors, googly_eyes.settings"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
