"""Configurations and stores that cannot work: one clear line, an exit code, nothing broken."""

import os
import pathlib
import subprocess
import unittest

import auspex
from auspex import unique_record

NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


class BadInputTest(unittest.TestCase):
    def make_server(self, keys=None, prefix=()):
        server = auspex.Server(keys, prefix)
        self.addCleanup(server.close)
        return server

    def run_auspexd(self, server, *options, prefix=()):
        """Runs auspexd, which must end by itself: (exit code, lines of its output)."""
        server.write_config()
        command = [*prefix, auspex.BIN / "auspexd", *options, "--config", server.config]
        run = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=auspex.PATIENCE_S,
            preexec_fn=auspex.die_with_parent,
        )
        return run.returncode, run.stdout.decode().splitlines()

    def expect_refusal(self, server, *words, prefix=()):
        """It ends with one line that is an error and names what is wrong."""
        code, lines = self.run_auspexd(server, prefix=prefix)
        self.assertGreater(code, 0, lines)
        errors = [line for line in lines if line.startswith("error")]
        self.assertEqual(len(errors), 1, lines)
        self.assertFalse([line for line in lines if line.startswith("info ready")])
        for word in words:
            self.assertIn(str(word), errors[0])

    def need_root(self):
        if os.geteuid() != 0:
            self.skipTest("becoming nobody needs root")

    def test_refuses_a_store_directory_that_cannot_be_made(self):
        server = self.make_server()
        file = server.directory / "file"
        file.write_text("not a directory")
        server.keys["store_dir"] = file / "store"
        self.expect_refusal(server, file / "store")

    def test_refuses_a_store_directory_that_is_a_file(self):
        server = self.make_server()
        server.keys["store_dir"] = server.directory / "file"
        server.keys["store_dir"].write_text("not a directory")
        self.expect_refusal(server, server.keys["store_dir"])

    def test_refuses_a_store_directory_that_it_may_not_write(self):
        self.need_root()
        server = self.make_server()
        server.directory.chmod(0o755)
        server.store.chmod(0o755)
        self.expect_refusal(server, server.store, prefix=NOBODY)

    def test_refuses_a_port_that_is_taken(self):
        first = self.make_server().start()
        second = self.make_server({"tcp_listen_port": first.port})
        self.expect_refusal(second, first.port)
        self.expect_service(first)

    def test_refuses_a_privileged_port_without_the_right(self):
        self.need_root()
        limit = int(pathlib.Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())
        if limit <= 61:
            self.skipTest("every port is free for all here")
        server = self.make_server({"tcp_listen_port": 61})
        server.directory.chmod(0o755)
        os.chown(server.store, 65534, 65534)
        self.expect_refusal(server, "61", prefix=NOBODY)

    def test_refuses_a_store_that_another_one_serves(self):
        first = self.make_server().start()
        second = self.make_server({"store_dir": first.store})
        self.expect_refusal(second, first.store)
        self.expect_service(first)

    def test_refuses_a_store_of_a_newer_format_and_leaves_it_alone(self):
        server = self.make_server().start()
        server.stop()
        (server.store / "FORMAT").write_text("auspex store format 1000\n")
        before = self.contents(server.store)
        self.expect_refusal(server, server.store, "format 1000")
        self.assertEqual(self.contents(server.store), before)

    def test_refuses_a_directory_of_something_else_and_leaves_it_alone(self):
        server = self.make_server()
        (server.store / "letters.txt").write_text("mine")
        self.expect_refusal(server, server.store)
        self.assertEqual(self.contents(server.store), {"letters.txt": b"mine"})

    def contents(self, directory):
        return {
            str(path.relative_to(directory)): path.read_bytes()
            for path in directory.rglob("*")
            if path.is_file()
        }

    def test_refuses_an_address_that_is_not_of_this_machine(self):
        server = self.make_server({"listen_address": "240.0.0.1"})
        self.expect_refusal(server, "240.0.0.1")

    def test_refuses_a_configuration_that_is_not_there(self):
        server = self.make_server()
        server.config = server.directory / "none.conf"
        server.write_config = lambda: None
        self.expect_refusal(server, server.config)

    def test_names_all_errors_of_a_configuration_at_once(self):
        server = self.make_server(
            {
                "tcp_listen_port": 65536,
                "tcp_max_per_addr": "many",
                "tcp_client_max_idle": -1,
                "no_such_key": "x",
            }
        )
        for options in ((), ("--check-config",)):
            with self.subTest(options=options):
                code, lines = self.run_auspexd(server, *options)
                self.assertGreater(code, 0)
                text = "\n".join(lines)
                for number, key in enumerate(server.keys, start=1):
                    wrong = key not in ("listen_address", "store_dir", "state_file")
                    place = f"{server.config}:{number}: {key} "
                    named = any(place in line and ": wrong:" in line for line in lines)
                    self.assertEqual(named, wrong, f"{key}, line {number} of:\n{text}")

    def test_checks_a_good_configuration_without_opening_the_store(self):
        server = self.make_server()
        code, _ = self.run_auspexd(server, "--check-config")
        self.assertEqual(code, 0)
        self.assertEqual(list(server.store.iterdir()), [])

    def test_names_what_is_wrong_in_files_that_the_configuration_names(self):
        for key, culprit in (("retention_file", "rule a keep x"), ("quota_file", "web* speed 5")):
            server = self.make_server()
            server.keys[key] = server.directory / key
            server.keys[key].write_text(culprit + "\n")
            code, lines = self.run_auspexd(server, "--check-config")
            self.assertGreater(code, 0)
            self.assertTrue(any(line.startswith(f"wrong: {server.keys[key]}:1: ") for line in lines), lines)
            # Before it opens the store, each time that it is started again.
            self.expect_refusal(server, f"{server.keys[key]}:1: ")
            self.assertEqual(list(server.store.iterdir()), [])

    def expect_service(self, server):
        self.assertTrue(server.running())
        with auspex.ManagedClient(server) as client:
            record = unique_record()
            client.deliver(record)
            self.assertEqual(server.search("--host", client.address), [record])


if __name__ == "__main__":
    unittest.main()
