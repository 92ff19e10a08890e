"""The types of options. Each type checks and parses values, and describes its range for people and programs."""

import re
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol, TypeGuard

# Stricter than float(), which also accepts nan, inf, 1_000, surrounding spaces and the digits of other scripts.
NUMBER = r"(?:[0-9]{1,30}\.?[0-9]{0,30}|\.[0-9]{1,30})(?:[eE]-?[0-9]{1,3})?"
NUMBER_RANGE = rf"({NUMBER})-({NUMBER})"
WHOLE_NUMBER = r"-?[0-9]{1,20}"
SEPARATED_NUMBERS = rf"({NUMBER})(?:\s*[-,]\s*|\s+)({NUMBER})"

Schema = dict[str, object]


class Notation(Enum):
    """The interface in which a value is written."""

    JSON = "JSON"
    QUERY = "query"
    COMMAND_LINE = "command line"


EXAMPLES = {Notation.JSON: "[0.4, 0.6]", Notation.QUERY: "0.4-0.6", Notation.COMMAND_LINE: "0.4 0.6"}


class Kind(Protocol):
    """A type with its range. `str()` describes both, without the notation of any interface."""

    def check(self, value: object) -> Any:
        """Return a JSON value as the option's own type. Raises ValueError for a wrong type or a value out of range."""

    def parse(self, text: str, notation: Notation) -> object:
        """Return the JSON value that a text stands for; the text itself if it does not match the notation."""

    def describe(self, notation: Notation) -> str:
        """Return the type and the range in words; if notations differ, with an example in this notation."""

    def json_schema(self) -> Schema:
        """Return the JSON Schema of the value in a JSON request."""

    def query_schema(self) -> Schema:
        """Return the JSON Schema of the value in a query."""


@dataclass(frozen=True, slots=True)
class Number:
    low: float
    high: float
    low_included: bool = True

    def __str__(self) -> str:
        if self.low_included:
            return f"a number from {self.low} to {self.high}"
        return f"a number above {self.low} and up to {self.high}"

    def check(self, value: object) -> float:
        if not _is_number(value) or not self.low <= value <= self.high or (value == self.low and not self.low_included):
            raise ValueError
        return float(value)

    def parse(self, text: str, _: Notation) -> object:
        return float(text) if re.fullmatch(f"-?{NUMBER}", text) else text

    def describe(self, _: Notation) -> str:
        return str(self)

    def json_schema(self) -> Schema:
        lowest = "minimum" if self.low_included else "exclusiveMinimum"
        return {"type": "number", lowest: self.low, "maximum": self.high}

    def query_schema(self) -> Schema:
        return self.json_schema()


@dataclass(frozen=True, slots=True)
class NumberRange:
    """Two numbers. A command line may separate them by a hyphen, a comma or spaces; a query by a hyphen only."""

    low: float
    high: float

    def __str__(self) -> str:
        return f"two numbers from {self.low} to {self.high}, the smaller one first"

    def check(self, value: object) -> tuple[float, float]:
        match value:
            case [first, second] if _is_number(first) and _is_number(second):
                if self.low <= first <= second <= self.high:
                    return float(first), float(second)
        raise ValueError

    def parse(self, text: str, notation: Notation) -> object:
        pattern = SEPARATED_NUMBERS if notation is Notation.COMMAND_LINE else NUMBER_RANGE
        ends = re.fullmatch(pattern, text)
        return [float(end) for end in ends.groups()] if ends else text

    def describe(self, notation: Notation) -> str:
        return f"{self}: {EXAMPLES[notation]}"

    def json_schema(self) -> Schema:
        number = {"type": "number", "minimum": self.low, "maximum": self.high}
        return {"type": "array", "items": number, "minItems": 2, "maxItems": 2}

    def query_schema(self) -> Schema:
        return {"type": "string", "pattern": f"^{NUMBER_RANGE}$"}


@dataclass(frozen=True, slots=True)
class WholeNumber:
    low: int
    high: int

    def __str__(self) -> str:
        return f"a whole number from {self.low} to {self.high}"

    def check(self, value: object) -> int:
        # JSON has one number type, and JSON Schema accepts 7.0 as an integer.
        if not _is_number(value) or not self.low <= value <= self.high or value != int(value):
            raise ValueError
        return int(value)

    def parse(self, text: str, _: Notation) -> object:
        return int(text) if re.fullmatch(WHOLE_NUMBER, text) else text

    def describe(self, _: Notation) -> str:
        return str(self)

    def json_schema(self) -> Schema:
        return {"type": "integer", "minimum": self.low, "maximum": self.high}

    def query_schema(self) -> Schema:
        return self.json_schema()


@dataclass(frozen=True, slots=True)
class Choice:
    values: tuple[str, ...]

    def __str__(self) -> str:
        *most, last = self.values
        return f"{', '.join(most)} or {last}"

    def check(self, value: object) -> str:
        if not isinstance(value, str) or value not in self.values:
            raise ValueError
        return value

    def parse(self, text: str, _: Notation) -> object:
        return text

    def describe(self, notation: Notation) -> str:
        if notation is not Notation.JSON:
            return str(self)
        *most, last = (f'"{value}"' for value in self.values)
        return f"{', '.join(most)} or {last}"

    def json_schema(self) -> Schema:
        return {"type": "string", "enum": list(self.values)}

    def query_schema(self) -> Schema:
        return self.json_schema()


def _is_number(value: object) -> TypeGuard[int | float]:
    """Return true for int and float, but not for bool. NaN and the infinities are outside of every range."""
    return isinstance(value, int | float) and not isinstance(value, bool)
