"""Streamlit's door to the dashboard; `make dashboard` opens it here."""

from dashboard.page import show

show()
