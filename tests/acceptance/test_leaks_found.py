"""The search for secrets itself: it must find what it is there to find."""

import base64
import json

import pytest
from acceptance import leaks

CANARY = 'can"ary\n-7f3a91-tweet\\tweet'


@pytest.mark.parametrize(
    "hidden",
    [
        CANARY,
        json.dumps({"a": CANARY}),
        json.dumps({"a": json.dumps({"b": CANARY})}),
        base64.b64encode(CANARY.encode()).decode(),
        base64.b64encode(b"user:" + CANARY.encode() + b"@host").decode(),
        base64.b64encode(b"x" + CANARY.encode() + b"yz").decode(),
        base64.b64encode(b"xy" + CANARY.encode()).decode(),
        base64.b64encode(b"xyz" + CANARY.encode() + b"z").decode(),
    ],
)
def test_finds_a_secret_however_it_is_spelled(tmp_path, hidden):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "file").write_bytes(b"\0\1" + hidden.encode() + b"\0")
    assert leaks.on_disk([tmp_path], {"canary": CANARY}) == [f"{tmp_path / 'deep' / 'file'}: canary"]
    assert leaks.on_disk([tmp_path], {"canary": CANARY}, [tmp_path / "deep"]) == []
    assert leaks.in_text(["so", hidden], {"canary": CANARY}) == ["canary"]


def test_finds_nothing_where_nothing_is(tmp_path):
    (tmp_path / "file").write_text("can ary -7f3a91")
    assert leaks.on_disk([tmp_path], {"canary": CANARY}) == []
