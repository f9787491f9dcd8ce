"""Rotation of key pairs, on moto's Secrets Manager and an account that keeps two slots as Snowflake does."""

import base64
import contextlib
import hashlib
import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st

from plinth_runtime.warehouse_keys import account as statements
from plinth_runtime.warehouse_keys import command, pair
from plinth_runtime.warehouse_keys.account import Account
from plinth_runtime.warehouse_keys.config import KeyRotation
from plinth_runtime.warehouse_keys.plan import SLOTS, Keep, Replace, Retire, Stored, step
from plinth_runtime.warehouse_keys.vault import Vault

START = datetime(2026, 3, 1, 3, 17, tzinfo=UTC)
DAYS, HOURS = timedelta(days=90), timedelta(hours=24)


class Crash(BaseException):
    """The pod was killed."""


class Slots:
    """A cursor that answers the three statements as Snowflake does."""

    def __init__(self):
        self.keys, self.rows, self.log, self.crash_after = {}, [], [], None

    def execute(self, command, *, timeout=None):
        assert timeout == 30
        self.log.append(command)
        words = command.split()
        held = self.keys.setdefault(words[2], {})
        if words[0] == "DESCRIBE":
            self.rows = [("NAME", words[2])]
            for slot in SLOTS:
                text = held.get(slot)
                digest = text and base64.b64encode(hashlib.sha256(base64.b64decode(text)).digest()).decode()
                self.rows.append((f"{slot}_FP", f"SHA256:{digest}" if digest else None))
        elif words[3] == "SET":
            held[words[4]] = re.fullmatch(r"'(.+)'", words[6])[1]
        else:
            assert words[3] == "UNSET"
            held.pop(words[4], None)
        if self.crash_after and self.crash_after in command:
            raise Crash

    def fetchall(self):
        return self.rows

    def works(self, user, private_pem):
        """Whether Snowflake lets in who signs with this private key."""
        public = serialization.load_pem_private_key(private_pem.encode(), None).public_key()
        der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        return base64.b64encode(der).decode() in self.keys[user].values()


class Secrets:
    """Secrets Manager's client over a dictionary; `test_the_secret_is_kept_in_secrets_manager` uses the real one."""

    def __init__(self):
        self.values = {}

    def get_secret_value(self, *, SecretId):
        from botocore.exceptions import ClientError

        if SecretId not in self.values:
            message = "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT"
            raise ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": message}}, "GetSecretValue")
        return {"SecretString": self.values[SecretId]}

    def put_secret_value(self, *, SecretId, SecretString):
        self.values[SecretId] = SecretString


@pytest.fixture(autouse=True)
def short_keys(monkeypatch):
    """Making a pair of 3,072 bits takes a second under load."""
    monkeypatch.setattr(pair, "BITS", 2048)


CONFIG = KeyRotation.model_validate(
    {
        "account": "ACME-AI_PROD",
        "user": "PLINTH_KEY_ROTATOR",
        "role": "PLINTH_KEY_ROTATOR",
        "users": [{"user": "LOADER", "stored_as": "plinth/prod/snowflake/loader"}],
    }
)


def run(slots, secrets, now):
    return command.rotate(CONFIG, Account(slots, 30), Vault(secrets), lambda: now)


def private(secrets):
    return json.loads(secrets.values["plinth/prod/snowflake/loader"])["private_key"]


def test_a_key_is_made_kept_replaced_and_retired(capsys):
    slots, secrets = Slots(), Secrets()
    assert run(slots, secrets, START) == 0
    first = private(secrets)
    assert slots.works("LOADER", first) and len(slots.keys["LOADER"]) == 1
    assert run(slots, secrets, START + timedelta(days=89)) == 0
    assert private(secrets) == first
    assert run(slots, secrets, START + timedelta(days=90)) == 0
    second = private(secrets)
    assert second != first and slots.works("LOADER", first) and slots.works("LOADER", second)
    assert run(slots, secrets, START + timedelta(days=90, hours=23)) == 0
    assert slots.works("LOADER", first)
    assert run(slots, secrets, START + timedelta(days=91)) == 0
    assert slots.works("LOADER", second) and not slots.works("LOADER", first)
    assert "PRIVATE" not in capsys.readouterr().out


@pytest.mark.parametrize("where", ["DESCRIBE", "SET RSA_PUBLIC_KEY", "UNSET"])
def test_killed_anywhere_a_key_that_works_is_in_the_secret(where):
    slots, secrets = Slots(), Secrets()
    run(slots, secrets, START)
    now = START
    for _ in range(6):
        now += timedelta(days=45, hours=13)
        slots.crash_after = where
        with contextlib.suppress(Crash):
            run(slots, secrets, now)
        assert slots.works("LOADER", private(secrets))
        slots.crash_after = None
        assert run(slots, secrets, now) == 0
        assert slots.works("LOADER", private(secrets))


