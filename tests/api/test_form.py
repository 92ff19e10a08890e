import gc
import logging
import subprocess
import sys
import tracemalloc

import pytest

from googly_eyes.api.form import MAX_TEXT, read_form
from googly_eyes.errors import BadOptionError, BadRequestError, TooLargeError
from testing.forms import BOUNDARY, CONTENT_TYPE, form_body, join, part
from testing.paths import ROOT

PHOTO = b"\xff\xd8\xff" + bytes(range(256)) * 40
KNOWN = ("seed", "eyes")
DISPOSITION = b'Content-Disposition: form-data; name="image"'


def error_of(kind, body, content_type=CONTENT_TYPE):
    with pytest.raises(kind) as caught:
        read_form(body, content_type, KNOWN)
    return caught.value


def test_the_photo_and_the_text_fields_are_read():
    form = read_form(*form_body({"seed": "5", "eyes": "[\u00e9]"}, PHOTO), KNOWN)
    assert (form.photo, form.fields) == (PHOTO, {"seed": "5", "eyes": "[\u00e9]"})


@pytest.mark.parametrize(
    "photo",
    [b"\r\n", b"--", f"\r\n--{BOUNDARY[:-1]}".encode(), f"--{BOUNDARY}--".encode(), b"\r" * 1000, b"a\r\n\r\n--b"],
)
def test_a_photo_may_contain_anything_but_the_boundary_at_the_start_of_a_line(photo):
    assert read_form(*form_body({"seed": "1"}, photo), KNOWN).photo == photo


@pytest.mark.parametrize(
    ("boundary", "parameter"),
    [("a b", '"a b"'), ("x" * 71, "x" * 71), ("----WebKitFormBoundaryAb1", "----WebKitFormBoundaryAb1")],
)
def test_the_boundaries_of_browsers_and_libraries_are_accepted(boundary, parameter):
    body = join([part("image", PHOTO, filename="p.jpg")], boundary)
    assert read_form(body, f"Multipart/Form-Data; charset=utf-8; boundary={parameter}", KNOWN).photo == PHOTO


def test_a_photo_needs_no_file_name_and_a_text_field_may_have_one():
    body = join([part("image", PHOTO), part("seed", b"5", filename="blob")])
    assert read_form(body, CONTENT_TYPE, KNOWN).fields == {"seed": "5"}


@pytest.mark.parametrize("parts", [[], [part("seed", b"5")], [part("image", b"", filename="")]])
def test_a_form_without_a_file_is_refused_with_the_name_of_its_field(parts):
    error = error_of(BadRequestError, join(parts))
    assert error.code in {"no_photo", "bad_form"}
    assert '"image"' in error.message


def test_two_files_are_refused():
    photo = part("image", PHOTO, filename="p.jpg")
    error = error_of(BadOptionError, join([photo, photo]))
    assert error.details == {"option": "image"}
    assert "one photo per form" in error.message


def test_a_file_in_another_field_is_refused_with_the_right_name():
    error = error_of(BadOptionError, join([part("photo", PHOTO, filename="p.jpg")]))
    assert error.details == {"option": "photo"}
    assert 'Name the field of the photo "image"' in error.message


def test_a_repeated_field_is_refused_by_name():
    error = error_of(BadOptionError, join([part("seed", b"5"), part("seed", b"5"), part("image", PHOTO)]))
    assert error.details == {"option": "seed"}


def test_an_unknown_field_is_refused_with_the_options():
    error = error_of(BadOptionError, join([part("sed", b"5"), part("image", PHOTO)]))
    assert "Did you mean seed?" in error.message


def test_a_text_field_over_the_limit_is_refused_with_the_limit():
    assert read_form(*form_body({"eyes": " " * MAX_TEXT}, PHOTO), KNOWN).fields["eyes"]
    error = error_of(TooLargeError, *form_body({"eyes": " " * (MAX_TEXT + 1)}, PHOTO))
    assert error.details == {"field": "eyes", "max_bytes": MAX_TEXT}


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=other",
        f"multipart/form-data; boundary={BOUNDARY}x",
        f"multipart/form-data; boundary={BOUNDARY[:-1]}",
        f"multipart/form-data; boundary={'x' * 300}",
    ],
)
def test_a_wrong_boundary_is_refused(content_type):
    error = error_of(BadRequestError, form_body({}, PHOTO)[0], content_type)
    assert error.code == "bad_form"
    assert "boundary" in error.message


@pytest.mark.parametrize(
    "body",
    [
        b"x",
        PHOTO,
        join([part("image", PHOTO)])[:-4],
        join([part("image", PHOTO)])[:-200],
        join([b"\r\n" + PHOTO]),
        join([b"Content-Disposition: form-data\r\n\r\n" + PHOTO]),
        join([DISPOSITION + b"\r\n" * 1 + PHOTO]),
        join([b"Content-Disposition form-data\r\n\r\n" + PHOTO]),
        join([DISPOSITION + b"\r\nX: " + b"x" * 100_000 + b"\r\n\r\n" + PHOTO]),
        join([DISPOSITION + b"\r\nX: y" * 1000 + b"\r\n\r\n" + PHOTO]),
        join([part("image", PHOTO), part("seed", b"\xff")]),
    ],
)
def test_a_malformed_form_is_refused(body):
    error = error_of(BadRequestError, body)
    assert error.code == "bad_form"
    assert "-F image=@photo.jpg" in error.message


def test_nothing_of_a_malformed_form_is_logged(caplog):
    with caplog.at_level(logging.DEBUG):
        error_of(BadRequestError, b"--secret")
    assert not caplog.records


def test_a_refused_form_leaves_nothing_in_memory():
    large = bytes(2_000_000)
    bodies = [
        join([part("image", large), part("image", large)]),
        join([part("eyes", large), part("image", large)]),
        join([part("image", large)])[:-4],
        join([part("image", large), part("seed", b"\xff")]),
    ]

    def refuse_all():
        for body in bodies:
            with pytest.raises((BadOptionError, BadRequestError, TooLargeError)):
                read_form(body, CONTENT_TYPE, KNOWN)

    refuse_all()
    gc.collect()
    tracemalloc.start()
    try:
        for _ in range(25):
            refuse_all()
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] < 1_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.process
def test_the_parser_is_loaded_with_the_first_form_and_the_contract_when_it_is_requested():
    modules = "{'python_multipart', 'googly_eyes.api.docs', 'googly_eyes.api.openapi'}"
    program = f"import sys, googly_eyes.api.app; print(bool({modules} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
