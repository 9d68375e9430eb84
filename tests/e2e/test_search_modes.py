"""Where `auspex search` reads and how it goes on: directories of logs, pipes, checkpoints and what
comes while it looks on; beside the real ausearch where that can do the same."""

import gzip
import json
import pathlib
import pwd
import queue
import re
import shutil
import subprocess
import tempfile
import threading
import unittest

import auspex
import real_tools

START_S = 1_600_000_000


def event(second, name="one", key="k"):
    """The lines of an event that is complete."""
    stamp = f"msg=audit({START_S + second}.100:{1000 + second})"
    return (
        f"type=SYSCALL {stamp}: arch=c000003e syscall=257 success=yes exit=3 a0=1 a1=2 a2=3 a3=4 "
        f'items=1 ppid=1 pid=7 auid=1000 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 '
        f'tty=pts0 ses=1 comm="cat" exe="/bin/cat" key="{key}"\n'
        f'type=PATH {stamp}: item=0 name="/{name}" inode=1\n'
        f"type=PROCTITLE {stamp}: proctitle=636174\n").encode()


def log(first, last, **keys):
    return b"".join(event(second, **keys) for second in range(first, last + 1))


class ModesTest(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="auspex-e2e-"))
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)

    def path(self, name, text=None):
        path = self.directory / name
        if text is not None:
            path.write_bytes(text)
        return path

    def run_ours(self, *options, stdin=None):
        arguments = {"input": stdin} if stdin is not None else {"stdin": subprocess.DEVNULL}
        done = subprocess.run(
            [auspex.BIN / "auspex", "search", *map(str, options)], capture_output=True,
            env=auspex.utc_environment(), timeout=60, check=False, **arguments)
        return done.returncode, done.stdout, done.stderr

    def run_real(self, *options, stdin=None):
        arguments = {"input": stdin} if stdin is not None else {"stdin": subprocess.DEVNULL}
        done = subprocess.run(
            [real_tools.directory() / "sbin" / "ausearch", *map(str, options)],
            capture_output=True, env=real_tools.environment(), timeout=60, check=False,
            **arguments)
        said = [line for line in done.stderr.splitlines(True) if b"auditd.conf" not in line
                and b"built-in logs" not in line]
        return done.returncode, done.stdout, b"".join(said)

    def expect_same(self, *options, stdin=None):
        """Both say the same. Returns what."""
        expected = self.run_real(*options, stdin=stdin)
        self.assertEqual(self.run_ours(*options, "--local-names", stdin=stdin), expected)
        return expected

    def import_log(self, file, store="store", host="h"):
        command = [auspex.BIN / "auspex", "import", "--store", self.path(store), "--host", host]
        subprocess.run([*command, file], check=True, capture_output=True)
        return self.path(store)


def contained(second, container):
    """That event, of a process in a container, as the agent tells it."""
    syscall, *others = event(second).splitlines(keepends=True)
    stamp = f"msg=audit({START_S + second}.100:{1000 + second})"
    record = f"type=KERNEL_OTHER {stamp}: {container}\n".encode()
    return b"".join([syscall, record, *others])


class InputTest(ModesTest):
    def test_reads_the_rotated_logs_of_a_directory_as_one(self):
        self.path("audit.log", log(20, 29))
        self.path("audit.log.1", log(10, 19))
        self.path("audit.log.2", log(0, 9))
        self.path("audit.log.4", log(90, 99))  # Behind a gap.
        for options in ([], ["-r"], ["-m", "PATH", "-i"], ["--just-one"]):
            with self.subTest(options):
                status, text, _ = self.expect_same(*options, "-if", self.directory)
                self.assertEqual(status, 0)
                self.assertNotIn(b"1090", text)

    def test_prints_no_end_of_an_event_that_is_not_there(self):
        end = b"type=EOE msg=audit(1600000003.100:9): \n"
        for options in ([], ["-r"], ["-m", "EOE"]):
            self.expect_same(*options, "-if", self.path("log", end + log(0, 9)))

    def test_reads_packed_logs(self):
        packed = self.path("audit.log.gz", gzip.compress(log(0, 9)))
        plain = self.path("plain", log(0, 9))
        self.assertEqual(self.run_ours("-r", "-if", packed), self.run_ours("-r", "-if", plain))

    def test_reads_a_pipe(self):
        self.expect_same("-r", stdin=log(0, 9))
        self.expect_same("-k", "nothing", stdin=log(0, 9))
        self.expect_same("-i", "-a", "1003", stdin=log(0, 9))

    def test_says_what_is_not_there(self):
        self.expect_same("-r", "-if", self.path("nothing"))
        empty = self.path("empty")
        empty.mkdir()
        self.expect_same("-r", "-if", empty)

    def test_needs_a_store_or_a_log(self):
        status, text, message = self.run_ours("-r", "--input-logs", "--store", self.path("none"))
        self.assertEqual((status, text), (1, b""))
        self.assertIn(b"none", message)


