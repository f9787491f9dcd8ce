"""How metrics that do not say which model they are of are told apart. Pure."""

from plinth import naming

NAME_LABEL = "app.kubernetes.io/name"
"""Label of pods with the model's name; Prometheus puts it on what it reads from model servers."""


def of_model(model: str) -> str:
    """Label matchers, in PromQL, of what the pods of a model say."""
    label = NAME_LABEL.translate(str.maketrans("./", "__"))
    return f'namespace="{naming.SERVING_NAMESPACE}",{label}="{model}"'
