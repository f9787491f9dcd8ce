import asyncio
import subprocess
import sys
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest
from support.postgres import USER, postgres

from plinth_runtime.errors import StartupError
from plinth_runtime.main import main
from plinth_runtime.postgres.config import DatabaseLogins, IamLogin, OwnedDatabase, PasswordLogin, PostgresEndpoint
from plinth_runtime.postgres.connect import connect, iam_token
from plinth_runtime.valkey.config import CacheEndpoint, CacheIam, CachePassword
from plinth_runtime.valkey.login import credentials

PASSWORD = "for-the-test"


@pytest.fixture(scope="module")
def server():
    with postgres() as running:
        # RDS brings this role along, and its master user may give it on.
        asyncio.run(_master(running, "CREATE ROLE rds_iam"))
        yield running


async def _master(server, *statements, database="postgres"):
    connection = await asyncpg.connect(
        host="127.0.0.1", port=server.port, user=USER, password=server.password, database=database, ssl="require"
    )
    try:
        return [await connection.fetch(statement) for statement in statements][-1]
    finally:
        await connection.close()


@pytest.fixture
def configured(server, tmp_path):
    (tmp_path / "username").write_text(USER)
    (tmp_path / "password").write_text(f"{server.password}\n")

    def write(*databases, **more):
        login = PasswordLogin(credentials_dir=str(tmp_path))
        fields = {"host": "127.0.0.1", "port": server.port, "ca_file": str(server.ca_file), **more}
        wanted = DatabaseLogins(
            endpoint=PostgresEndpoint(database="postgres", login=login, **fields), databases=list(databases)
        )
        file = tmp_path / "logins.json"
        file.write_text(wanted.model_dump_json())
        return str(file)

    return write


def as_login(server, login, database, *statements):
    """Run statements as a login. The tests' server has no IAM: it takes a password instead of a token."""

    async def act():
        await _master(server, f"ALTER ROLE {login} PASSWORD '{PASSWORD}'")
        connection = await asyncpg.connect(
            host="127.0.0.1", port=server.port, user=login, password=PASSWORD, database=database, ssl="require"
        )
        try:
            return [await connection.fetch(statement) for statement in statements][-1]
        finally:
            await connection.close()

    return asyncio.run(act())


ORDERS = OwnedDatabase(name="orders", owner="app_search", readers=["app_support"])
OTHER = OwnedDatabase(name="other", owner="app_analytics")


def test_the_owner_works_readers_read_and_nobody_else_gets_in(server, configured):
    assert main(["postgres-logins", "--config", configured(ORDERS, OTHER)]) == 0
    as_login(server, "app_search", "orders", "CREATE TABLE item (id int)", "INSERT INTO item VALUES (7)")
    assert as_login(server, "app_support", "orders", "SELECT id FROM item")[0]["id"] == 7
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        as_login(server, "app_support", "orders", "DELETE FROM item")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        as_login(server, "app_support", "orders", "CREATE TABLE mine (id int)")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        as_login(server, "app_analytics", "orders", "SELECT 1")
    members = asyncio.run(
        _master(
            server,
            "SELECT m.rolname AS name FROM pg_auth_members a JOIN pg_roles r ON r.oid = a.roleid "
            "JOIN pg_roles m ON m.oid = a.member WHERE r.rolname = 'rds_iam'",
        )
    )
    assert {row["name"] for row in members} >= {"app_search", "app_support", "app_analytics"}


def test_a_second_run_changes_nothing_and_a_reader_that_was_taken_out_reads_no_longer(server, configured, capsys):
    assert main(["postgres-logins", "--config", configured(ORDERS)]) == 0
    capsys.readouterr()
    assert main(["postgres-logins", "--config", configured(ORDERS)]) == 0
    assert capsys.readouterr().out == ""
    assert main(["postgres-logins", "--config", configured(ORDERS.model_copy(update={"readers": []}))]) == 0
    assert "app_support reads no longer" in capsys.readouterr().out
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        as_login(server, "app_support", "orders", "SELECT 1")


@pytest.mark.parametrize(
    ("more", "password", "says"),
    [
        ({"port": 1}, None, "Check that it runs"),
        ({}, "wrong", "password authentication failed"),
    ],
)
def test_what_goes_wrong_is_said_in_one_line(configured, tmp_path, capsys, more, password, says):
    config = configured(ORDERS, connect_seconds=5, **more)
    if password:
        (tmp_path / "password").write_text(password)
    assert main(["postgres-logins", "--config", config]) == 1
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1


def test_a_server_that_never_answers_is_given_up_within_the_deadline(tmp_path):
    async def silent():
        server = await asyncio.start_server(lambda reader, writer: asyncio.sleep(60), "127.0.0.1", 0)
        for part in ("username", "password"):
            (tmp_path / part).write_text("x")
        endpoint = PostgresEndpoint(
            host="127.0.0.1",
            port=server.sockets[0].getsockname()[1],
            database="postgres",
            login=PasswordLogin(credentials_dir=str(tmp_path)),
            connect_seconds=0.5,
        )
        with pytest.raises(StartupError, match="cannot connect to PostgreSQL"):
            await asyncio.wait_for(connect(endpoint), 10)
        server.close()

    asyncio.run(silent())


def test_a_token_names_the_user_and_lives_for_a_quarter_of_an_hour(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "example")
    token = iam_token(IamLogin(user="app_search", region="eu-west-1"), "db.example.com", 5432)
    place = urlsplit(f"https://{token}")
    query = {key: values[0] for key, values in parse_qs(place.query).items()}
    assert (place.hostname, place.port) == ("db.example.com", 5432)
    assert (query["Action"], query["DBUser"], query["X-Amz-Expires"]) == ("connect", "app_search", "900")
    assert "/eu-west-1/rds-db/aws4_request" in query["X-Amz-Credential"]


def test_without_a_role_the_message_says_what_to_do(monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    with pytest.raises(StartupError, match="Pod Identity"):
        iam_token(IamLogin(user="app_search", region="eu-west-1"), "db.example.com", 5432)


def test_the_types_are_light_enough_for_a_pulumi_program():
    code = "import sys, plinth_runtime.postgres.config; print([m for m in ('asyncpg', 'botocore') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_cache_takes_a_token_or_a_password_that_is_read_again(monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "example")
    iam = CacheIam(cache_name="plinth-prod", region="eu-west-1")
    user, token = credentials(CacheEndpoint(host="cache.example.com", user="plinth-prod-t-search", login=iam))
    place = urlsplit(f"https://{token}")
    query = {key: values[0] for key, values in parse_qs(place.query).items()}
    assert user == query["User"] == "plinth-prod-t-search"
    assert (place.netloc, query["X-Amz-Expires"]) == ("plinth-prod", "900")
    assert "/eu-west-1/elasticache/aws4_request" in query["X-Amz-Credential"]

    file = tmp_path / "password"
    endpoint = CacheEndpoint(host="cache", user="platform", login=CachePassword(password_file=str(file)))
    for password in ("first", "second"):
        file.write_text(f"{password}\n")
        assert credentials(endpoint) == ("platform", password)
    file.unlink()
    with pytest.raises(StartupError, match="cannot read the cache's password"):
        credentials(endpoint)
