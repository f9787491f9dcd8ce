"""The user's YAML files are read strictly, and mistakes say which line."""

import pytest

from plinth_cli.engine.project import read_yaml
from plinth_cli.errors import PlinthError


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        (b"config:\n  a: 1\n  b: {c: 1, c: 2}\n", 3, "'c' stands twice"),
        (b'a: "never ended\nb: 1\nc: 2\n', 1, "end of stream"),
        (b"a: \xff\n", None, "not UTF-8"),
        (b"- 1\n", None, "must hold a mapping"),
    ],
)
def test_a_mistake_names_file_and_line(tmp_path, content, line, words):
    file = tmp_path / "Pulumi.dev.yaml"
    file.write_bytes(content)
    with pytest.raises(PlinthError, match=words) as caught:
        read_yaml(file)
    assert caught.value.where == (f"{file}:{line}" if line else str(file))


def test_a_file_without_mistakes(tmp_path):
    file = tmp_path / "Pulumi.dev.yaml"
    file.write_text("a: {b: 1}\nc: {b: 2}\n")
    assert read_yaml(file) == {"a": {"b": 1}, "c": {"b": 2}}
