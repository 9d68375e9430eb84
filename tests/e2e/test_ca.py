"""`auspex ca`: what an administrator types, what openssl makes of it, and what is refused."""

import json
import pathlib
import stat
import subprocess
import tempfile
import unittest

import auspex


class CaTest(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="auspex-e2e-"))
        self.addCleanup(subprocess.run, ["rm", "-rf", self.directory], check=True)
        self.ca = self.directory / "ca"
        self.out = self.directory / "out"
        self.out.mkdir()

    def run_ca(self, *arguments):
        return subprocess.run(
            [auspex.BIN / "auspex", "ca", *arguments],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=auspex.PATIENCE_S,
            cwd=self.out,
            preexec_fn=auspex.die_with_parent,
        )

    def succeed(self, *arguments):
        """What it prints."""
        run = self.run_ca(*arguments)
        self.assertEqual((run.returncode, run.stderr), (0, ""))
        return run.stdout

    def refuse(self, *arguments, words):
        """It ends with 1 and one line that names what is wrong."""
        run = self.run_ca(*arguments)
        self.assertEqual((run.returncode, run.stdout), (1, ""), run.stderr)
        lines = run.stderr.splitlines()
        self.assertEqual(len(lines), 1, lines)
        self.assertTrue(lines[0].startswith(f"auspex ca {arguments[0]}: "), lines)
        for word in words:
            self.assertIn(str(word), lines[0])

    def verify(self, name, *options):
        """Whether openssl takes a certificate."""
        run = subprocess.run(
            ["openssl", "verify", "-x509_strict", "-CAfile", self.ca / "ca.pem", *options]
            + [self.out / f"{name}.pem"],
            capture_output=True,
            check=False,
        )
        return run.returncode == 0

    def files(self):
        return sorted(path.name for path in self.out.iterdir())

    def listed(self):
        """Of each certificate its name and its state."""
        lines = self.succeed("list", self.ca, "--format", "json").splitlines()
        return [(entry["name"], entry["state"]) for entry in map(json.loads, lines)]

    def test_makes_a_ca_and_tells_what_comes_next(self):
        said = self.succeed("init", self.ca)
        self.assertIn(f"auspex ca issue {self.ca} NAME --server", said)
        self.assertEqual(stat.S_IMODE(self.ca.stat().st_mode), 0o700)
        self.assertEqual(stat.S_IMODE((self.ca / "ca.key").stat().st_mode), 0o600)
        self.assertEqual(self.listed(), [])
        before = (self.ca / "ca.key").read_bytes()
        self.refuse("init", self.ca, words=[self.ca, "not empty"])
        self.assertEqual((self.ca / "ca.key").read_bytes(), before)

    def test_names_a_ca_as_it_is_told(self):
        self.succeed("init", self.ca, "--name", "Höhle & Co", "--days", "30")
        subject = subprocess.check_output(
            ["openssl", "x509", "-noout", "-subject", "-nameopt", "utf8", "-in", self.ca / "ca.pem"],
            text=True,
        )
        self.assertIn("Höhle & Co", subject)

    def test_issues_a_collector_whose_lines_can_be_pasted(self):
        self.succeed("init", self.ca)
        said = self.succeed(
            *("issue", self.ca, "collector.example", "--server"),
            *("--dns", "audit.example", "--dns", "log.example", "--ip", "127.0.0.1"),
        )
        for name in ("collector.example", "audit.example", "log.example"):
            purpose = ("-purpose", "sslserver", "-verify_hostname", name)
            self.assertTrue(self.verify("collector.example", *purpose))
        self.assertTrue(self.verify("collector.example", "-verify_ip", "127.0.0.1"))
        keys = dict(line.split(" = ") for line in said.splitlines() if " = " in line)
        self.assertEqual(
            keys,
            {
                "api_certificate_file": str(self.out / "collector.example.pem"),
                "api_key_file": str(self.out / "collector.example.key"),
                "api_ca_file": str(self.ca / "ca.pem"),
            },
        )
        server = auspex.Server({"api_listen_port": 0, **keys}).start()
        self.addCleanup(server.close)
        self.assertTrue(server.running())

    def test_issues_a_pair_for_each_name(self):
        self.succeed("init", self.ca)
        said = self.succeed("issue", self.ca, "web1", "web2")
        self.assertEqual(self.files(), ["web1.key", "web1.pem", "web2.key", "web2.pem"])
        for name in ("web1", "web2"):
            self.assertIn(f"{self.out}/{name}.pem: until 20", said)
            self.assertTrue(self.verify(name, "-purpose", "sslclient"))
            self.assertFalse(self.verify(name, "-purpose", "sslserver"))
            mode = (self.out / f"{name}.key").stat().st_mode
            self.assertEqual(stat.S_IMODE(mode), 0o600)
        self.assertEqual(self.listed(), [("web1", "valid"), ("web2", "valid")])

    def test_replaces_files_only_by_force(self):
        self.succeed("init", self.ca)
        self.succeed("issue", self.ca, "web1")
        before = (self.out / "web1.pem").read_bytes()
        self.refuse("issue", self.ca, "web0", "web1", words=[self.out / "web1.pem", "--force"])
        self.assertEqual((self.out / "web1.pem").read_bytes(), before)
        self.assertEqual(self.files(), ["web1.key", "web1.pem"])
        self.assertEqual(self.listed(), [("web1", "valid")])
        self.succeed("issue", self.ca, "web1", "--force")
        self.assertNotEqual((self.out / "web1.pem").read_bytes(), before)
        self.assertTrue(self.verify("web1"))

    def test_revokes_by_name_and_by_serial_number(self):
        self.succeed("init", self.ca)
        self.succeed("issue", self.ca, "web1", "web2", "web3")
        check = ("-crl_check", "-CRLfile", self.ca / "crl.pem")
        serial = self.succeed("list", self.ca).splitlines()[1].split()[0]
        self.assertIn(str(self.ca / "crl.pem"), self.succeed("revoke", self.ca, "web1"))
        self.assertIn(f"revoked {serial} of web2", self.succeed("revoke", self.ca, serial.lower()))
        self.assertEqual([self.verify(f"web{i}", *check) for i in (1, 2, 3)], [False, False, True])
        self.assertEqual(
            self.listed(), [("web1", "revoked"), ("web2", "revoked"), ("web3", "valid")]
        )
        self.refuse("revoke", self.ca, "web1", words=[self.ca, "web1"])
        self.refuse("revoke", self.ca, "web4", words=[self.ca, "web4"])

    def test_lists_names_that_json_has_to_escape(self):
        self.succeed("init", self.ca)
        self.succeed("issue", self.ca, 'a"b\\c')
        self.assertEqual(self.listed(), [('a"b\\c', "valid")])

    def test_refuses_names_that_leave_the_directory(self):
        self.succeed("init", self.ca)
        for name in ("../web1", "/tmp/web1", "a/b", ".", "..", ".hidden", "", "a b", "x" * 252):
            with self.subTest(name=name):
                self.refuse("issue", self.ca, name, words=[name[:80], "cannot be"])
        self.refuse("issue", self.ca, "ca", "--out", self.ca, "--force", words=[self.ca, "--out"])
        self.refuse("issue", self.ca, "web1", "--out", "none", words=["none"])
        self.assertEqual(self.files(), [])
        self.assertEqual(self.listed(), [])

    def test_refuses_what_does_not_go_together(self):
        self.succeed("init", self.ca)
        self.refuse("issue", self.ca, "a", "b", "--server", words=["--server", "--dns"])
        self.refuse("issue", self.ca, "a", "--dns", "b", words=["--server"])
        self.refuse("issue", self.ca, "a", "--server", "--ip", "b", words=['"b"'])
        self.assertEqual(self.files(), [])

    def test_names_the_directory_that_is_no_ca(self):
        for command in (("issue", self.out, "web1"), ("revoke", self.out, "web1"), ("list", self.out)):
            self.refuse(*command, words=[self.out])

    def test_ends_with_1_where_the_command_line_is_wrong(self):
        for arguments in ((), ("make",), ("init",), ("init", self.ca, "--days", "0"), ("issue", self.ca)):
            run = self.run_ca(*arguments)
            self.assertEqual(run.returncode, 1, arguments)
            self.assertTrue(run.stderr)
        self.assertFalse(self.ca.exists())
        self.assertIn("revoke", self.succeed("--help"))


if __name__ == "__main__":
    unittest.main()
