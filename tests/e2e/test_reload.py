"""A reload of everything: what goes on over it, what comes by it, and that a wrong file changes nothing.

A collector to which a stock client is connected, who follows the store over TLS and through the unix socket,
and who asks by JSON. Each must go on, over the same connection, whatever a reload changes.
"""

import http.client
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import unittest

import agent
import auspex
import real_tools
from auspex import unique_record

JSON_HOSTS = "/auspex.v1.QueryService/Hosts"


class Follower:
    """`auspex search --follow` of the host "tail"."""

    def __init__(self, test, server, config=None):
        self.process = subprocess.Popen(
            [auspex.BIN / "auspex", "search", "--raw", "--follow", "--host", "tail", "--server", server],
            stdout=subprocess.PIPE, env=test.environment(config), preexec_fn=auspex.die_with_parent)
        test.addCleanup(self.process.stdout.close)
        test.addCleanup(self.process.wait)
        test.addCleanup(self.process.kill)

    def next(self):
        return self.process.stdout.readline().rstrip(b"\n")


class ReloadTest(unittest.TestCase):
    def setUp(self):
        self.site = agent.Site()
        self.addCleanup(self.site.close)
        self.site.access.write_text("admin root\nviewer alice tail\ningest *\n")
        self.server = self.site.collector()
        self.socket = self.server.directory / "api.sock"
        self.server.keys |= {"api_socket": self.socket, "api_json_port": 0, "api_token_file":
                             self.site.directory / "tokens"}
        self.server.start()
        self.json_port = self.server.keys["api_json_port"]
        self.config = self.client_config("root")

    def environment(self, config=None):
        environment = {**auspex.utc_environment(), "HOME": str(self.site.directory)}
        environment.pop("AUSPEX_SERVER", None)
        if config is not None:
            environment["AUSPEX_CONFIG"] = str(config)
        return environment

    def client_config(self, name):
        certificate, key = self.site.issue(name)
        config = self.site.directory / f"{name}.conf"
        config.write_text(f"ca_file = {self.site.ca}\ncertificate_file = {certificate}\n"
                          f"key_file = {key}\n")
        return config

    def ask(self, *arguments, config=None):
        """How a command ends, and what it says."""
        run = subprocess.run(
            [auspex.BIN / "auspex", *map(str, arguments)], capture_output=True, text=True,
            stdin=subprocess.DEVNULL, timeout=auspex.PATIENCE_S, env=self.environment(config),
            check=False)
        return run.returncode, run.stdout, run.stderr

    def logged_port(self, what, begin=0):
        """The port of the last line that names one, of "api", "api_json" or "listening"; or none."""
        lines = (re.match(rf"info {what} address=\S+ port=(\d+)", line) for line in
                 self.server.log[begin:])
        return next((int(match[1]) for match in reversed(list(lines)) if match), None)

    def connect_all(self):
        """Connects everybody, and has each of them heard of."""
        self.client = auspex.ManagedClient(self.server)
        self.addCleanup(self.client.socket.close)
        self.client.deliver(b"node=tail " + unique_record("first"))
        self.followers = [Follower(self, self.server.address, self.config),
                          Follower(self, f"unix:{self.socket}")]
        for follower in self.followers:
            self.assertIn(b"first", follower.next())
        self.json = self.json_connection(self.json_port)
        self.expect_all_go_on()

    def json_context(self, name="root"):
        context = ssl.create_default_context(cafile=self.site.ca)
        if name is not None:
            context.load_cert_chain(*self.site.issue(name))
        return context

    def json_connection(self, port, name="root"):
        connection = http.client.HTTPSConnection("127.0.0.1", port, context=self.json_context(name),
                                                 timeout=auspex.PATIENCE_S)
        connection.connect()
        connection.auto_open = 0  # This connection, or none.
        self.addCleanup(connection.close)
        return connection

    def ask_json(self, connection, **headers):
        connection.request("POST", JSON_HOSTS, "{}", {"Content-Type": "application/json", **headers})
        answer = connection.getresponse()
        answer.read()
        return answer

    def expect_all_go_on(self):
        """Each over the connection that it has had all the time."""
        record = b"node=tail " + unique_record("next")
        self.client.deliver(record)  # An ENDING would be no acknowledgement.
        for follower in self.followers:
            self.assertEqual(follower.next(), record)
        self.assertEqual(self.ask_json(self.json).status, 200)

    def reload(self, **keys):
        """SIGHUP with these keys, which it takes. Tells how long the log was before."""
        begin = len(self.server.log)
        self.server.keys |= keys
        self.server.write_config()
        self.server.process.send_signal(signal.SIGHUP)
        auspex.wait_for(lambda: any(line.startswith("info reloaded") or "reload failed" in line
                                    for line in self.server.log[begin:]), "the reload")
        self.assertFalse([line for line in self.server.log[begin:] if "reload failed" in line])
        return begin

    def is_open(self, port, address="127.0.0.1"):
        with socket.socket() as probe:
            return probe.connect_ex((address, port)) == 0

    def expect_closed(self, port):
        auspex.wait_for(lambda: not self.is_open(port), f"the end of port {port}")

    def serial_shown(self, port):
        """Of the certificate that a new connection sees."""
        context = self.json_context()
        context.set_alpn_protocols(["h2", "http/1.1"])
        with socket.create_connection(("127.0.0.1", port), timeout=auspex.PATIENCE_S) as plain:
            with context.wrap_socket(plain, server_hostname="127.0.0.1") as secure:
                return secure.getpeercert()["serialNumber"]


