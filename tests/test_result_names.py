import pytest

from googly_eyes.result_names import is_result_name, result_name


@pytest.mark.parametrize(
    ("name", "result"),
    [
        ("photo.jpg", "photo.googly.jpg"),
        ("two.dots.jpg", "two.dots.googly.jpg"),
        ("a name .png", "a name .googly.png"),
        ("none", "none.googly"),
        ("IMG.JPG", "IMG.googly.JPG"),
        ("-dash.jpg", "-dash.googly.jpg"),
    ],
)
def test_the_name_of_a_result_keeps_the_stem_and_the_extension(name, result):
    assert result_name(name) == result
    assert is_result_name(result)
    assert not is_result_name(name)
