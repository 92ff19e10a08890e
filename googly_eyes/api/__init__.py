"""The HTTP API without a transport: requests, responses and the OpenAPI document."""
