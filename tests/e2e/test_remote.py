"""`auspex` asks a collector that runs, over TLS and through its unix socket: the same bytes, messages and
exit status as of its store, and a clear line where it cannot be asked."""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import unittest

import ausearch_table
import auspex
import golden

# What ausearch does not have.
QUESTIONS_OF_OURS = [
    ["--format", "json"],
    ["--reverse", "--limit", "7", "-i"],
    ["--by-time", "-r"],
    ["--by-time", "--reverse", "-r", "-m", "SYSCALL"],
    ["--limit", "3", "--format", "csv"],
    ["--just-one", "-r", "--reverse"],
    ["-l", "-r", "-k", "a"],
    ["-ul", "root", "--local-names", "-i"],
    ["--malformed"],
    ["--malformed", "--limit", "1", "--reverse"],
    ["--malformed", "-te", "01/01/04"],
    ["--malformed", "--host", "no-such-host"],
]


REPORTS = [
    [],
    ["-au"],
    ["-x", "--summary"],
    ["--by-host"],
    ["-f", "-i"],
    ["-t"],
    ["-e", "--limit", "5", "--format", "json"],
    ["-e", "--by-host", "--format", "csv"],
    ["-u", "--summary", "-i", "--local-names"],
    ["-u", "-i", "--local-names"],
    ["-s", "--failed", "-i"],
    ["-k", "--summary", "--by-host"],
    ["--tty"],
    ["-p", "-te", "01/01/04"],
    ["-l", "--host", "no-such-host"],
    ["-t", "--summary"],
]


class Collector:
    """An auspexd with a CA of its own, whose store holds the log of the tests."""

    def __init__(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="auspex-e2e-"))
        self.home = self.directory / "home"
        self.ca = self.directory / "ca"
        self.other = self.directory / "other"
        for directory in (self.home, self.directory / "of-other"):
            directory.mkdir()
        self.run_ca("init", self.ca)
        self.run_ca("init", self.other)
        self.run_ca("issue", self.ca, "collector", "--server", "--ip", "127.0.0.1")
        self.run_ca("issue", self.ca, "root", "alice", "web1")
        self.run_ca("issue", self.other, "root", "--out", self.directory / "of-other")
        access = self.directory / "access"
        access.write_text("admin root\nviewer alice web*\ningest *\n")
        self.socket = self.directory / "api.sock"
        self.server = auspex.Server({
            "api_listen_port": 0,
            "api_certificate_file": self.directory / "collector.pem",
            "api_key_file": self.directory / "collector.key",
            "api_ca_file": self.ca / "ca.pem",
            "api_access_file": access,
            "api_socket": self.socket,
        })
        self.log = auspex.ROOT / "tests" / "data" / "audit.log"
        command = [auspex.BIN / "auspex", "import", "--store", self.server.store, "--host", "h"]
        subprocess.run([*command, self.log], check=True, capture_output=True)
        self.server.start()
        with auspex.ManagedClient(self.server) as client:
            self.address = client.address
            for line in (b"garbage", b"more garbage", b"type=CWD msg=audit(x): "):
                client.deliver(line)
        self.unix = f"unix:{self.socket}"
        self.find_port()

    def find_port(self):
        self.port = next(int(match[1]) for match in
                         (re.match(r"info api .*\bport=(\d+)", line) for line in self.server.log)
                         if match)
        self.tls = f"127.0.0.1:{self.port}"

    def crash(self):
        self.server.crash()
        self.find_port()

    def close(self):
        self.server.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def run_ca(self, *arguments):
        subprocess.run([auspex.BIN / "auspex", "ca", *arguments], check=True, capture_output=True,
                       cwd=self.directory)

    def config(self, name="root", **changes):
        """The file of a client that has the certificate of that name."""
        keys = {
            "ca_file": self.ca / "ca.pem",
            "certificate_file": self.directory / f"{name}.pem",
            "key_file": self.directory / f"{name}.key",
            **changes,
        }
        file = tempfile.NamedTemporaryFile("w", dir=self.directory, suffix=".conf", delete=False)
        with file:
            file.write("# Of a test.\n")
            file.writelines(f"{key} = {value}\n" for key, value in keys.items() if value)
        return file.name

    def environment(self, config=None, **variables):
        environment = {**auspex.utc_environment(), "HOME": str(self.home), **variables}
        for name in ("XDG_CONFIG_HOME", "AUSPEX_SERVER", "AUSPEX_CONFIG"):
            if name not in variables:
                environment.pop(name, None)
        if config is not None:
            environment["AUSPEX_CONFIG"] = str(config)
        return environment

    def run(self, *arguments, config=None, **variables):
        """Exit status, output and messages of a command."""
        return golden.run([auspex.BIN / "auspex", *map(str, arguments)],
                          self.environment(config, **variables))


class RemoteTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.collector = Collector()
        cls.addClassCleanup(cls.collector.close)
        cls.root = cls.collector.config()

    def expect_error(self, run, *words):
        """One line of the command's, which has these words."""
        status, text, said = run
        said = said.decode()
        self.assertEqual((status, text), (1, b""), said)
        self.assertEqual(said.count("\n"), 1, said)
        self.assertTrue(said.startswith("auspex "), said)
        for word in words:
            self.assertIn(str(word), said)


class AnswerTest(RemoteTest):
    """The store and the collector, side by side."""

    def compare_one(self, options):
        collector = self.collector
        local = collector.run("search", *options, "--store", collector.server.store)
        wrong = []
        for where, config in ((collector.tls, self.root), (collector.unix, None)):
            remote = collector.run("search", *options, "--server", where, config=config)
            if remote != local:
                told = golden.difference(local, remote, "the store")
                wrong.append(f"{' '.join(options)} {where}: {remote[2][:300]}\n{told}")
        return wrong

    def compare(self, questions):
        golden.compare(self, questions, self.compare_one)

    def test_answers_every_question_of_ausearch_as_the_store_does(self):
        records = [line for line in self.collector.log.read_bytes().split(b"\n") if line]
        questions = golden.share(ausearch_table.command_lines(records))
        self.assertGreater(len(questions), 20)
        # What the collector writes about the questions would change the answers.
        self.compare([[*question, "--host", "h"] for question in questions])

    def test_answers_what_is_ours_as_the_store_does(self):
        self.compare([question if "--host" in question or "--malformed" in question else
                      [*question, "--host", "h"] for question in QUESTIONS_OF_OURS])
        self.compare([["--host", "h", "--host", self.collector.address, "-r"],
                      ["--malformed", "--host", self.collector.address]])

    def test_says_in_the_same_words_that_nothing_matches(self):
        self.compare([["-k", "no-such-key"], ["-k", "no-such-key", "-r"],
                      ["--host", "no-such-host"]])

    def test_finds_the_processes_of_a_container_as_the_store_does(self):
        record = b"node=box type=KERNEL_OTHER msg=audit(1700000000.100:1): contid=3f2a1c nested=b71c"
        with auspex.ManagedClient(self.collector.server) as client:
            client.deliver(record)
        self.compare([["-r", "--container", *options] for options in (
            ["3f2a"], ["3f2a", "-w"], ["3f2a1c", "-w"], ["b71c"])])
        run = self.collector.run("search", "-r", "--container", "3f2a", "--server",
                                 self.collector.unix)
        self.assertEqual(run, (0, record + b"\n", b""))

    def test_reports_as_of_the_store(self):
        for options in REPORTS:
            if "--host" not in options:
                options = [*options, "--host", "h"]
            local = self.collector.run("report", *options, "--store", self.collector.server.store)
            for where, config in ((self.collector.tls, self.root), (self.collector.unix, None)):
                with self.subTest(options=options, where=where):
                    remote = self.collector.run("report", *options, "--server", where,
                                                config=config)
                    self.assertEqual(remote, local)

    def test_follows(self):
        with auspex.ManagedClient(self.collector.server) as client:
            before = b"node=tail " + auspex.unique_record("before")
            client.deliver(before)
            process = subprocess.Popen(
                [auspex.BIN / "auspex", "search", "--raw", "--follow", "--host", "tail",
                 "--server", self.collector.tls], stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, env=self.collector.environment(self.root),
                preexec_fn=auspex.die_with_parent)
            self.addCleanup(process.stderr.close)
            self.addCleanup(process.stdout.close)
            self.addCleanup(process.wait)
            self.addCleanup(process.kill)
            self.assertEqual(process.stdout.readline(), before + b"\n")
            after = b"node=tail " + auspex.unique_record("after")
            client.deliver(after)
            self.assertEqual(process.stdout.readline(), after + b"\n")

    def test_shows_a_viewer_its_hosts(self):
        with auspex.ManagedClient(self.collector.server) as client:
            client.deliver(b"node=web7 " + auspex.unique_record())
        alice = self.collector.config("alice")
        status, text, _ = self.collector.run("search", "-r", "--server", self.collector.tls,
                                             config=alice)
        self.assertEqual(status, 0)
        self.assertIn(b"node=web7 ", text)
        _, of_all, _ = self.collector.run("search", "-r", "--server", self.collector.unix)
        self.assertEqual(text.splitlines(),
                         [line for line in of_all.splitlines() if line.startswith(b"node=web")])
        run = self.collector.run("search", "--malformed", "--server", self.collector.tls,
                                 config=alice)
        self.assertEqual(run[:2], (1, b""))

    def test_goes_on_behind_a_checkpoint(self):
        collector = self.collector
        file = collector.directory / "checkpoint"
        options = ["-r", "--host", "later", "--checkpoint", file, "--server"]
        records = [b"node=later " + auspex.unique_record() for _ in range(4)]
        for part in (records[:3], records[3:]):
            with auspex.ManagedClient(collector.server) as client:
                for record in part:
                    client.deliver(record)
            # What is in a block is complete; until then it is left for the next time.
            collector.run("server", "seal", "--server", collector.unix)
            expected = b"".join(record + b"\n" for record in part)
            found = []

            def go_on():
                found.append(collector.run("search", *options, collector.unix)[1])
                return b"".join(found) == expected

            auspex.wait_for(go_on, "the events")
        self.assertEqual(collector.run("search", *options, collector.unix), (1, b"", b""))
        # A place in one collector is none in another, nor in a store.
        status, _, said = collector.run("search", *options, collector.tls, config=self.root)
        self.assertEqual(status, 10)
        self.assertIn(b"of another", said)
        status, _, _ = collector.run("search", *options[:-1], "--store", collector.server.store)
        self.assertEqual(status, 10)
        file.write_text(re.sub("cursor=.*", "cursor=00", file.read_text()))
        self.assertEqual(collector.run("search", *options, collector.unix)[0], 10)


