#!/usr/bin/env bash
# Unpacks the real ausearch and audisp-remote under build/tools, if apt-get can download them.
# Nothing is installed: installing auditd would start it.
set -euo pipefail
cd "$(dirname "$0")/.."

tools=build/tools
[ ! -x $tools/sbin/audisp-remote ] || exit 0
mkdir -p $tools
if (cd $tools && apt-get download -qq auditd audispd-plugins libauparse0 > download.log 2>&1); then
  for package in $tools/*.deb; do dpkg -x "$package" $tools; done
else
  echo "no real audisp-remote and ausearch: tests that need them are skipped"
  tail -3 $tools/download.log
fi
