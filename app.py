"""The entry point of the dashboard for Streamlit: `make dashboard` and Streamlit Cloud run this file."""

from dashboard.page import show

show()