class ChoiceTest(RemoteTest):
    """Who is asked."""

    def asked(self, *options, **environment):
        """What --explain says of it."""
        options = ["-k", "no-such-key", "--explain", "-r", *options]
        status, text, said = self.collector.run("search", *options, **environment)
        self.assertEqual((status, text), (1, b""), said)
        return said.decode()

    def test_asks_whom_it_is_told_to(self):
        collector = self.collector
        said = self.asked("--server", collector.tls, config=self.root)
        self.assertIn(f"asked {collector.tls} (--server): ", said)
        self.assertIn("no-such-key", said)
        said = self.asked("--server", collector.unix)
        self.assertIn(f"asked {collector.unix} (--server): ", said)
        said = self.asked("--store", collector.server.store, AUSPEX_SERVER="127.0.0.1:1")
        self.assertIn(f"read the store {collector.server.store}", said)
        said = self.asked(AUSPEX_SERVER=collector.unix)
        self.assertIn(f"asked {collector.unix} (AUSPEX_SERVER): ", said)
        config = collector.config(server=collector.tls)
        self.assertIn(f"asked {collector.tls} ({config}): ", self.asked(config=config))
        said = self.asked("--server", collector.unix, config=config, AUSPEX_SERVER="127.0.0.1:1")
        self.assertIn(f"asked {collector.unix} (--server): ", said)

    def test_finds_the_configuration_of_a_user(self):
        collector = self.collector
        home = collector.home / "auspex"
        home.mkdir()
        shutil.copy(collector.config(server=collector.tls), home / "auspex.conf")
        said = self.asked(XDG_CONFIG_HOME=str(collector.home))
        self.assertIn(f"asked {collector.tls} ({home}/auspex.conf): ", said)

    def test_reads_a_pipe_whatever_the_environment_says(self):
        run = golden.run([auspex.BIN / "auspex", "search", "-r"],
                         self.collector.environment(AUSPEX_SERVER="127.0.0.1:1"),
                         stdin=self.collector.log.read_bytes())
        self.assertEqual(run[0], 0, run[2])

    def test_knows_a_collector_by_another_name(self):
        self.collector.run_ca("issue", self.collector.ca, "named", "--server", "--dns", "a.example")
        config = self.collector.config(server_name="a.example")
        server = f"localhost:{self.collector.port}"
        run = self.collector.run("search", "-r", "--host", "h", "--server", server, config=config)
        self.expect_error(run, server)  # It is 127.0.0.1 only.
        config = self.collector.config(server_name="127.0.0.1")
        run = self.collector.run("search", "-r", "--host", "h", "--server", server, config=config)
        self.assertEqual(run[0], 0, run[2])


