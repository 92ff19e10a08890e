"""The selection of the detector by the settings."""

import pytest

from googly_eyes.detection.mtcnn import Mtcnn
from googly_eyes.detection.registry import load_detector
from googly_eyes.detection.retinaface import RetinaFace
from googly_eyes.errors import SettingError
from googly_eyes.settings import load_settings


@pytest.mark.parametrize(("environ", "kind"), [({}, RetinaFace), ({"GOOGLY_DETECTOR": "mtcnn"}, Mtcnn)])
def test_the_default_detector_is_retinaface_and_a_setting_selects_another(environ, kind):
    assert isinstance(load_detector(load_settings(environ)), kind)


@pytest.mark.parametrize("name", ["", "RetinaFace", "mtcnn ", "opencv"])
def test_an_unknown_detector_is_reported_with_the_allowed_names(name):
    with pytest.raises(SettingError, match="GOOGLY_DETECTOR to retinaface or mtcnn") as error:
        load_detector(load_settings({"GOOGLY_DETECTOR": name}))
    assert repr(name) in error.value.message
