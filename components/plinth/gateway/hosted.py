"""How the gateway reaches hosted models. Pure."""

from plinth.spec.hosted import AnthropicModel, AnyHostedModel, CompatibleModel, OpenAiModel


def url(model: AnyHostedModel) -> str:
    """Base URL of a hosted model's OpenAI-compatible endpoint, up to and with the version."""
    match model:
        case OpenAiModel():
            return "https://api.openai.com/v1"
        case AnthropicModel():
            return "https://api.anthropic.com/v1"
        case CompatibleModel():
            return model.base_url