class GoesOnTest(ReloadTest):
    """Each key, while all are connected."""

    def setUp(self):
        super().setUp()
        self.connect_all()

    def tearDown(self):
        self.expect_all_go_on()

    def test_ports(self):
        begin = self.reload()  # The same ones.
        self.assertIsNone(self.logged_port("(?:api|api_json|listening)", begin))
        for key, what, port in (("api_listen_port", "api", self.server.api_port),
                                ("api_json_port", "api_json", self.json_port),
                                ("tcp_listen_port", "listening", self.server.port)):
            with self.subTest(key):
                begin = self.reload(**{key: 0})
                moved = auspex.wait_for(lambda: self.logged_port(what, begin), "the port")
                self.assertNotEqual(moved, port)
                self.assertTrue(self.is_open(moved))
                self.expect_closed(port)
                self.expect_all_go_on()
                self.reload(**{key: None})
                self.expect_closed(moved)
        self.assertEqual(self.ask("status", "--server", f"unix:{self.socket}")[0], 0)

    def test_addresses(self):
        """All addresses of the machine instead of one, at the same ports; and back."""
        ports = self.server.api_port, self.json_port, self.server.port
        for addresses, there in ((None, True), ("127.0.0.1", False), ("127.0.0.1,127.0.0.2", True)):
            self.reload(listen_address=addresses)
            for port in ports:
                auspex.wait_for(lambda: self.is_open(port, "127.0.0.2") == there, addresses)
                self.assertTrue(self.is_open(port))
            self.expect_all_go_on()

    def test_files_of_tls(self):
        before = self.serial_shown(self.server.api_port)
        self.site.run("ca", "issue", "ca", "renewed", "--server", "--ip", "127.0.0.1")
        self.reload(api_certificate_file=self.site.directory / "renewed.pem",
                    api_key_file=self.site.directory / "renewed.key")
        renewed = self.serial_shown(self.json_port)
        self.assertNotEqual(renewed, before)
        auspex.wait_for(lambda: self.serial_shown(self.server.api_port) == renewed, "gRPC to show it")
        self.expect_all_go_on()

    def test_who_may_do_what(self):
        status = ("status", "--server", self.server.address)
        alice = self.client_config("alice")
        self.assertEqual(self.ask(*status, config=alice)[0], 1)
        access = self.site.directory / "other-access"
        access.write_text("admin root\nadmin alice\nviewer token:grafana *\ningest *\n")
        self.reload(api_access_file=access)
        self.assertEqual(self.ask(*status, config=alice)[0], 0)

    def test_tokens(self):
        tokens = self.site.directory / "other-tokens"
        token = self.site.run("token", "create", "grafana", "--file", tokens).decode().strip()
        access = self.site.directory / "other-access"
        access.write_text("admin root\nviewer token:grafana *\ningest *\n")
        nobody = self.json_connection(self.json_port, None)
        shown = {"Authorization": f"Bearer {token}"}
        self.assertEqual(self.ask_json(nobody, **shown).status, 401)
        self.reload(api_token_file=tokens, api_access_file=access)
        nobody = self.json_connection(self.json_port, None)
        self.assertEqual(self.ask_json(nobody, **shown).status, 200)

    def test_revoked_certificates(self):
        bob = self.client_config("bob")
        self.site.run("ca", "revoke", "ca", "bob")
        ask = ("hosts", "--server", self.server.address)
        self.assertIn("role of bob is ingest", self.ask(*ask, config=bob)[2])
        self.reload(api_crl_file=self.site.ca.parent / "crl.pem")
        self.assertIn("was revoked", self.ask(*ask, config=bob)[2])

    def test_enrollment(self):
        invited = self.site.run("ca", "invite", "ca", "web9", "--server", self.server.address)
        enroll = [*invited.decode().split()[1:], "--out", self.site.directory / "of-web9"]
        self.assertEqual(self.ask(*enroll)[0], 1)
        self.reload(api_enroll_ca=self.site.ca.parent)
        status, _, said = self.ask(*enroll)
        self.assertEqual(status, 0, said)

    def test_the_socket(self):
        moved = self.server.directory / "moved.sock"
        self.reload(api_socket=moved)
        self.assertFalse(self.socket.exists())
        self.assertEqual(self.ask("status", "--server", f"unix:{moved}")[0], 0)
        if os.geteuid() == 0:
            self.reload(api_socket_group="adm")
            self.assertEqual(moved.group(), "adm")
            self.assertEqual(self.ask("status", "--server", f"unix:{moved}")[0], 0)

    def test_limits_of_calls_and_of_memory(self):
        self.assertEqual(self.counter("auspexd_store_blocks_sealed_total"), 0)
        self.reload(api_max_time=5, api_json_origins="https://dashboard.example", open_blocks_age=1,
                    open_blocks_memory=1)
        auspex.wait_for(lambda: self.counter("auspexd_store_blocks_sealed_total") > 0, "a block")
        answer = self.ask_json(self.json, Origin="https://dashboard.example")
        self.assertEqual(answer.getheader("Access-Control-Allow-Origin"), "https://dashboard.example")

    def test_the_store_needs_a_restart(self):
        begin = self.reload(store_dir=self.server.directory / "elsewhere")
        self.assertIn(f"warning reload: store_dir stays {self.server.store} until a restart",
                      self.server.log[begin:])

    def counter(self, name):
        status, text, said = self.ask("status", "--server", f"unix:{self.socket}", "--format", "json")
        self.assertEqual(status, 0, said)
        return next(int(one["value"]) for one in json.loads(text)["counters"] if one["name"] == name)

    def test_a_real_client(self):
        client = real_tools.AudispRemote(self.server)
        self.addCleanup(client.close)
        for number in range(5):
            record = unique_record(f"real {number}")
            client.feed([record])
            auspex.wait_for(lambda: record in self.server.search("--host", "127.0.0.1"), "the record")
            self.reload(tcp_listen_port=0, api_listen_port=0, open_blocks_memory=number + 1,
                        tcp_max_per_addr=number + 2)
        self.assertTrue(client.running())