class CheckpointTest(ModesTest):
    def setUp(self):
        super().setUp()
        self.log = self.path("audit.log", log(0, 9))
        self.ours = self.path("ours")
        self.real = self.path("real")

    def step(self, *options, file=None):
        """Both go on from their own checkpoint, say the same, and leave the same file."""
        arguments = [*options, "-if", file or self.log, "--checkpoint"]
        expected = self.run_real(*arguments, self.real)
        found = self.run_ours(*arguments, self.ours)
        texts = [text.replace(str(name).encode(), b"CHECKPOINT") for (_, _, text), name in
                 ((expected, self.real), (found, self.ours))]
        self.assertEqual((*found[:2], texts[1]), (*expected[:2], texts[0]))
        if self.real.exists():
            self.assertEqual(self.ours.read_bytes(), self.real.read_bytes())
        return expected

    def test_goes_on_where_it_was(self):
        self.assertEqual(self.step("-r")[0], 0)
        self.assertEqual(self.step("-r")[:2], (1, b""))
        with self.log.open("ab") as growing:
            growing.write(log(10, 14))
        self.assertEqual(self.step("-r")[0], 0)
        self.assertEqual(self.step("-r")[:2], (1, b""))

    def test_goes_on_over_rotated_logs(self):
        directory = self.path("logs")
        directory.mkdir()
        (directory / "audit.log").write_bytes(log(0, 9))
        self.step("-r", file=directory)
        (directory / "audit.log").rename(directory / "audit.log.1")
        (directory / "audit.log").write_bytes(log(10, 19))
        self.assertEqual(self.step("-r", file=directory)[0], 0)
        # The log goes elsewhere instead of away: were it deleted, a new one could get its inode.
        directory.rename(self.path("elsewhere"))
        directory.mkdir()
        (directory / "audit.log").write_bytes(log(30, 39))
        status, _, _ = self.step("-r", file=directory)
        self.assertEqual(status, 10)  # The log that it was of is gone.

    def test_goes_on_from_the_time_only(self):
        self.step("-r")
        other = self.path("other.log", log(5, 20))
        self.assertEqual(self.step("-r", "-ts", "checkpoint", file=other)[0], 0)

    def test_reads_the_file_of_the_other(self):
        self.run_real("-r", "-if", self.log, "--checkpoint", self.real)
        self.run_ours("-r", "-if", self.log, "--checkpoint", self.ours)
        with self.log.open("ab") as growing:
            growing.write(log(10, 14))
        by_real = self.run_real("-r", "-if", self.log, "--checkpoint", self.ours)
        by_ours = self.run_ours("-r", "-if", self.log, "--checkpoint", self.real)
        self.assertEqual(by_ours, by_real)
        self.assertEqual(by_real[0], 0)

    def test_refuses_what_is_no_checkpoint(self):
        for text in ("garbage\n", "dev=0x1\n", "", "dev=0x1\ninode=2\noutput=x\n",
                     "dev=0x1\ninode=2\noutput=- 1.2\n"):
            with self.subTest(text):
                self.ours.write_text(text)
                self.real.write_text(text)
                self.assertEqual(self.step("-r")[0], 10)
        self.real.unlink()
        self.ours.unlink()
        self.ours = self.real = self.directory / "no-such-directory" / "checkpoint"
        self.assertEqual(self.step("-r")[0], 11)

    def test_notices_that_the_log_is_another(self):
        for file in (self.ours, self.real):
            status = self.log.stat()
            file.write_text(f"dev=0x{status.st_dev:X}\ninode={status.st_ino}\n"
                            f"output=- {START_S - 100}.100:5 0x514\n")
        self.assertEqual(self.step("-r")[0], 12)

    def test_says_that_a_pipe_has_none(self):
        # The real one does not print the last seconds of a log then, although it will not go on.
        options = ["-r", "--checkpoint", self.ours]
        _, _, message = self.run_real(*options, stdin=log(0, 3))
        self.assertEqual(self.run_ours(*options, stdin=log(0, 3)), (0, log(0, 3), message))
        self.assertFalse(self.ours.exists())

    def test_goes_on_in_a_store(self):
        store = self.import_log(self.log)
        options = ["-r", "--store", store, "--checkpoint", self.ours]
        self.assertEqual(self.run_ours(*options), (0, log(0, 9), b""))
        self.assertEqual(self.run_ours(*options), (1, b"", b""))
        # Of a host that is new, and whose events are older.
        self.import_log(self.path("more", log(3, 5, name="other")), host="other")
        self.assertEqual(self.run_ours(*options), (0, log(3, 5, name="other"), b""))
        other = self.import_log(self.log, store="another")
        status, _, message = self.run_ours("-r", "--store", other, "--checkpoint", self.ours)
        self.assertEqual(status, 10)
        self.assertIn(b"of another store", message)


