#!/usr/bin/env python3
"""Checks what compilers do not: layers, where libraries enter, leftovers, lengths.

Prints "file:line: what" for each finding, and exits with 1 if there is one.
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

# A folder may include itself and the folders that are named for it. See ARCHITECTURE.md.
LAYERS = {
    "base": set(),
    "pki": {"base"},
    "proto": set(),
    "audit": {"base"},
    "query": {"base", "audit"},
    "storage": {"base", "audit", "query"},
    "api": {"base", "proto", "audit", "query", "storage"},
    "server": {"base", "pki", "proto", "audit", "query", "storage", "api"},
    "cli": {"base", "pki", "proto", "audit", "query", "storage", "api"},
    "client-plugin": {"base", "proto", "audit", "storage"},
}

# Each third-party library enters in these folders only. The first pattern that matches counts;
# Abseil, the standard library and the system are everywhere.
LIBRARIES = [
    (r"<rocksdb/", {"storage"}),
    (r"<xxhash\.h>", {"storage"}),
    (r"<zstd\.h>", {"storage", "cli"}),
    (r"<zlib\.h>", {"cli", "client-plugin"}),
    (r"<libaudit\.h>", {"audit", "client-plugin"}),
    (r"<auparse\.h>", {"query"}),
    (r"<boost/", {"server", "cli", "client-plugin"}),
    (r"<tcpd\.h>", {"server"}),
    (r"<grpc", {"server", "cli", "client-plugin"}),
    (r"<openssl/", {"pki", "server"}),
    (r"<google/protobuf/", {"api", "cli", "client-plugin", "server"}),
    (r"<spdlog/", {"base"}),
    (r"<CLI/", {"server", "cli", "client-plugin"}),
    (r"<nlohmann/", {"query", "cli", "client-plugin"}),
    (r"<systemd/", {"server", "client-plugin"}),
]

# Libraries that never speak: programs do, through base/log.h.
SILENT = {"pki", "audit", "query", "storage", "api"}
SPEAKING = re.compile(r"\bstd::(cout|cerr|clog)\b|\bspdlog::|\b(f?printf|perror|abort|exit)\(")

LEFTOVERS = re.compile(r"\b(FIXME|XXX|TODO)\b|<<<<<<<|>>>>>>>")
LINE_LENGTH_MAX = 100
FILE_LENGTH_MAX = 500

# Longer for a reason that a reader accepts.
LONG_FILES = {
    "tests/audit/assembler_test.cc": "one fixture, many cases",
    "tests/server/session_test.cc": "one fixture, many cases",
}


def tracked_files():
    """What git knows and what it would add; every file, where there is no git."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode == 0 and listed.stdout:
        names = listed.stdout.splitlines()
    else:
        names = [str(path.relative_to(ROOT)) for path in ROOT.rglob("*")
                 if path.is_file() and path.relative_to(ROOT).parts[0] not in ("build", ".git")]
    return [ROOT / name for name in sorted(set(names)) if (ROOT / name).is_file()]


def check_include(folder, include):
    """What is wrong with one #include of a folder, or None."""
    ours = re.match(r'"([a-z_-]+)/', include)
    if ours:
        target = ours.group(1)
        if target in LAYERS and target != folder and target not in LAYERS[folder]:
            return f"{folder}/ may not include {target}/"
        if target == "tests":
            return "only tests include tests/"
        return None
    if include.startswith('"') and not include.startswith('"absl/'):
        return f"include {include} from the root of the repository"
    for pattern, folders in LIBRARIES:
        if re.match(pattern, include):
            if folder in folders:
                return None
            return f"{include} enters in {', '.join(sorted(folders))} only"
    return None


def check_source(path, lines):
    """Findings of one C++ file, as (line, what)."""
    folder = path.relative_to(ROOT).parts[0]
    name = str(path.relative_to(ROOT))
    if path.suffix == ".h" and "#pragma once" not in lines:
        yield 1, "header without #pragma once"
    if len(lines) > FILE_LENGTH_MAX and name not in LONG_FILES:
        yield len(lines), f"more than {FILE_LENGTH_MAX} lines"
    for number, line in enumerate(lines, 1):
        if len(line) > LINE_LENGTH_MAX:
            yield number, f"more than {LINE_LENGTH_MAX} columns"
        if line != line.rstrip():
            yield number, "blank at the end of the line"
        if folder not in LAYERS:
            continue
        include = re.match(r"#include\s+(\S+)", line)
        if include:
            wrong = check_include(folder, include.group(1))
            if wrong:
                yield number, wrong
        if folder in SILENT and SPEAKING.search(line.split("//")[0]):
            yield number, f"{folder}/ never prints, logs or ends the process"


def check_listed(path):
    """A source that no CMakeLists.txt names is dead."""
    if path.suffix != ".cc":
        return
    build_file = path.parent / "CMakeLists.txt"
    if not build_file.exists() or not re.search(
            rf"\b{re.escape(path.name)}\b", build_file.read_text(encoding="utf-8")):
        yield 1, f"not in {build_file.relative_to(ROOT)}"


def main():
    findings = 0
    for path in tracked_files():
        if path.suffix not in (".h", ".cc", ".py", ".sh", ".md", ".txt"):
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        lines = text.splitlines()
        found = []
        if path.suffix in (".h", ".cc"):
            found += check_source(path, lines)
            found += check_listed(path)
        if path != pathlib.Path(__file__).resolve():
            found += [(number, "leftover") for number, line in enumerate(lines, 1)
                      if LEFTOVERS.search(line)]
        if text and not text.endswith("\n"):
            found.append((len(lines), "no newline at the end of the file"))
        for number, what in found:
            print(f"{path.relative_to(ROOT)}:{number}: {what}")
            findings += 1
    if findings:
        print(f"{findings} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