class WrongFileTest(ReloadTest):
    """One thing that is wrong, beside others that could be taken."""

    def setUp(self):
        super().setUp()
        self.rubbish = self.site.directory / "rubbish"
        self.rubbish.write_text("rubbish\n")
        self.connect_all()

    def refuse(self, culprit, **keys):
        """A reload by SIGHUP and by the API that fails of the culprit, and after which all is as before."""
        good = dict(self.server.keys)
        self.server.keys |= {
            "tcp_max_per_addr": 2,
            "api_json_origins": "https://dashboard.example",
            "api_access_file": self.site.directory / "open",
            "api_socket": self.server.directory / "moved.sock",
            "tcp_listen_port": 0,
            "listen_address": "127.0.0.1,127.0.0.2",
            **keys,
        }
        self.server.write_config()
        self.server.keys = good
        begin = len(self.server.log)
        failed_before = self.failed_records()
        self.server.process.send_signal(signal.SIGHUP)
        line = auspex.wait_for(lambda: [line for line in self.server.log[begin:] if
                                        "reload failed, the old configuration stays" in line],
                               "the refusal")[0]
        self.assertIn(str(culprit), line)
        status, text, said = self.ask("server", "reload", "--server", f"unix:{self.socket}")
        self.assertEqual((status, text), (1, ""), said)
        self.assertIn(line.split("the old configuration stays: ")[1], said)
        auspex.wait_for(lambda: self.failed_records() == failed_before + 2, "the records")
        self.expect_as_before(begin)

    def failed_records(self):
        found = self.server.search("--host", "auspexd", "-m", "DAEMON_CONFIG")
        return len([line for line in found if b"state=no-change" in line and b"res=failed" in line])

    def expect_as_before(self, begin):
        changes = ("info reloaded", "info listening", "info api")
        self.assertFalse([line for line in self.server.log[begin:] if line.startswith(changes)])
        self.expect_all_go_on()
        for port in (self.server.port, self.server.api_port, self.json_port):
            self.assertTrue(self.is_open(port))
            self.assertFalse(self.is_open(port, "127.0.0.2"))
        with auspex.ManagedClient(self.server, self.client.address) as second:
            self.assertIsNone(second.receive())  # There may be one.
        origin = self.ask_json(self.json, Origin="https://dashboard.example")
        self.assertIsNone(origin.getheader("Access-Control-Allow-Origin"))
        self.assertFalse((self.server.directory / "moved.sock").exists())
        asked = self.ask("hosts", "--server", self.server.address, config=self.client_config("bob"))
        self.assertIn("role of bob is ingest", asked[2])

    def test_changes_nothing(self):
        (self.site.directory / "open").write_text("admin *\n")
        retention = self.site.directory / "retention"
        retention.write_text("rule a\nkeep forever and ever\n")
        taken = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(taken.close)
        port = taken.getsockname()[1]
        for culprit, keys in (
            ("flush = often", {"flush": "often"}),
            ("no_such_key = 1", {"no_such_key": 1}),
            (retention, {"retention_file": retention}),
            (f"{self.rubbish}:1", {"quota_file": self.rubbish}),
            (f"{self.rubbish}:1", {"api_access_file": self.rubbish}),
            (self.rubbish, {"api_token_file": self.rubbish}),
            (self.rubbish, {"api_crl_file": self.rubbish}),
            ("/no/such", {"api_enroll_ca": "/no/such"}),
            (f"certificate {self.rubbish}", {"api_certificate_file": self.rubbish}),
            ("key /no/such", {"api_key_file": "/no/such"}),
            ("no-such-group", {"api_socket_group": "no-such-group"}),
            (f"port {port}", {"tcp_listen_port": port}),
            (f"port {port}", {"api_listen_port": port}),
            (f"port {port}", {"api_json_port": port}),
        ):
            with self.subTest(keys=keys):
                self.refuse(culprit, **keys)


if __name__ == "__main__":
    unittest.main()
