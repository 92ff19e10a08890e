"""The function on AWS Lambda: one handler per event source."""