class FollowTest(ModesTest):
    def follow(self, *options):
        """Starts a search that looks on, and gives a function that waits for its next lines."""
        process = subprocess.Popen(
            [auspex.BIN / "auspex", "search", *map(str, options)], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, env=auspex.utc_environment(),
            preexec_fn=auspex.die_with_parent)
        lines = queue.SimpleQueue()

        def read():
            for line in process.stdout:
                lines.put(line)

        reader = threading.Thread(target=read)
        reader.start()

        def stop():
            process.kill()
            process.wait()
            reader.join()
            process.stdout.close()

        self.addCleanup(stop)
        return lambda count: b"".join(lines.get(timeout=30) for _ in range(count))

    def test_prints_what_comes_to_a_log(self):
        file = self.path("audit.log", log(0, 1))
        take = self.follow("-r", "-F", "-if", file)
        self.assertEqual(take(6), log(0, 1))
        with file.open("ab") as growing:
            growing.write(event(5))
        self.assertEqual(take(3), event(5))
        file.rename(self.path("audit.log.1"))
        self.path("audit.log", log(6, 7))
        self.assertEqual(take(6), log(6, 7))

    def test_prints_what_comes_to_a_store(self):
        server = auspex.Server().start()
        self.addCleanup(server.close)
        with auspex.ManagedClient(server) as client:
            for line in log(0, 0).splitlines():
                client.deliver(line)
            take = self.follow("-r", "-F", "-k", "k", "--store", server.store)
            self.assertEqual(take(3), event(0))
            for line in (event(2, key="other") + event(3)).splitlines():
                client.deliver(line)
            self.assertEqual(take(3), event(3))
            # Of another host, whose event is not complete: it does not hold back what comes.
            with auspex.ManagedClient(server) as quiet:
                quiet.deliver(event(2).splitlines()[0].replace(b"type", b"node=quiet type", 1))
            for line in event(3, name="next").replace(b":1003)", b":1013)").splitlines():
                client.deliver(line)
            told = take(4)  # After three seconds it comes as it is, and they may be over.
            self.assertIn(event(3, name="next").replace(b":1003)", b":1013)"), told)
            self.assertIn(b"node=quiet", told)
            server.process.send_signal(auspex.signal.SIGUSR1)  # Seals what is there,
            auspex.wait_for(  # which tears an event that is still coming.
                lambda: re.search(r"records in no block +0\n", server.store_command("stats")),
                "the seal")
            for line in event(4).splitlines():
                client.deliver(line)
            self.assertEqual(take(3), event(4))


