"""What a caller may set. One row for each option: name, type, default, range and help stand here and nowhere else.

Read from this table: the fields of a JSON request, the query of a raw one, the command line, and `/openapi.json`.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from typing import Any, Protocol, TypeGuard, TypeVar

from googly_eyes.errors import BadOptionError

MAX_SEED = 2**32 - 1
DETAILS = ("fast", "auto", "high")
SHOWN = 40  # characters of what a caller sent that an error repeats

# A query's numbers. What float() takes for one and people do not stays out: nan, inf, 1_000, blanks, other digits.
NUMBER = r"(?:[0-9]{1,30}\.?[0-9]{0,30}|\.[0-9]{1,30})(?:[eE]-?[0-9]{1,3})?"
RANGE = rf"({NUMBER})-({NUMBER})"
WHOLE_NUMBER = r"-?[0-9]{1,20}"

T = TypeVar("T")
Schema = dict[str, object]


class Kind(Protocol):
    """A type with its range; `str()` of it is both in words."""

    def checked(self, value: object) -> Any:
        """A value of JSON as the option's own type; ValueError when it is of another type or out of range."""

    def read(self, text: str) -> object:
        """What a query or a command line says, as JSON would say it; the text itself if it is nothing of the kind."""

    def schema(self) -> Schema:
        """JSON Schema of the value in a JSON request."""

    def text_schema(self) -> Schema:
        """JSON Schema of the value in a query."""


@dataclass(frozen=True, slots=True)
class Number:
    low: float
    high: float
    low_included: bool = True

    def __str__(self) -> str:
        if self.low_included:
            return f"a number from {self.low} to {self.high}"
        return f"a number above {self.low} and up to {self.high}"

    def checked(self, value: object) -> float:
        if not _is_number(value) or not self.low <= value <= self.high or (value == self.low and not self.low_included):
            raise ValueError
        return float(value)

    def read(self, text: str) -> object:
        return float(text) if re.fullmatch(f"-?{NUMBER}", text) else text

    def schema(self) -> Schema:
        lowest = "minimum" if self.low_included else "exclusiveMinimum"
        return {"type": "number", lowest: self.low, "maximum": self.high}

    def text_schema(self) -> Schema:
        return self.schema()


@dataclass(frozen=True, slots=True)
class NumberRange:
    low: float
    high: float

    def __str__(self) -> str:
        return (
            f"two numbers from {self.low} to {self.high}, the smaller one first: "
            "[0.4, 0.6] in JSON, 0.4-0.6 in a query or on a command line"
        )

    def checked(self, value: object) -> tuple[float, float]:
        match value:
            case [first, second] if _is_number(first) and _is_number(second):
                if self.low <= first <= second <= self.high:
                    return float(first), float(second)
        raise ValueError

    def read(self, text: str) -> object:
        ends = re.fullmatch(RANGE, text)
        return [float(end) for end in ends.groups()] if ends else text

    def schema(self) -> Schema:
        number = {"type": "number", "minimum": self.low, "maximum": self.high}
        return {"type": "array", "items": number, "minItems": 2, "maxItems": 2}

    def text_schema(self) -> Schema:
        return {"type": "string", "pattern": f"^{RANGE}$"}


@dataclass(frozen=True, slots=True)
class WholeNumber:
    low: int
    high: int

    def __str__(self) -> str:
        return f"a whole number from {self.low} to {self.high}"

    def checked(self, value: object) -> int:
        # JSON has one type of number: 7.0 is as whole as 7, there and in JSON Schema.
        if not _is_number(value) or not self.low <= value <= self.high or value != int(value):
            raise ValueError
        return int(value)

    def read(self, text: str) -> object:
        return int(text) if re.fullmatch(WHOLE_NUMBER, text) else text

    def schema(self) -> Schema:
        return {"type": "integer", "minimum": self.low, "maximum": self.high}

    def text_schema(self) -> Schema:
        return self.schema()


