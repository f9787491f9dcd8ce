import pytest

pytest.register_assert_rewrite("acceptance.checkout", "acceptance.observe")

from acceptance.fixtures import make_checkout, toolchain  # noqa: E402 - assertions are rewritten on import

__all__ = ["make_checkout", "toolchain"]