class OutputTest(ModesTest):
    def setUp(self):
        super().setUp()
        self.log = self.path("audit.log", log(0, 9))
        self.store = self.import_log(self.log)

    def both(self, *options):
        """The output of a store and of a log, which is the same."""
        of_store = self.run_ours(*options, "--store", self.store)
        self.assertEqual(self.run_ours(*options, "-if", self.log), of_store)
        return of_store[1]

    def test_limits_and_turns_around(self):
        self.assertEqual(self.both("-r", "--limit", "3"), log(0, 2))
        backwards = b"".join(event(second) for second in range(9, -1, -1))
        self.assertEqual(self.both("-r", "--reverse"), backwards)
        self.assertEqual(self.both("-r", "--reverse", "--limit", "1"), event(9))
        self.assertEqual(self.both("-r", "--by-time"), log(0, 9))

    def test_prints_json(self):
        lines = self.run_ours("--format", "json", "--store", self.store)[1].splitlines()
        self.assertEqual(len(lines), 10)
        first = json.loads(lines[0])
        self.assertEqual(first["time"], "2020-09-13T12:26:40.100Z")
        self.assertEqual((first["serial"], first["host"], first["keys"]), (1000, "h", ["k"]))
        self.assertIn("received", first)
        syscall = first["records"][0]
        self.assertEqual(syscall["type"], "SYSCALL")
        self.assertEqual(syscall["raw"].encode() + b"\n", event(0).splitlines(True)[0])
        fields = syscall["fields"]
        self.assertEqual((fields["pid"], fields["exe"], fields["arch"]), (7, "/bin/cat", "c000003e"))
        self.assertEqual(json.loads(lines[0])["records"][2]["fields"]["proctitle"], "cat")

    def test_explains_how_a_store_was_searched(self):
        _, _, message = self.run_ours("-x", "/bin/cat", "-w", "-k", "k", "--store", self.store,
                                      "--explain")
        self.assertIn(b"exe is /bin/cat: looked up, in 1 blocks", message)
        self.assertIn(b"1 blocks by the index, 1 read", message)

    def test_finds_the_processes_of_a_container(self):
        outer, inner = "3f2a1c0d9e8b" + 52 * "7", "b71c"
        alone, both = contained(10, f"contid={outer}"), contained(11, f"contid={outer} nested={inner}")
        file = self.path("contained.log", log(0, 9) + alone + both + contained(12, "contid=c0ffee"))
        store = self.import_log(file, store="contained")
        for options, found in (
                ([outer], alone + both), ([outer[:12]], alone + both), ([outer, "-w"], alone + both),
                ([inner], both), ([inner, "-w", "-k", "k"], both), (["no-such-id"], b""),
                ([outer[:12], "-w"], b"")):
            for source in (["-if", file], ["--store", store]):
                with self.subTest(options=options, source=source):
                    run = self.run_ours("-r", *source, "--container", *options)
                    self.assertEqual(run, (0 if found else 1, found, b""))
        message = self.run_ours("--container", inner, "-w", "--store", store, "--explain")[2]
        self.assertIn(b"container is b71c: looked up, in 1 blocks", message)

    def test_prints_an_event_of_a_container_as_ausearch_does(self):
        file = self.path("contained.log", contained(0, "contid=3f2a nested=42"))
        for options in ([], ["-i"], ["--format", "csv"], ["--format", "text"]):
            with self.subTest(options):
                self.expect_same(*options, "-if", file)
        line = json.loads(self.run_ours("--format", "json", "-if", file)[1])
        self.assertEqual(line["records"][1]["fields"], {"contid": "3f2a", "nested": "42"})

    def test_looks_at_the_hosts_that_are_asked_for(self):
        self.import_log(self.path("more", log(3, 5, name="other")), host="other")
        self.assertEqual(self.run_ours("-r", "--store", self.store, "--host", "oth*")[1],
                         log(3, 5, name="other"))

    def test_knows_no_names_of_this_machine_unless_asked(self):
        name, number = next((user.pw_name, user.pw_uid) for user in pwd.getpwall() if user.pw_uid)
        file = self.path("users.log", log(0, 0).replace(b" uid=0 ", f" uid={number} ".encode()))
        text = self.run_ours("-i", "-if", file)[1].decode()
        self.assertIn(f" uid={number} ", text)
        self.assertIn(" gid=root ", text)
        text = self.run_ours("-i", "-if", file, "--local-names")[1].decode()
        self.assertIn(f" uid={name} ", text)
        self.assertEqual(self.run_ours("-r", "-ui", name, "-if", file)[0], 1)
        self.assertEqual(self.run_ours("-r", "-ui", name, "-if", file, "--local-names")[0], 0)


if __name__ == "__main__":
    unittest.main()
