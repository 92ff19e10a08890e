"""The dashboard: a Streamlit app that shows widgets and calls the client. It has no logic for eyes or faces."""
