"""Custom resources are written through their typed kind, so that every field is checked against its definition."""

import ast
from pathlib import Path

import plinth

ROOT = Path(plinth.__file__).parent
MAKERS = {"CustomResource", "CustomResourcePatch", "ConfigFile", "ConfigGroup", "Directory"}
WRITTEN = {"kinds/base.py", "kinds/kueue.py"}
"""Where typed kinds become resources; Kueue has one without `spec`."""


def calls(source: str) -> list[str]:
    """What is called in a module, by the last part of its name."""
    found = (node.func for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    return [
        func.attr if isinstance(func, ast.Attribute) else func.id
        for func in found
        if isinstance(func, ast.Attribute | ast.Name)
    ]


def test_no_component_writes_a_custom_resource_by_hand():
    modules = {str(path.relative_to(ROOT)): path.read_text() for path in ROOT.rglob("*.py")}
    by_hand = {name for name, source in modules.items() if MAKERS & set(calls(source))}
    assert by_hand == WRITTEN


def test_a_dict_where_a_kind_belongs_is_seen():
    assert "CustomResource" in calls('k8s.apiextensions.CustomResource("n", kind="NodePool", spec={})')
    assert "ConfigGroup" in calls("ConfigGroup('n', yaml=[])")
