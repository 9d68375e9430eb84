"""Retention and holds of a collector that runs: previewed, kept back, applied, and written down."""

import json
import re
import subprocess
import unittest

import auspex
from auspex import unique_record

OLD = 1_600_000_000  # 2020-09-13.


class RetentionTest(auspex.ServerTest):
    def setUp(self):
        self.server = auspex.Server()
        self.addCleanup(self.server.close)
        self.policy = self.server.directory / "retention.conf"
        self.policy.write_text("default keep forever\n")
        self.socket = f"unix:{self.server.directory / 's'}"
        self.server.keys |= {
            "api_socket": self.server.directory / "s",
            "retention_file": self.policy,
        }
        log = self.server.directory / "old.log"
        log.write_text("".join(
            f"node={node} type=USER_LOGIN msg=audit({OLD + day * 86400}.000:{serial}): pid=1\n"
            for node in ("web1", "web2", "db1") for day in range(3) for serial in range(10)))
        auspex.import_at(self, OLD + 3 * 86400, self.server.store, log)
        self.server.start()

    def command(self, *arguments, status=0):
        run = subprocess.run(
            [auspex.BIN / "auspex", *map(str, arguments)],
            capture_output=True, text=True, check=False, timeout=auspex.PATIENCE_S)
        self.assertEqual(run.returncode, status, run.stderr)
        return run.stdout if status == 0 else run.stderr

    def ask(self, *arguments, status=0):
        return self.command(*arguments, "--server", self.socket, status=status)

    def preview(self, *place, file=None):
        """By rule: the events that would go, and those that are held."""
        of_file = ("--file", file) if file else ()
        lines = self.command("retention", "preview", "--format", "json", *of_file,
                             *(place or ("--server", self.socket))).splitlines()
        return {line["rule"]: (line["events"], line["held_events"]) for line in map(json.loads, lines)}

    def use(self, text):
        self.policy.write_text(text)
        self.ask("server", "reload")

    def events(self, host):
        return len(self.server.search("--host", host))

    def own(self, record_type):
        found = self.server.search("--host", "auspexd", "-m", record_type)
        return [line.decode() for line in found]

    def test_deletes_what_it_has_previewed_and_writes_it_down(self):
        client = self.client()
        client.deliver(unique_record())
        new = self.server.directory / "new.conf"
        new.write_text("rule web host=web* keep 30d\n")
        self.assertEqual(self.command("retention", "check", new), "")
        self.assertEqual(self.preview(), {"default": (0, 0)})
        self.assertEqual(self.preview(file=new), {"web": (60, 0)})
        self.assertEqual(self.preview("--store", self.server.store, file=new), {"web": (60, 0)})
        self.assertEqual(self.events("web*"), 60)
        self.use(new.read_text())
        auspex.wait_for(lambda: self.events("web*") == 0, "the deletion")
        self.assertEqual((self.events("db1"), self.events(client.address)), (30, 1))
        auspex.wait_for(lambda: len(self.own("DAEMON_ROTATE")) == 2, "the records")
        for host, record in zip(("web1", "web2"), self.own("DAEMON_ROTATE")):
            self.assertIn(f'op=delete rule="web" host="{host}" identity=node from=2020-09-13 '
                          "to=2020-09-15 events=30 records=30 bytes=", record)
        status = json.loads(self.ask("status", "--format", "json"))
        counters = {counter["name"]: int(counter["value"]) for counter in status["counters"]}
        self.assertEqual(counters["auspexd_events_deleted_total"], 60)
        self.assertEqual(status["retention_rules"], ["rule web host=web* keep 30d"])
        self.assertEqual(self.server.store_command("check"), "all is well\n")

    def test_deletes_nothing_that_is_held(self):
        said = self.ask("hold", "add", "--host", "web1", "--to", "2020-09-14", "--reason", "case 7")
        self.assertIn("    1  hosts web1, from the first to 2020-09-13T23:59:59.999Z: case 7 (uid", said)
        self.assertIn("\nit matches 1 host\n", said)
        self.use("default keep 30d\n")
        auspex.wait_for(lambda: self.events("web2") == 0, "the deletion")
        auspex.wait_for(lambda: self.events("web1") == 10, "the deletion")
        self.assertEqual(self.preview(), {"default": (0, 10)})
        self.server.kill()
        self.server.start()
        self.assertIn("case 7", self.ask("hold", "list"))
        self.assertIn("case 7", self.command("hold", "list", "--store", self.server.store))
        self.ask("hold", "remove", "1", "--reason", "it is over")
        self.assertEqual(self.ask("hold", "list"), "")
        # Who reads of it later knows which hold it was.
        calls = [bytes.fromhex(record.split(b" cmd=")[1].split()[0].decode())
                 for record in self.server.search("--host", "auspexd", "-m", "USER_CMD")]
        self.assertTrue(any(re.match(rb"AddHold .*case 7.* id=1$", call) for call in calls), calls)
        self.assertTrue(any(re.match(rb"RemoveHold .*it is over.* host=web1 from_ms=0 .*case 7", call)
                            for call in calls), calls)
        self.ask("retention", "apply")
        auspex.wait_for(lambda: self.events("web1") == 0, "the deletion")
        self.assertIn("there is no 1", self.ask("hold", "remove", "1", status=1))

    def test_takes_out_what_rules_by_key_and_type_do_not_keep(self):
        self.server.stop()
        log = self.server.directory / "keys.log"
        log.write_text("".join(
            f'node=web1 type=SYSCALL msg=audit({OLD}.500:{serial}): syscall=2 key="{key}"\n'
            for serial, key in enumerate(["pci"] * 10 + ["noise"] * 7)))
        auspex.import_at(self, OLD + 3 * 86400, self.server.store, log)
        self.server.start()
        new = self.server.directory / "new.conf"
        new.write_text("rule pci key=pci keep forever\n"
                       "rule login host=web1 type=USER_LOGIN keep 30d\n"
                       "rule noise key=noise keep 7d\n")
        expected = {"pci": (0, 0), "login": (30, 0), "noise": (7, 0)}
        self.assertEqual(self.preview(file=new), expected)
        self.assertEqual(self.preview("--store", self.server.store, file=new), expected)
        self.use(new.read_text())
        auspex.wait_for(lambda: self.events("web1") == 10, "the deletion")
        auspex.wait_for(lambda: len(self.own("DAEMON_ROTATE")) == 2, "the records")
        self.assertIn('rule="login" host="web1" identity=node from=2020-09-13 to=2020-09-15 '
                      "events=30 records=30 bytes=", "".join(self.own("DAEMON_ROTATE")))
        self.assertEqual(len(self.server.search("--host", "web1", "-k", "pci")), 10)
        self.assertEqual(self.server.search("--host", "web1", "-k", "noise"), [])
        self.assertEqual((self.events("web2"), self.events("db1")), (30, 30))
        self.assertEqual(self.preview(), dict.fromkeys(expected, (0, 0)))
        self.assertEqual(self.server.store_command("check"), "all is well\n")

    def test_keeps_the_old_policy_if_the_new_one_is_wrong(self):
        self.policy.write_text("rule web keep 7\ndefault keep\n")
        said = self.ask("server", "reload", status=1)
        for place in ("retention.conf:1: ", "retention.conf:2: "):
            self.assertIn(place, said)
        self.assertIn(":1: ", self.command("retention", "check", self.policy, status=1))
        self.assertEqual(self.preview(), {"default": (0, 0)})
        self.server.stop()
        self.server.start(wait=False)
        self.assertNotEqual(self.server.process.wait(timeout=auspex.PATIENCE_S), 0)
        self.policy.unlink()
        self.server.start(wait=False)
        self.assertNotEqual(self.server.process.wait(timeout=auspex.PATIENCE_S), 0)
        self.server.should_run = False


if __name__ == "__main__":
    unittest.main()
