import base64
import json

import pytest

from lambda_fn.__main__ import main
from lambda_fn.handler import handler
from lambda_fn.options import TABLE
from tests import people
from tests.events import json_event


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(people.as_jpeg(people.group(400)[0]))
    return path


def test_a_file_gets_the_same_eyes_as_a_request(photo, tmp_path, capsys):
    out = tmp_path / "out.jpg"
    assert main([str(photo), str(out), "--seed", "5", "--pupil-size-range", "0.2-0.3"]) == 0
    told = capsys.readouterr().out
    answer = json.loads(handler(json_event(photo.read_bytes(), seed=5, pupil_size_range=[0.2, 0.3]), None)["body"])
    assert out.read_bytes() == base64.b64decode(answer["image"])
    assert f"{photo} -> {out}: {len(answer['faces'])} faces, seed 5 (" in told
    assert all(stage in told for stage in ("read", "find", "draw", "write"))


def test_faces_alone_are_written_as_json(photo, tmp_path):
    out = tmp_path / "faces.json"
    assert main([str(photo), str(out), "--answer", "faces", "--seed", "5"]) == 0
    written = json.loads(out.read_bytes())
    answer = json.loads(handler(json_event(photo.read_bytes(), answer="faces", seed=5), None)["body"])
    assert written == {"faces": answer["faces"], "seed": 5}


def test_a_bad_option_is_told_and_nothing_is_written(photo, tmp_path, capsys):
    out = tmp_path / "out.jpg"
    assert main([str(photo), str(out), "--eye-size", "2"]) == 1
    assert "eye_size must be a number above 0 and up to 1" in capsys.readouterr().err
    assert not out.exists()


def test_a_file_that_is_missing_or_no_photo_is_told(tmp_path, capsys):
    assert main([str(tmp_path / "missing.jpg"), str(tmp_path / "out.jpg")]) == 1
    assert "missing.jpg" in capsys.readouterr().err
    text = tmp_path / "text.jpg"
    text.write_text("Dear Sir or Madam")
    assert main([str(text), str(tmp_path / "out.jpg")]) == 1
    assert "no photo" in capsys.readouterr().err


def test_a_model_that_is_missing_is_told(photo, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("GOOGLY_MODEL", "/nowhere.tflite")
    assert main([str(photo), str(tmp_path / "out.jpg")]) == 1
    assert "make model" in capsys.readouterr().err


def test_help_has_every_option_with_its_default(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    told = " ".join(capsys.readouterr().out.split())
    for option in TABLE:
        assert f"--{option.name.replace('_', '-')}" in told
        assert option.help in told
        assert str(option.kind) in told
    assert "Default: 0.4-0.6." in told
    assert "Default: drawn afresh." in told
