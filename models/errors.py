"""The error of the conversion from published weights to models."""


class WeightsError(Exception):
    """The weights cannot be downloaded, or are not the expected ones. The message is one line that names the remedy."""
