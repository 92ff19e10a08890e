"""The AWS Lambda functions: one handler for each event source.

handler.py    the function URL
callers.py    photos that its callers put into a bucket
bucket.py     photos of a bucket: messages of SQS, tasks of S3 Batch Operations
s3.py         the two buckets; the only import of botocore
"""
