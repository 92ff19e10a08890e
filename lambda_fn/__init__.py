"""The function on AWS Lambda: one handler for each event source."""
