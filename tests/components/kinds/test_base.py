"""Typed custom resources become the objects that Kubernetes reads."""

from typing import ClassVar

import pulumi
import pytest
from pydantic import Field, ValidationError
from support.recorder import record

from plinth.kinds.base import CustomKind, Part, Text


class Disk(Part):
    volume_size: str
    key: Text | None = Field(default=None, alias="kmsKeyID")


class Machine(CustomKind):
    API_VERSION: ClassVar[str] = "example.com/v1"
    KIND: ClassVar[str] = "Machine"

    disks: list[Disk]
    node_labels: dict[str, str] | None = None


def test_names_are_camel_case_and_absent_fields_are_left_out():
    machine = Machine(disks=[Disk(volume_size="4Gi", key="k"), Disk(volume_size="8Gi")])
    assert machine.to_object() == {"disks": [{"volumeSize": "4Gi", "kmsKeyID": "k"}, {"volumeSize": "8Gi"}]}


def test_keys_of_maps_stay_as_they_are():
    assert Machine(disks=[], node_labels={"my_key/x": "y"}).to_object()["nodeLabels"] == {"my_key/x": "y"}


def test_an_unknown_field_is_refused():
    with pytest.raises(ValidationError, match="volume_sice"):
        Disk.model_validate({"volume_sice": "4Gi"})


def test_it_registers_with_outputs_inside():
    def program():
        key = pulumi.Output.from_input("arn:key")
        Machine(disks=[Disk(volume_size="4Gi", key=key)]).register(
            "machine-a", name="a", namespace="system", opts=pulumi.ResourceOptions()
        )

    (made,) = [resource for resource in record(program).resources if resource.name == "machine-a"]
    assert made.inputs["spec"] == {"disks": [{"volumeSize": "4Gi", "kmsKeyID": "arn:key"}]}
    assert made.inputs["metadata"] == {"name": "a", "namespace": "system"}


def test_a_namespace_is_given_exactly_where_the_kind_has_one():
    with pytest.raises(ValueError, match="Machine a needs a namespace"):
        Machine(disks=[]).register("machine-a", name="a", opts=pulumi.ResourceOptions())
