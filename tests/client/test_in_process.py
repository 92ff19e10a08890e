"""The service in this process."""

import pytest

from googly_eyes.client.in_process import InProcessService
from googly_eyes.errors import TooLargeError
from googly_eyes.memory import LAMBDA_MEMORY, MIB
from googly_eyes.options import Options
from testing.people import blank
from testing.photos import stored


@pytest.mark.parametrize(("at_once", "advice"), [(1, "Send a smaller copy."), (2, "with --jobs 1.")])
def test_photos_that_are_processed_at_once_share_the_memory(monkeypatch, at_once, advice):
    monkeypatch.setenv(LAMBDA_MEMORY, str(500 * at_once))
    service = InProcessService(at_once=at_once)
    with pytest.raises(TooLargeError, match="500 MiB allow") as refused:
        service.googlify(stored(blank(4000, 3000), 1, "PNG"), Options())
    assert refused.value.message.endswith(advice)
    assert refused.value.code == "not_enough_memory"
    assert refused.value.details["max_memory"] == 500 * MIB