@dataclass(frozen=True, slots=True)
class Choice:
    values: tuple[str, ...]

    def __str__(self) -> str:
        *most, last = (f"'{value}'" for value in self.values)
        return f"{', '.join(most)} or {last}"

    def checked(self, value: object) -> str:
        if not isinstance(value, str) or value not in self.values:
            raise ValueError
        return value

    def read(self, text: str) -> object:
        return text

    def schema(self) -> Schema:
        return {"type": "string", "enum": list(self.values)}

    def text_schema(self) -> Schema:
        return self.schema()


def _row(default: T, kind: Kind, text: str) -> T:
    row: T = field(default=default, metadata={"kind": kind, "help": text})
    return row


@dataclass(frozen=True, slots=True)
class Options:
    eye_size: float = _row(
        0.5,
        Number(0, 1, low_included=False),
        "Size of the eyes: the diameter of each, as a share of the distance between the two.",
    )
    pupil_size_range: tuple[float, float] = _row(
        (0.4, 0.6),
        NumberRange(0, 1),
        "Smallest and largest pupil, as shares of the eye. Each eye draws its own from this range.",
    )
    seed: int | None = _row(
        None,
        WholeNumber(0, MAX_SEED),
        "Repeats an earlier answer: the same photo, seed and options give the same bytes. "
        "Without it every request draws a fresh one. The answer tells which it was.",
    )
    min_score: float = _row(
        0.9,
        Number(0.3, 0.99),
        "How sure the detector must be of a face. Lower finds more of them, and more that are none.",
    )
    detail: str = _row(
        "auto",
        Choice(DETAILS),
        "How hard to look: 'fast' looks once, 'auto' again where there are crowds, tilted or sideways faces, "
        "'high' looks on in any case, and takes many times as long.",
    )
    answer: str = _row(
        "photo",
        Choice(("photo", "faces")),
        "What comes back: 'photo' is the photo and its faces, 'faces' all but the photo.",
    )


@dataclass(frozen=True, slots=True)
class Option:
    """One row of the table. `default` None: drawn for each request."""

    name: str
    kind: Kind
    default: Any
    help: str


TABLE = tuple(Option(row.name, row.metadata["kind"], row.default, row.metadata["help"]) for row in fields(Options))
NAMES = tuple(option.name for option in TABLE)


def options_from_json(values: Mapping[str, object]) -> Options:
    """Options from the fields of a JSON object; those that are not there have their defaults.

    BadOptionError, with its name and what is allowed, for one that is unknown, of the wrong type or out of range.
    """
    return _options(values, read=lambda _, value: value)


def options_from_text(values: Mapping[str, str]) -> Options:
    """Options from a query or a command line, where every value is text. Errors as in options_from_json."""
    return _options(values, read=lambda kind, text: kind.read(text))


def as_text(value: object) -> str:
    """An option's value as a query or a command line says it."""
    return "-".join(str(end) for end in value) if isinstance(value, tuple) else str(value)


def _options(values: Mapping[str, T], *, read: Callable[[Kind, T], object]) -> Options:
    for name in values:
        if name not in NAMES:
            raise _unknown(name)
    return Options(**{row.name: _checked(row, read(row.kind, values[row.name])) for row in TABLE if row.name in values})


def _unknown(name: str) -> BadOptionError:
    near = get_close_matches(name[:SHOWN], NAMES, n=1)
    meant = f" Did you mean {near[0]}?" if near else ""
    message = f"There is no option {_shown(name)}.{meant} The options are {', '.join(NAMES)}."
    return BadOptionError(message, option=name[:SHOWN], allowed=list(NAMES))


def _checked(row: Option, value: object) -> Any:
    try:
        return row.kind.checked(value)
    except ValueError:
        message = f"{row.name} must be {row.kind}. This is {_shown(value)}."
        raise BadOptionError(message, option=row.name, allowed=row.kind.schema()) from None


def _is_number(value: object) -> TypeGuard[int | float]:
    """NaN and the infinities are numbers here: no range has them. True and false are not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
