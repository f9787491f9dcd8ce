"""The JSON Schema that editors read is fresh, and agrees with the models."""

from pathlib import Path

import jsonschema
import pytest
import yaml

from plinth.spec import schema

ROOT = Path(__file__).parents[3]


def test_the_file_is_fresh():
    kept = (ROOT / schema.SCHEMA_PATH).read_text()
    assert kept == schema.render(), "run `plinth schema --write`"


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
