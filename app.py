"""The entry point of the dashboard for Streamlit: `make dashboard` and Streamlit Cloud run this file."""

from dashboard.app import show

show()
