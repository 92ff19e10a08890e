"""What can go wrong on the way from published weights to a model.

WeightsError              the weights are not what they should be; the message says what to do
+-- WeightsUnavailable    no place has them
"""


class WeightsError(Exception):
    """The message is for the person at the keyboard: which file, what is wrong with it, what to do."""


class WeightsUnavailable(WeightsError):
    """Every place was tried; the message names each one and why it failed."""