class RefusalTest(RemoteTest):
    def search(self, server=None, config=None, **variables):
        where = [] if server is None else ["--server", server]
        return self.collector.run("search", "-r", *where, config=config or self.root, **variables)

    def test_says_that_nobody_is_there(self):
        self.expect_error(self.search("127.0.0.1:1"), "127.0.0.1:1", "Connection refused")
        self.expect_error(self.search("unix:/no/such/socket"), "/no/such/socket",
                          "No such file or directory")
        self.expect_error(self.search("no-such-host.invalid:1"), "no-such-host.invalid:1")

    def test_says_that_a_certificate_is_of_another_ca(self):
        collector = self.collector
        config = collector.config(ca_file=collector.other / "ca.pem")
        self.expect_error(self.search(collector.tls, config), collector.tls, "certificate")
        config = collector.config(certificate_file=collector.directory / "of-other" / "root.pem",
                                  key_file=collector.directory / "of-other" / "root.key")
        self.expect_error(self.search(collector.tls, config), collector.tls, "certificate")

    def test_says_that_it_may_not(self):
        config = self.collector.config("web1")
        self.expect_error(self.search(self.collector.tls, config), self.collector.tls,
                          "permission denied")
        run = self.collector.run("status", "--server", self.collector.tls,
                                 config=self.collector.config("alice"))
        self.expect_error(run, self.collector.tls, "permission denied")

    def test_names_what_is_wrong_with_the_configuration(self):
        path = self.collector.directory / "wrong.conf"
        cases = (
            ("server = 127.0.0.1:1\n\ncolour = red\n", f"{path}:3: ", "colour"),
            ("server\n", f"{path}:1: ", "key = value"),
            ("ca_file =\n", f"{path}:1: ", "ca_file"),
            ("ca_file = a\nca_file = b\n", f"{path}:2: ", "ca_file"),
            ("server = nowhere\n", f"{path}: ", '"nowhere"'),
            ("server = 127.0.0.1:1\n", path, "ca_file"),
            (f"server = 127.0.0.1:1\nca_file = {path}\n", path, "certificate_file"),
            ("server = 127.0.0.1:1\nca_file = /no/such\ncertificate_file = /no\nkey_file = /no\n",
             path, "ca_file: /no/such"),
            (f"server = {self.collector.tls}\nca_file = {path}\ncertificate_file = {path}\n"
             f"key_file = {path}\n", path, "certificate"),
        )
        for text, *words in cases:
            with self.subTest(text):
                path.write_text(text)
                self.expect_error(self.search(config=path), *words)
        self.expect_error(self.search(config="/no/such.conf"), "/no/such.conf")

    def test_names_what_is_no_address(self):
        for address in ("nowhere", "host:", ":1", "host:0", "host:65536", "unix:", "::1:50051"):
            with self.subTest(address):
                self.expect_error(self.search(address), f'"{address}"', "--server")
        self.expect_error(self.search(AUSPEX_SERVER="nowhere"), '"nowhere"', "AUSPEX_SERVER")

    def test_asks_one_only(self):
        status, text, said = self.collector.run("search", "-r", "--server", "a:1", "--store", "b")
        self.assertEqual((status, text), (1, b""))
        self.assertIn(b"--server", said)


