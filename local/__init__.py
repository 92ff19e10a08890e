"""The function on your own machine: AWS's runtime interface emulator, and a function URL with signatures over it."""