def test_a_user_that_fails_does_not_hold_up_the_others(capsys):
    class Refusing(Slots):
        def execute(self, command, *, timeout=None):
            if "BROKEN" in command:
                raise RuntimeError("003001 (42501): Insufficient privileges to operate on user 'BROKEN'")
            super().execute(command, timeout=timeout)

    config = CONFIG.model_copy(update={"users": [CONFIG.users[0].model_copy(update={"user": "BROKEN"}), *CONFIG.users]})
    slots, secrets = Refusing(), Secrets()
    assert command.rotate(config, Account(slots, 30), Vault(secrets), lambda: START) == 1
    assert slots.works("LOADER", private(secrets))
    assert "BROKEN: Snowflake refused: 003001" in capsys.readouterr().out


def test_a_slot_that_does_not_hold_what_was_put_there_stops_before_the_secret(capsys):
    class Forgetful(Slots):
        def execute(self, command, *, timeout=None):
            super().execute(command, timeout=timeout)
            if " SET " in command:
                self.keys["LOADER"] = {}

    secrets = Secrets()
    assert run(Forgetful(), secrets, START) == 1
    assert not secrets.values and "Snowflake says None of the key" in capsys.readouterr().out


def test_statements_are_snowflakes():
    """As in Snowflake's SQL reference, "DESCRIBE USER" and "ALTER USER"; sqlglot knows neither."""
    assert statements.describe("LOADER") == "DESCRIBE USER LOADER"
    assert statements.put("LOADER", "RSA_PUBLIC_KEY", "TUlJQ=") == "ALTER USER LOADER SET RSA_PUBLIC_KEY = 'TUlJQ='"
    assert statements.empty("LOADER", "RSA_PUBLIC_KEY_2") == "ALTER USER LOADER UNSET RSA_PUBLIC_KEY_2"


@pytest.mark.parametrize("user", ["LOADER; DROP USER X", 'LOADER"', "loader", ""])
def test_no_name_is_ever_read_as_sql(user):
    with pytest.raises(ValueError, match="no identifier"):
        statements.describe(user)
    with pytest.raises(ValueError, match="base 64"):
        statements.put("LOADER", "RSA_PUBLIC_KEY", "x' OR '1")


@given(
    stored=st.one_of(st.none(), st.sampled_from(["a", "b", "c"])),
    first=st.sampled_from([None, "a", "b"]),
    second=st.sampled_from([None, "a", "b"]),
    age=st.timedeltas(timedelta(0), timedelta(days=200)),
)
def test_the_key_in_use_is_never_touched(stored, first, second, age):
    slots = dict(zip(SLOTS, (first, second), strict=True))
    known = Stored(stored, START) if stored else None
    todo = step(known, slots, START + age, rotate=DAYS, overlap=HOURS)
    if isinstance(todo, Keep):
        assert stored in slots.values() and age < DAYS
    if isinstance(todo, Retire):
        assert slots[todo.slot] and stored in {slots[slot] for slot in SLOTS if slot != todo.slot} and age >= HOURS
    if isinstance(todo, Replace) and stored and stored in slots.values():
        # One that works stays in the other slot.
        assert stored in {slots[slot] for slot in SLOTS if slot != todo.slot} and age >= DAYS


def test_the_secret_is_kept_in_secrets_manager(monkeypatch):
    from botocore.session import get_session
    from moto.server import ThreadedMotoServer

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    try:
        host, port = server.get_host_and_port()
        client = get_session().create_client("secretsmanager", "us-east-1", endpoint_url=f"http://{host}:{port}")
        client.create_secret(Name="plinth/prod/snowflake/loader")
        slots, vault = Slots(), Vault(client)
        assert vault.stored("plinth/prod/snowflake/loader") is None
        assert command.rotate(CONFIG, Account(slots, 30), vault, lambda: START) == 0
        kept = json.loads(client.get_secret_value(SecretId="plinth/prod/snowflake/loader")["SecretString"])
        assert slots.works("LOADER", kept["private_key"]) and kept["user"] == "LOADER"
        with pytest.raises(Exception, match="cannot read secret plinth/prod/other"):
            vault.stored("plinth/prod/other")
    finally:
        server.stop()


def test_a_pair_shows_no_secret():
    made = pair.make()
    assert "PRIVATE" not in repr(made)
    assert pair.from_secret(pair.to_secret(made, "LOADER", START)) == Stored(made.fingerprint, START)
    for other in ("", "{}", "[]", '{"private_key": "x", "made_at": "yesterday"}'):
        assert pair.from_secret(other) is None
