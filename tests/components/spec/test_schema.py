"""The JSON Schema that editors read is fresh, and agrees with the models."""

from pathlib import Path

import jsonschema
import pytest
import yaml

from plinth.spec import reference, schema

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("written", [(schema.SCHEMA_PATH, schema.render), (reference.REFERENCE_PATH, reference.render)])
def test_the_files_are_fresh(written):
    path, render = written
    assert (ROOT / path).read_text() == render(), "run `plinth schema --write`"


def test_the_reference_has_every_model_and_field():
    page = reference.render()
    for name, definition in schema.stack_schema()["$defs"].items():
        assert f"## {name}\n" in page
        for field in definition.get("properties", {}):
            assert f"| `{field}` |" in page


@pytest.mark.parametrize("environment", ["local", "dev", "staging", "prod"])
def test_every_environment_is_valid_for_an_editor(environment):
    text = (ROOT / f"Pulumi.{environment}.yaml").read_text()
    assert text.startswith(f"# yaml-language-server: $schema={schema.SCHEMA_PATH}\n")
    jsonschema.validate(yaml.safe_load(text), schema.stack_schema(), jsonschema.Draft202012Validator)


def test_an_editor_sees_a_misspelt_field():
    data = yaml.safe_load((ROOT / "Pulumi.prod.yaml").read_text())
    data["config"]["plinth:platform"]["network"]["natt"] = "single"
    with pytest.raises(jsonschema.ValidationError, match="natt"):
        jsonschema.validate(data, schema.stack_schema(), jsonschema.Draft202012Validator)


def test_every_field_is_described():
    definitions = schema.stack_schema()["$defs"]
    bare = [
        f"{name}.{field}"
        for name, definition in definitions.items()
        for field, facts in definition.get("properties", {}).items()
        if not facts.get("description")
    ]
    assert bare == []
