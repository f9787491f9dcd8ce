"""Kills: nothing is orphaned, and nothing is made twice."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import boto3
import grpc
import psutil
import pytest
from pulumi.runtime.proto import provider_pb2 as protocol
from pulumi.runtime.proto.provider_pb2_grpc import ResourceProviderStub

from plinth_cli.errors import PlinthError
from plinth_cli.rehearsal import Rehearsal
from plinth_cli.rehearsal.ledger import Ledger
from plinth_cli.rehearsal.values import decode, encode

ROLE = "urn:pulumi:dev::acme::aws:iam/role:Role::worker"
SECRET = "urn:pulumi:dev::acme::aws:secretsmanager/secret:Secret::key"
VPC = "urn:pulumi:dev::acme::aws:ec2/vpc:Vpc::net"
TRUST = json.dumps({"Statement": []})


class Engine:
    """Speaks to one provider the way the engine does."""

    def __init__(self, rehearsal, package="aws"):
        self.stub = ResourceProviderStub(grpc.insecure_channel(f"127.0.0.1:{rehearsal.ports[package]}"))
        self.stub.Handshake(protocol.ProviderHandshakeRequest())
        self.stub.Configure(protocol.ConfigureRequest(args=encode({"region": "eu-central-1"})))

    def check(self, urn, **inputs):
        answer = self.stub.Check(protocol.CheckRequest(urn=urn, news=encode(inputs), olds=encode({})))
        assert not answer.failures
        return decode(answer.inputs)

    def create(self, urn, **inputs):
        inputs = self.check(urn, **inputs)
        answer = self.stub.Create(protocol.CreateRequest(urn=urn, properties=encode(inputs)))
        return answer.id, decode(answer.properties), inputs

    def diff(self, urn, id, old, new):
        return self.stub.Diff(
            protocol.DiffRequest(urn=urn, id=id, old_inputs=encode(old), olds=encode(old), news=encode(new))
        )


def iam(rehearsal):
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "eu-central-1"}
    return boto3.client("iam", endpoint_url=rehearsal.aws_endpoint, **keys)


def rehearse(folder, *adopt):
    return Rehearsal(folder, None, "passphrase", frozenset(adopt))


def test_what_the_engine_never_heard_of_is_adopted(tmp_path):
    with rehearse(tmp_path) as rehearsal:
        engine = Engine(rehearsal)
        role = engine.create(ROLE, assumeRolePolicy=TRUST)
        vpc = engine.create(VPC, cidrBlock="10.0.0.0/16")
    with rehearse(tmp_path, ROLE, VPC) as rehearsal:
        engine = Engine(rehearsal)
        again = engine.create(ROLE, assumeRolePolicy=TRUST, description="found again")
        assert (again[0], again[1]["uniqueId"]) == (
            role[0],
            iam(rehearsal).get_role(RoleName=role[0])["Role"]["RoleId"],
        )
        assert engine.create(VPC, cidrBlock="10.0.0.0/16")[:2] == vpc[:2]
        (found,) = iam(rehearsal).list_roles()["Roles"]
        assert found["RoleName"] == role[0]
    with rehearse(tmp_path) as rehearsal:
        assert Engine(rehearsal).create(ROLE, assumeRolePolicy=TRUST)[0] != role[0], "without a kill it is a new one"


def test_what_was_begun_and_not_finished_is_finished(tmp_path):
    with rehearse(tmp_path) as rehearsal:
        engine = Engine(rehearsal)
        role, secret = engine.create(ROLE, assumeRolePolicy=TRUST)[0], engine.create(SECRET)[0]
    ledger = Ledger(tmp_path / "cloud" / "ledger.sqlite")
    for urn in (ROLE, SECRET):
        ledger.finish(urn, 0, None)  # as if the kill had come between the cloud's answer and the ledger
    ledger.close()
    with rehearse(tmp_path) as rehearsal:
        engine = Engine(rehearsal)
        assert engine.create(ROLE, assumeRolePolicy=TRUST)[0] == role
        assert engine.create(SECRET)[0] == secret


def test_the_old_one_is_not_adopted_as_its_own_replacement(tmp_path):
    with rehearse(tmp_path) as rehearsal:
        old, _, inputs = Engine(rehearsal).create(VPC, cidrBlock="10.0.0.0/16")
    with rehearse(tmp_path, VPC) as rehearsal:
        engine = Engine(rehearsal)
        assert engine.diff(VPC, old, inputs, {**inputs, "cidrBlock": "10.1.0.0/16"}).replaces == ["cidrBlock"]
        assert engine.create(VPC, cidrBlock="10.1.0.0/16")[0] != old


def test_a_refused_creation_leaves_nothing_behind(tmp_path):
    with rehearse(tmp_path) as rehearsal:
        engine = Engine(rehearsal)
        with pytest.raises(grpc.RpcError, match="NoSuchEntity"):
            engine.create(ROLE, assumeRolePolicy=TRUST, managedPolicyArns=["arn:aws:iam::aws:policy/NoSuchPolicy"])
        assert iam(rehearsal).list_roles()["Roles"] == []
        engine.create(ROLE, assumeRolePolicy=TRUST)


class Lossy(BaseHTTPRequestHandler):
    """Passes requests on to the cloud, and loses the answers when it is told to."""

    target = 0
    losing = False

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        connection = http.client.HTTPConnection("127.0.0.1", self.target)
        connection.request("POST", self.path, body, dict(self.headers))
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        if self.losing:
            self.close_connection = True
            return
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.headers["Content-Type"])
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format, *args):
        pass


def test_what_the_cloud_did_without_being_heard_is_not_done_twice(tmp_path):
    with rehearse(tmp_path / "cloud-only") as cloud, HTTPServer(("127.0.0.1", 0), Lossy) as proxy:
        Lossy.target, Lossy.losing = int(cloud.aws_endpoint.rpartition(":")[2]), True
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{proxy.server_port}"
        with Rehearsal(tmp_path / "env", url, "passphrase") as rehearsal:
            with pytest.raises(grpc.RpcError, match="stopped answering"):
                Engine(rehearsal).create(ROLE, assumeRolePolicy=TRUST)
            (made,) = iam(cloud).list_roles()["Roles"]
        Lossy.losing = False
        with Rehearsal(tmp_path / "env", url, "passphrase") as rehearsal:
            role = Engine(rehearsal).create(ROLE, assumeRolePolicy=TRUST)
        assert (role[0], role[1]["uniqueId"]) == (made["RoleName"], made["RoleId"])
        assert len(iam(cloud).list_roles()["Roles"]) == 1


def test_what_is_to_be_adopted_and_is_gone_is_made_again(tmp_path):
    with rehearse(tmp_path) as rehearsal:
        role = Engine(rehearsal).create(ROLE, assumeRolePolicy=TRUST)[0]
        iam(rehearsal).delete_role(RoleName=role)
    with rehearse(tmp_path, ROLE) as rehearsal:
        assert Engine(rehearsal).create(ROLE, assumeRolePolicy=TRUST)[0] == role
        assert iam(rehearsal).get_role(RoleName=role)


PARENT = """
import sys, time
from pathlib import Path
from plinth_cli.rehearsal import Rehearsal
with Rehearsal(Path(sys.argv[1]), None, "passphrase") as rehearsal:
    print(rehearsal.environ["PULUMI_DEBUG_PROVIDERS"], flush=True)
    time.sleep(600)
"""


def test_a_killed_parent_leaves_no_process_behind(tmp_path):
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    assert "aws:" in parent.stdout.readline()
    children = psutil.Process(parent.pid).children(recursive=True)
    assert len(children) == 2
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    gone, alive = psutil.wait_procs(children, timeout=15)
    assert len(gone) == 2, alive


def test_a_server_that_cannot_start_says_why(tmp_path):
    (tmp_path / "cloud").mkdir()
    (tmp_path / "cloud" / "ledger.sqlite").write_text("this is no database, it is a text file of some length" * 100)
    started = time.monotonic()
    with pytest.raises(PlinthError) as caught, rehearse(tmp_path):
        pass
    assert "providers.log" in str(caught.value)
    assert "not a database" in str(caught.value)
    assert time.monotonic() - started < 30
