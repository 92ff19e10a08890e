import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

import googly_eyes
from googly_eyes.cli.arguments import parse_arguments
from googly_eyes.options import TABLE, Choice, Number, NumberRange, Options, WholeNumber, as_text
from testing.paths import ROOT

HTTP_TERMS = ("base64", "query", "Content-Type", "in JSON", "header", "endpoint")


def allowed_value(kind):
    match kind:
        case Number() | WholeNumber():
            return kind.high
        case NumberRange():
            return (0.2, 0.3)
        case Choice():
            return kind.values[-1]


def flag_of(row):
    return f"--{row.name.replace('_', '-')}"


def usage_error(arguments, capsys):
    """Return the one line on standard error."""
    with pytest.raises(SystemExit) as ended:
        parse_arguments(arguments)
    assert ended.value.code == 2
    output, errors = capsys.readouterr()
    assert output == ""
    assert errors.endswith(". See googly --help\n")
    assert errors.count("\n") == 1
    return errors.removeprefix("googly: ").removesuffix(". See googly --help\n")


def help_text(capsys):
    with pytest.raises(SystemExit) as ended:
        parse_arguments(["--help"])
    assert ended.value.code == 0
    return capsys.readouterr().out


def test_a_photo_alone_has_the_defaults(monkeypatch):
    monkeypatch.delenv("GOOGLY_URL", raising=False)
    arguments = parse_arguments(["photo.jpg"])
    assert arguments.photos == ("photo.jpg",)
    assert arguments.options == Options()
    assert (arguments.out, arguments.faces, arguments.jobs, arguments.url, arguments.sign) == (None,) * 5
    assert (arguments.recursive, arguments.force, arguments.quiet) == (False, False, False)


def test_short_and_long_options_mean_the_same():
    short = parse_arguments(["-rq", "-o", "out", "-j4", "a"])
    assert short == parse_arguments(["a", "--quiet", "--recursive", "--out=out", "--jobs", "4"])
    assert (short.out, short.jobs, short.recursive, short.quiet) == ("out", 4, True, True)


def test_options_and_photos_may_be_mixed():
    arguments = parse_arguments(["a.jpg", "--seed", "1", "b.jpg", "-o", "out", "-"])
    assert arguments.photos == ("a.jpg", "b.jpg", "-")
    assert arguments.options.seed == 1


@pytest.mark.parametrize(
    ("argv", "photos"),
    [
        (["--", "-dash.jpg"], ("-dash.jpg",)),
        (["a.jpg", "--", "--seed", "--"], ("a.jpg", "--seed", "--")),
        (["-o", "x", "--", "-o"], ("-o",)),
    ],
)
def test_every_name_after_two_dashes_is_a_photo(argv, photos):
    assert parse_arguments(argv).photos == photos


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_every_option_of_the_table_is_an_option_of_the_command(row):
    value = allowed_value(row.kind)
    arguments = parse_arguments(["a.jpg", flag_of(row), as_text(value)])
    assert getattr(arguments.options, row.name) == value


@pytest.mark.parametrize(
    "argv",
    [
        ["--pupil-size-range", "0.2", "0.3", "a.jpg"],
        ["a.jpg", "--pupil-size-range", "0.2", "0.3"],
        ["--pupil-size-range=0.2", "0.3", "a.jpg"],
        ["--pupil-size-range", "0.2,0.3", "a.jpg"],
        ["--pupil-size-range=0.2,0.3", "a.jpg"],
        ["--pupil-size-range", "0.2-0.3", "a.jpg"],
        ["--pupil-size-range", ".2, .3", "a.jpg"],
        ["--pupil-size-range", "2e-1 - 3e-1", "a.jpg"],
        ["--pupil-size-range", " 0.2 0.3 ", "a.jpg"],
    ],
)
def test_a_range_is_two_numbers_with_a_space_a_comma_or_a_dash(argv):
    arguments = parse_arguments(argv)
    assert arguments.options.pupil_size_range == (0.2, 0.3)
    assert arguments.photos == ("a.jpg",)


def test_a_number_after_a_complete_range_is_a_photo():
    for text in (["0.2-0.3"], ["0.2,0.3"], ["0.2", "0.3"]):
        assert parse_arguments(["--pupil-size-range", *text, "0.5"]).photos == ("0.5",)


