"""From nothing to a host that the collector knows: `auspex ca`, `auspex enroll`, `auspex token`, and what is revoked
while the collector runs."""

import pathlib
import re
import shutil
import stat
import subprocess
import tempfile
import unittest

import auspex


class EnrollTest(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="auspex-e2e-"))
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.ca = self.directory / "ca"
        self.succeed("ca", "init", self.ca)
        self.succeed("ca", "issue", self.ca, "collector", "--server", "--ip", "127.0.0.1")
        self.succeed("ca", "issue", self.ca, "root")
        self.access = self.directory / "access"
        self.access.write_text("admin root\nviewer token:grafana *\ningest *\n")
        self.tokens = self.directory / "tokens"
        self.server = auspex.Server({
            "api_listen_port": 0,
            "api_certificate_file": self.directory / "collector.pem",
            "api_key_file": self.directory / "collector.key",
            "api_ca_file": self.ca / "ca.pem",
            "api_access_file": self.access,
            "api_token_file": self.tokens,
            "api_crl_file": self.ca / "crl.pem",
            "api_enroll_ca": self.ca,
        })
        self.addCleanup(self.server.close)
        self.server.start()
        port = next(match[1] for match in
                    (re.match(r"info api .*\bport=(\d+)", line) for line in self.server.log)
                    if match)
        self.address = f"127.0.0.1:{port}"

    def run_auspex(self, *arguments, config=None):
        environment = {**auspex.utc_environment(), "HOME": str(self.directory)}
        environment.pop("AUSPEX_SERVER", None)
        environment.pop("AUSPEX_CONFIG", None)
        if config is not None:
            environment["AUSPEX_CONFIG"] = str(config)
        return subprocess.run(
            [auspex.BIN / "auspex", *map(str, arguments)],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=auspex.PATIENCE_S,
            cwd=self.directory,
            env=environment,
            preexec_fn=auspex.die_with_parent,
        )

    def succeed(self, *arguments, config=None):
        run = self.run_auspex(*arguments, config=config)
        self.assertEqual(run.returncode, 0, run.stderr)
        return run.stdout

    def refuse(self, *arguments, config=None, words=()):
        run = self.run_auspex(*arguments, config=config)
        self.assertEqual((run.returncode, run.stdout), (1, ""), run.stderr)
        self.assertEqual(run.stderr.count("\n"), 1, run.stderr)
        for word in words:
            self.assertIn(str(word), run.stderr)

    def invite(self, name, ca=None):
        """The words of the command that the host is to run, behind `auspex`."""
        command = self.succeed("ca", "invite", ca or self.ca, name, "--server", self.address)
        return command.split()[1:]

    def enroll(self, name):
        """The configuration of a host that has enrolled. The server sees invitations a little after they are
        made."""
        out = self.directory / f"of-{name}"
        command = [*self.invite(name), "--out", out]
        run = auspex.wait_for(
            lambda: next((run for run in [self.run_auspex(*command)] if run.returncode == 0), None),
            "the invitation to be taken")
        config = self.directory / f"{name}.conf"
        config.write_text(run.stdout)
        return config

    def test_makes_a_host_one_that_is_known(self):
        config = self.enroll("web1")
        out = self.directory / "of-web1"
        self.assertEqual(stat.S_IMODE((out / "client.key").stat().st_mode), 0o600)
        self.assertEqual((out / "ca.pem").read_text(), (self.ca / "ca.pem").read_text())
        # It is known: as an agent, which sees nothing.
        self.refuse("search", "-m", "ALL", config=config, words=["role of web1 is ingest"])
        self.access.write_text("admin web1\n")
        self.server.process.send_signal(1)
        auspex.wait_for(
            lambda: self.run_auspex("status", config=config).returncode == 0, "the new rules")

    def test_takes_an_invitation_once_and_from_its_own_collector_only(self):
        command = self.invite("web1")
        first = [*command, "--out", "first"]
        auspex.wait_for(lambda: self.run_auspex(*first).returncode == 0, "the invitation")
        self.refuse(*command, "--out", "second", words=[self.address])
        self.assertFalse((self.directory / "second" / "client.key").exists())
        self.refuse(*first, words=["client.key is there already"])

        other = self.directory / "other"
        self.succeed("ca", "init", other)
        self.refuse(*self.invite("web1", ca=other), "--out", "third",
                    words=["does not show the CA that has made the invitation"])
        self.refuse("enroll", "--server", self.address, "rubbish", words=["no invitation"])

    def test_lets_in_who_has_a_token_until_it_is_revoked(self):
        token = self.succeed("token", "create", "grafana", "--file", self.tokens)
        self.assertNotIn(token.strip(), self.tokens.read_text())
        (self.directory / "token").write_text(token)
        config = self.directory / "token.conf"
        config.write_text(f"server = {self.address}\nca_file = {self.ca / 'ca.pem'}\n"
                          f"token_file = {self.directory / 'token'}\n")
        search = ("search", "--host", "auspexd", "-m", "DAEMON_START", "--raw")
        auspex.wait_for(
            lambda: self.run_auspex(*search, config=config).returncode == 0, "the token")
        self.refuse("status", config=config, words=["role of token:grafana is viewer"])
        self.assertIn("valid  grafana", self.succeed("token", "list", "--file", self.tokens))
        self.succeed("token", "revoke", "grafana", "--file", self.tokens)
        auspex.wait_for(
            lambda: self.run_auspex(*search, config=config).returncode == 1, "the end of the token")
        self.refuse(*search, config=config, words=["no such token"])

    def test_refuses_what_was_revoked(self):
        config = self.directory / "root.conf"
        config.write_text(f"server = {self.address}\nca_file = {self.ca / 'ca.pem'}\n"
                          f"certificate_file = {self.directory / 'root.pem'}\n"
                          f"key_file = {self.directory / 'root.key'}\n")
        self.succeed("status", config=config)
        self.succeed("ca", "revoke", self.ca, "root")
        auspex.wait_for(
            lambda: self.run_auspex("status", config=config).returncode == 1, "the revocation")
        self.refuse("status", config=config, words=["the certificate of root was revoked"])


if __name__ == "__main__":
    unittest.main()
