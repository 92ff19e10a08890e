"""The table of options: name, type, default, range and help of each option are defined only here.

JSON requests, the query of raw requests, forms, the command line, the dashboard and `/openapi.json` use this table.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from typing import Any, TypeVar

from googly_eyes.errors import BadOptionError
from googly_eyes.option_kinds import Choice, Kind, Notation, Number, NumberRange, WholeNumber

MAX_SEED = 2**32 - 1
DETAILS = ("fast", "auto", "high")
SHOWN = 40  # characters of a wrong name or value that an error repeats

T = TypeVar("T")


def _row(default: T, kind: Kind, text: str) -> T:
    row: T = field(default=default, metadata={"kind": kind, "help": text})
    return row


@dataclass(frozen=True, slots=True)
class Options:
    eye_size: float = _row(
        0.5,
        Number(0, 1, low_included=False),
        "Diameter of each eye, as a fraction of the distance between the eyes; for a turned head, as seen from the "
        "front.",
    )
    pupil_size_range: tuple[float, float] = _row(
        (0.4, 0.6),
        NumberRange(0, 1),
        "Smallest and largest diameter of the pupils, as fractions of the eye's diameter. The diameter of each pupil "
        "is drawn from this range.",
    )
    seed: int | None = _row(
        None,
        WholeNumber(0, MAX_SEED),
        "Seed of the random draws, which the result contains. The same photo, seed and options give the same bytes. "
        "Without a seed, each photo gets a new one.",
    )
    min_score: float = _row(
        0.9,
        Number(0.3, 0.99),
        "Minimum score of a face. A lower value finds more faces, and more false ones.",
    )
    detail: str = _row(
        "auto",
        Choice(DETAILS),
        "Effort of the search. fast: one pass. auto: more passes for crowds and for tilted or sideways faces. "
        "high: all passes, which takes many times as long.",
    )
    answer: str = _row(
        "photo",
        Choice(("photo", "faces")),
        "Content of the result. photo: the photo and its faces. faces: the faces without the photo.",
    )


@dataclass(frozen=True, slots=True)
class Option:
    """One row of the table. The `default` None stands for a random value, a new one for each photo."""

    name: str
    kind: Kind
    default: Any
    help: str


TABLE = tuple(Option(row.name, row.metadata["kind"], row.default, row.metadata["help"]) for row in fields(Options))
NAMES = tuple(option.name for option in TABLE)


def options_from_json(values: Mapping[str, object]) -> Options:
    """Return the options of a JSON object; missing options have their defaults.

    Raises BadOptionError, with the option and the allowed values, for an unknown option, a wrong type or a value out of
    range.
    """
    return _options(values, lambda _, value: value, Notation.JSON)


def options_from_query(values: Mapping[str, str]) -> Options:
    """Return the options of a query or a form, where every value is text. Raises as `options_from_json`."""
    return _options(values, lambda kind, text: kind.parse(text, Notation.QUERY), Notation.QUERY)


def as_text(value: object) -> str:
    """Return an option's value as text for a query or a command line."""
    return "-".join(str(end) for end in value) if isinstance(value, tuple) else str(value)


def _options(values: Mapping[str, T], parse: Callable[[Kind, T], object], notation: Notation) -> Options:
    for name in values:
        if name not in NAMES:
            raise unknown_option(name)
    given = [option for option in TABLE if option.name in values]
    return Options(**{row.name: _check(row, parse(row.kind, values[row.name]), notation) for row in given})


def _check(row: Option, value: object, notation: Notation) -> Any:
    try:
        return row.kind.check(value)
    except ValueError:
        message = f"{row.name} must be {row.kind.describe(notation)}. The value {_shortened(value)} is not allowed."
        raise BadOptionError(message, option=row.name, allowed=row.kind.json_schema()) from None


def unknown_option(name: str) -> BadOptionError:
    """Return the error for an option that does not exist, with the name of a similar one."""
    similar = get_close_matches(name[:SHOWN], NAMES, n=1)
    suggestion = f" Did you mean {similar[0]}?" if similar else ""
    message = f"There is no option {_shortened(name)}.{suggestion} The options are {', '.join(NAMES)}."
    return BadOptionError(message, option=name[:SHOWN], allowed=list(NAMES))


def _shortened(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