@given(
    st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted),
    st.sampled_from(["{} {}", "{},{}", "{}, {}", "{} - {}", "{}-{}"]),
)
def test_any_range_is_read_as_the_numbers_written(ends, form):
    low, high = (round(end, 6) for end in ends)
    text = form.format(f"{low:.6f}", f"{high:.6f}")
    assert parse_arguments(["a.jpg", f"--pupil-size-range={text}"]).options.pupil_size_range == (low, high)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_a_wrong_option_is_one_line_in_terms_of_the_command_line(row, capsys):
    message = usage_error(["a.jpg", flag_of(row), "nonsense"], capsys)
    assert message.startswith(f"argument {flag_of(row)}: must be ")
    assert message.endswith(", not 'nonsense'")
    assert not any(term in message for term in (*HTTP_TERMS, row.name if "_" in row.name else "JSON"))


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        ([], "Name at least one photo or folder"),
        (["--seed", "1"], "Name at least one photo or folder"),
        (["--jobs", "0", "a.jpg"], "argument -j/--jobs: must be a whole number from 1 to 64, not '0'"),
        (["-j", "many", "a.jpg"], "argument -j/--jobs: must be a whole number from 1 to 64, not 'many'"),
        (["--colour", "a.jpg"], "unrecognized arguments: --colour"),
        (["--recur", "a.jpg"], "unrecognized arguments: --recur"),
        (["--pupil-size-range", "0.6", "0.4", "a.jpg"], None),
        (["--pupil-size-range", "0.4", "a.jpg"], None),
        (["--pupil-size-range", "a.jpg"], None),
        (["a.jpg", "--pupil-size-range"], None),
        (["a.jpg", "--seed", "1_0"], None),
        (["a.jpg", "--eye-size", "nan"], None),
    ],
)
def test_a_wrong_command_line_is_one_line(argv, reason, capsys):
    message = usage_error(argv, capsys)
    assert message == reason or (reason is None and "argument --" in message)


def test_a_wrong_value_is_escaped_and_cut(capsys):
    message = usage_error(["a.jpg", "--seed", "\x1b[31m" + "9" * 500], capsys)
    assert "\x1b" not in message
    assert len(message) < 200
    assert "\x1b" not in usage_error(["a.jpg", "--\x1b[31mred"], capsys)


def test_the_environment_has_the_default_of_url(monkeypatch):
    monkeypatch.setenv("GOOGLY_URL", "http://example.org/")
    assert parse_arguments(["a.jpg"]).url == "http://example.org/"
    assert parse_arguments(["a.jpg", "--url="]).url == ""


def test_the_version_is_the_one_of_the_package(capsys):
    with pytest.raises(SystemExit) as ended:
        parse_arguments(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"googly {googly_eyes.__version__}\n"


def test_help_has_every_option_with_its_values_and_default(capsys):
    text = " ".join(help_text(capsys).split())
    for row in TABLE:
        assert flag_of(row) in text
        assert row.help in text
    assert "Allowed: two numbers from 0 to 1, the smaller one first: 0.4 0.6." in text
    assert "Default: 0.4-0.6." in text
    assert "Default: random." in text
    assert not any(term in text for term in HTTP_TERMS)


def test_help_groups_the_options_and_lists_every_exit_status(capsys):
    text = help_text(capsys)
    titles = [line for line in text.splitlines() if line.endswith(":") and not line.startswith(" ")]
    assert titles == ["files:", "eyes and faces:", "run:", "examples:", "exit status:"]
    for status in ("0", "1", "2", "130", "143", "129"):
        assert f" {status} " in text


def test_help_fits_a_terminal_of_80_columns(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert max(map(len, help_text(capsys).splitlines())) <= 82


def test_help_shows_three_examples_that_can_be_parsed(capsys):
    examples = [line.split()[1:] for line in help_text(capsys).splitlines() if line.startswith("  googly ")]
    assert len(examples) == 3
    assert all(parse_arguments(example).photos for example in examples)


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["--nonsense"], []])
@pytest.mark.process
def test_help_version_and_usage_errors_import_no_heavy_library(arguments):
    script = (
        "import sys\n"
        "from googly_eyes.cli.main import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'PIL', 'requests', 'botocore', 'tqdm', 'flask', 'ai_edge_litert', 'tflite_runtime'}\n"
        "print('heavy:', *sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script, *arguments], cwd=ROOT, capture_output=True, check=True)
    assert done.stdout.decode().splitlines()[-1] == "heavy:"
