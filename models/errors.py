"""What can go wrong on the way from published weights to a model.

WeightsError              the weights are not what they should be; the message says what to do
+-- WeightsUnavailable    no place has them
    +-- WeightsMisplaced  the folder that WEIGHTS_DIR names has not
"""


class WeightsError(Exception):
    """The message is for the person at the keyboard: which file, what is wrong with it, what to do."""


class WeightsUnavailable(WeightsError):
    """Every place was tried; the message names each one and why it failed."""


class WeightsMisplaced(WeightsUnavailable):
    """To look elsewhere, or to do without, would overrule the person who named the folder."""
