"""One function for two services: photos in this process, or at a URL with retries, AWS signing and downscaling."""
