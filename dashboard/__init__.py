"""The dashboard: a Streamlit page over the client. Widgets, and no logic about eyes or faces."""