class EndTest(RemoteTest):
    """What is not wanted any more ends, here and there."""

    def calls_open(self):
        _, text, _ = self.collector.run("status", "--server", self.collector.unix)
        return int(re.search(rb"auspexd_calls_open +(\d+)\n", text)[1])

    def begin(self):
        """A search that prints more than the pipe takes, and waits for us."""
        with auspex.ManagedClient(self.collector.server) as client:
            for _ in range(1500):
                client.deliver(b"node=long " + auspex.unique_record(size=8000))
        process = subprocess.Popen(
            [auspex.BIN / "auspex", "search", "-r", "--host", "long", "--server",
             self.collector.tls], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=self.collector.environment(self.root), preexec_fn=auspex.die_with_parent)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.kill)
        self.assertTrue(process.stdout.read(100))
        self.assertEqual(self.calls_open(), 2)  # The other one is that which asks.
        return process

    def expect_end(self, process):
        status = process.wait(timeout=auspex.PATIENCE_S)
        auspex.wait_for(lambda: self.calls_open() == 1, "the end of the call")
        return status, process.stderr.read()

    def test_ends_at_ctrl_c(self):
        process = self.begin()
        process.send_signal(signal.SIGINT)
        self.assertEqual(self.expect_end(process), (-signal.SIGINT, b""))

    def test_ends_when_nobody_reads(self):
        process = self.begin()
        process.stdout.close()
        status, said = self.expect_end(process)
        self.assertIn(status, (0, -signal.SIGPIPE))
        self.assertEqual(said, b"")

    def test_says_that_the_collector_has_ended(self):
        process = self.begin()
        self.collector.server.kill()
        process.stdout.read()
        self.assertEqual(process.wait(timeout=auspex.PATIENCE_S), 1)
        self.assertIn(self.collector.tls, process.stderr.read().decode())
        self.collector.server.start()


class OperatorTest(RemoteTest):
    def operate(self, *arguments):
        run = self.collector.run(*arguments, "--server", self.collector.unix)
        self.assertEqual((run[0], run[2]), (0, b""), arguments)
        return run[1].decode()

    def test_tells_how_the_collector_is_doing(self):
        text = self.operate("status")
        self.assertRegex(text, r"version +0\.1")
        self.assertRegex(text, r"records +taken in\n")
        self.assertRegex(text, r"auspexd_records_stored_total +[1-9]")
        status = json.loads(self.operate("status", "--format", "json"))
        self.assertIs(status["suspended"], False)
        self.assertIn("auspexd_records_stored_total", {one["name"] for one in status["counters"]})

    def test_writes_its_state_and_says_where(self):
        path = self.collector.server.keys["state_file"]
        self.assertEqual(self.operate("server", "state"), f"{path}\n")
        self.assertRegex(path.read_text(), r"\nhosts that take most\n(.*\n)*  h ")

    def test_suspends_and_resumes(self):
        self.operate("server", "suspend", "--reason", "moving house")
        self.addCleanup(self.operate, "server", "resume")
        self.assertRegex(self.operate("status"), r"records +refused: suspended by an admin\n")
        self.operate("server", "resume")
        self.assertRegex(self.operate("status"), r"records +taken in\n")
        found = auspex.wait_for(
            lambda: self.collector.server.search("--host", "auspexd", "-m", "USER_CMD"),
            "the records of the calls")
        self.assertTrue(found)

    def test_seals_and_reloads(self):
        self.operate("server", "seal")
        self.operate("server", "reload")
        good = self.collector.server.config.read_text()
        self.addCleanup(self.collector.server.config.write_text, good)
        self.collector.server.config.write_text(good + "nonsense = 1\n")
        run = self.collector.run("server", "reload", "--server", self.collector.unix)
        self.expect_error(run, "nonsense")

    def test_ends_with_1_where_the_command_line_is_wrong(self):
        for arguments in (["server"], ["server", "dance"], ["status", "--format", "xml"],
                          ["server", "seal", "--reason", "x"]):
            status, _, said = self.collector.run(*arguments)
            self.assertEqual(status, 1, arguments)
            self.assertTrue(said)
        self.assertEqual(self.collector.run("server", "--help")[0], 0)
        if not os.path.exists("/run/auspex/auspexd.sock"):
            self.expect_error(self.collector.run("status"), "--server")


if __name__ == "__main__":
    unittest.main()
