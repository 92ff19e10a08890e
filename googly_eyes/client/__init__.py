"""The same job in this process or at a URL: transport, retries, AWS signing, downscaling."""
