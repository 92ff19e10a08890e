"""The HTTP API without a transport: requests, answers, and the contract."""
