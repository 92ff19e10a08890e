"""A widget for each option of the options table; whoever adds an option there finds it on the page."""

from random import SystemRandom
from typing import Any

import streamlit as st

from googly_eyes.option_kinds import Choice, Number, NumberRange, WholeNumber
from googly_eyes.options import TABLE, Option, Options

NOT_SHOWN = {"answer"}  # the page always shows both the photo and its faces
COARSE, FINE = 0.05, 0.01
FRESH = SystemRandom()


def controls() -> Options:
    """Every option's widget, one below the other, and what they are set to."""
    return Options(**{row.name: _widget(row) for row in TABLE if row.name not in NOT_SHOWN})


def shake() -> None:
    """A new draw of all that is drawn for each request unless it is given."""
    for row in TABLE:
        if row.default is None and isinstance(row.kind, WholeNumber):
            st.session_state[row.name] = FRESH.randint(row.kind.low, row.kind.high)


def _widget(row: Option) -> Any:
    match row.kind:
        case Number() as kind:
            return _number(row, kind)
        case NumberRange() as kind:
            return _range(row, kind)
        case WholeNumber() as kind:
            return _whole_number(row, kind)
        case Choice() as kind:
            return _choice(row, kind)
    raise TypeError(f"{row.name} is of a kind that has no widget: {row.kind}")


def _number(row: Option, kind: Number) -> float:
    step = COARSE if _fits(kind.low) and _fits(kind.high) else FINE
    low = float(kind.low) if kind.low_included else step
    return float(st.slider(_label(row), low, float(kind.high), row.default, step, key=row.name, help=_help(row)))


def _range(row: Option, kind: NumberRange) -> tuple[float, float]:
    ends = st.slider(_label(row), float(kind.low), float(kind.high), row.default, COARSE, key=row.name, help=_help(row))
    return float(ends[0]), float(ends[1])


def _whole_number(row: Option, kind: WholeNumber) -> int:
    if row.name not in st.session_state:
        st.session_state[row.name] = row.default
        if row.default is None:
            shake()
    return int(st.number_input(_label(row), kind.low, kind.high, step=1, key=row.name, help=_help(row)))


def _choice(row: Option, kind: Choice) -> str:
    values = kind.values
    chosen = st.segmented_control(
        _label(row), values, default=row.default, required=True, key=row.name, help=_help(row)
    )
    return str(chosen)


def _label(row: Option) -> str:
    return row.name.replace("_", " ").capitalize()


def _help(row: Option) -> str:
    return f"{row.help} Allowed: {row.kind}."


def _fits(end: float) -> bool:
    return abs(end / COARSE - round(end / COARSE)) < 1e-9
