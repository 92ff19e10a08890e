"""The media types that the API accepts and sends, besides those of photo formats."""

HTML = "text/html"
JSON = "application/json"
OCTET_STREAM = "application/octet-stream"
FORM = "multipart/form-data"
URL_ENCODED_FORM = "application/x-www-form-urlencoded"
