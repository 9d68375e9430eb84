"""The JSON door, as the Connect client of npm and curl use it."""

import json
import pathlib
import re
import shutil
import subprocess
import unittest

import auspex

SOURCE = pathlib.Path(__file__).resolve().parent
PROTO = SOURCE.parent.parent / "proto"
INSTALLED = auspex.BIN.parent / "connect"

# npm downloads some 40 MB the first time.
INSTALL_S = 240


def run(*command, **options):
    options.setdefault("timeout", auspex.PATIENCE_S)
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def install():
    """Makes a client in the build folder, with the code for our messages. Why there is none, or None."""
    for tool in ("node", "npm", "protoc"):
        if shutil.which(tool) is None:
            return f"there is no {tool}"
    INSTALLED.mkdir(exist_ok=True)
    for name in ("package.json", "client.mjs"):
        shutil.copy(SOURCE / "connect" / name, INSTALLED)
    npm = ("npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts")
    try:
        installed = run(*npm, cwd=INSTALLED, timeout=INSTALL_S)
    except subprocess.TimeoutExpired as too_slow:
        return f"npm cannot install: {too_slow}"
    if installed.returncode != 0:
        return "npm cannot install: " + installed.stderr[-500:]
    generated = run(
        *("protoc", f"--proto_path={PROTO}", f"--es_out={INSTALLED}", "--es_opt=target=js,import_extension=js"),
        f"--plugin=protoc-gen-es={INSTALLED}/node_modules/.bin/protoc-gen-es",
        *("auspex/v1/query.proto", "auspex/v1/admin.proto"),
    )
    return None if generated.returncode == 0 else generated.stderr


class ConnectTest(unittest.TestCase):
    def setUp(self):
        self.server = auspex.Server()
        self.addCleanup(self.server.close)
        ca = self.server.directory / "ca"
        self.ca = ca / "ca.pem"
        self.issue("init", ca)
        self.issue("issue", ca, "localhost", "--server", "--ip", "127.0.0.1")
        self.issue("issue", ca, "alice", "root")
        access = self.server.directory / "access"
        access.write_text("viewer alice web*\nadmin root\n")
        self.server.keys.update(
            api_json_port=0,
            api_certificate_file=self.server.directory / "localhost.pem",
            api_key_file=self.server.directory / "localhost.key",
            api_ca_file=self.ca,
            api_access_file=access,
        )
        self.server.start()
        line = auspex.wait_for(
            lambda: [line for line in self.server.log if line.startswith("info api_json ")],
            "the JSON door",
        )[0]
        self.url = "https://127.0.0.1:" + re.search(r"port=(\d+)", line)[1]

    def issue(self, command, *arguments):
        made = run(auspex.BIN / "auspex", "ca", command, *arguments, cwd=self.server.directory)
        self.assertEqual(made.returncode, 0, made.stderr)

    def deliver(self, count):
        """Stores events of web1, and gives back their records."""
        with auspex.ManagedClient(self.server) as client:
            records = [
                f'node=web1 type=USER_LOGIN msg=audit(1626611363.{i:03}:{i}): key="k{i}"'
                for i in range(1, count + 1)
            ]
            for record in records:
                client.deliver(record.encode())
        return records

    def certificate(self, name):
        return self.server.directory / f"{name}.pem", self.server.directory / f"{name}.key"

    def call(self, name):
        """What the client of npm hears as `name`."""
        client = run("node", INSTALLED / "client.mjs", self.url, self.ca, *self.certificate(name))
        self.assertEqual((client.returncode, client.stderr), (0, ""))
        return json.loads(client.stdout)

    def curl(self, name, path, *options):
        certificate, key = self.certificate(name)
        shown = ("--cacert", self.ca, "--cert", certificate, "--key", key)
        done = run("curl", "--silent", "--show-error", *shown, *options, self.url + path)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def test_answers_the_connect_client_of_npm(self):
        why_not = install()
        if why_not:
            self.skipTest(why_not)
        records = self.deliver(5)
        said = self.call("alice")
        self.assertEqual(said["hosts"], ["web1"])
        self.assertEqual(said["records"], records)
        self.assertEqual(len(said["some"]), 2)
        self.assertEqual(said["wrong"], "InvalidArgument")
        self.assertEqual(said["missing"], "NotFound")
        self.assertEqual(said["status"], "PermissionDenied")
        self.assertEqual(self.call("root")["status"], "ok")

    def test_answers_curl(self):
        if shutil.which("curl") is None:
            self.skipTest("there is no curl")
        self.deliver(1)
        asked = ("--json", '{"field":"key"}')
        said = json.loads(self.curl("alice", "/auspex.v1.QueryService/FieldValues", *asked))
        self.assertEqual(said, {"values": [{"value": "azE=", "events": "1"}], "valueCount": "1"})
        search = self.server.directory / "search"
        search.write_bytes(b"\0\0\0\0\x02{}")
        stream = ("-H", "Content-Type: application/connect+json", "--data-binary", f"@{search}")
        found = self.curl("alice", "/auspex.v1.QueryService/Search", *stream)
        self.assertEqual(found[-7:], "\x02\0\0\0\x02{}")
        self.assertIn("\nauspexd_ack_seconds_count 1\n", self.curl("root", "/metrics"))
        self.assertEqual(self.curl("root", "/readyz"), "ok\n")
        self.assertEqual(self.server.stop(), 0)


if __name__ == "__main__":
    unittest.main()
