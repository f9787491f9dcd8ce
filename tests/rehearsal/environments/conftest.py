import pytest

pytest.register_assert_rewrite("acceptance.checkout", "acceptance.observe")

from acceptance.fixtures import local, make_checkout, prepared, toolchain  # noqa: E402 - assertions are rewritten on import

__all__ = ["local", "make_checkout", "prepared", "toolchain"]
