"""The AWS Lambda function."""
