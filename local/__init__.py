"""AWS Lambda on one machine: the runtime interface emulator, a function URL with signatures, and the container image.

invoke.py                one photo through the function: `make invoke`
function_url.py          an HTTP server that behaves like a function URL with AWS_IAM: `make function-url`
function_url_events.py   HTTP request -> event, function result -> HTTP response (payload format 2.0)
sigv4.py                 verification of the request's signature
emulator.py              the runtime interface emulator as a child process, and a pool of emulators
aws.py                   S3 and SQS by moto
event_source.py          SQS -> event, as Lambda's event source mapping does
bucket.py                photos through S3, SQS and the function: `make bucket`
container_image.py       builds the image, lists its layers, runs it with Lambda's limits: `make image`
command.py               exit statuses that the commands share
"""
