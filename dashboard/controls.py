"""One widget for each row of the options table, so that a new option appears in the dashboard without a change here."""

from random import SystemRandom
from typing import Any

import streamlit as st

from googly_eyes.option_kinds import Choice, Number, NumberRange, WholeNumber
from googly_eyes.options import TABLE, Option, Options

NOT_SHOWN = {"answer"}  # the dashboard always needs the photo and the faces
COARSE_STEP, FINE_STEP = 0.05, 0.01
RANDOM = SystemRandom()


def show_controls() -> Options:
    """Show the widgets, one below the other, and return the options that they are set to."""
    return Options(**{row.name: _show_widget(row) for row in TABLE if row.name not in NOT_SHOWN})


def shake() -> None:
    """Draw a new value for every option that is random by default: the seed."""
    for row in TABLE:
        if row.default is None and isinstance(row.kind, WholeNumber):
            st.session_state[row.name] = RANDOM.randint(row.kind.low, row.kind.high)


def _show_widget(row: Option) -> Any:
    match row.kind:
        case Number() as kind:
            return _show_slider(row, kind)
        case NumberRange() as kind:
            return _show_range_slider(row, kind)
        case WholeNumber() as kind:
            return _show_number_input(row, kind)
        case Choice() as kind:
            return _show_buttons(row, kind)
    raise TypeError(f"{row.name} has a kind without a widget: {row.kind}")


def _show_slider(row: Option, kind: Number) -> float:
    step = COARSE_STEP if _is_coarse(kind.low) and _is_coarse(kind.high) else FINE_STEP
    low = float(kind.low) if kind.low_included else step
    return float(st.slider(_label(row), low, float(kind.high), row.default, step, key=row.name, help=_help(row)))


def _show_range_slider(row: Option, kind: NumberRange) -> tuple[float, float]:
    ends = st.slider(
        _label(row), float(kind.low), float(kind.high), row.default, COARSE_STEP, key=row.name, help=_help(row)
    )
    return float(ends[0]), float(ends[1])


def _show_number_input(row: Option, kind: WholeNumber) -> int:
    if row.name not in st.session_state:
        st.session_state[row.name] = row.default
        if row.default is None:
            shake()
    return int(st.number_input(_label(row), kind.low, kind.high, step=1, key=row.name, help=_help(row)))


def _show_buttons(row: Option, kind: Choice) -> str:
    values = kind.values
    chosen = st.segmented_control(
        _label(row), values, default=row.default, required=True, key=row.name, help=_help(row)
    )
    return str(chosen)


def _label(row: Option) -> str:
    return row.name.replace("_", " ").capitalize()


def _help(row: Option) -> str:
    return f"{row.help} Allowed: {row.kind}."


def _is_coarse(bound: float) -> bool:
    """Return True if `bound` is a multiple of COARSE_STEP."""
    return abs(bound / COARSE_STEP - round(bound / COARSE_STEP)) < 1e-9
