#include "client-plugin/own_records.h"

#include <sys/utsname.h>
#include <unistd.h>

#include "absl/strings/str_format.h"

#include "base/clock.h"
#include "base/small_file.h"

namespace client_plugin {

namespace {

// More than an id or a security context takes.
constexpr size_t kProcBytesMax = 4096;

// What the kernel says of us; `missing` where it does not.
std::string ReadProc(const std::string& path, const char* missing) {
  const absl::StatusOr<std::string> text = base::ReadSmallFile(path, kProcBytesMax);
  if (!text.ok()) return missing;
  const std::string line = text->substr(0, text->find_first_of(std::string("\n\0", 2)));
  return line.empty() ? missing : line;
}

}  // namespace

std::string OwnRecords::Started(std::string_view format) {
  utsname kernel{};
  uname(&kernel);
  return Make("DAEMON_START",
              absl::StrFormat("op=start ver=%s format=%s kernel=%s auid=%s pid=%d uid=%d ses=%s "
                              "subj=%s res=success",
                              AUSPEX_VERSION, format, kernel.release,
                              ReadProc("/proc/self/loginuid", "4294967295"), getpid(), getuid(),
                              ReadProc("/proc/self/sessionid", "4294967295"),
                              ReadProc("/proc/self/attr/current", "?")));
}

// Who sent the signal is not known: auditd writes the same in that case.
std::string OwnRecords::Ended() {
  return Make("DAEMON_END", "op=terminate auid=-1 uid=-1 ses=-1 pid=-1 subj=? res=success");
}

std::string OwnRecords::Reconfigured(bool changed) {
  return Make("DAEMON_CONFIG",
              changed ? "op=reconfigure state=changed auid=-1 pid=-1 subj=? res=success"
                      : "op=reconfigure state=no-change auid=-1 pid=-1 subj=? res=failed");
}

std::string OwnRecords::Lost(const Losses& losses) {
  return Make("DAEMON_ERR",
              absl::StrFormat("op=lost kernel=%d overruns=%d missing_events=%d queue=%d spool=%d "
                              "aged=%d error=%d res=failed",
                              losses.kernel_records, losses.overruns, losses.missing_events,
                              losses.queue_records, losses.spool_records, losses.aged_records,
                              losses.error_records));
}

std::string OwnRecords::RulesDrifted(std::string_view fields) {
  return Make("DAEMON_ERR", absl::StrFormat("op=rules-drift %s res=failed", std::string(fields)));
}

std::string OwnRecords::RulesAgree() {
  return Make("DAEMON_CONFIG", "op=rules-drift state=none res=success");
}

std::string OwnRecords::Make(std::string_view type, std::string_view body) {
  const uint64_t now = base::NowMs();
  const std::lock_guard lock(mutex_);
  return absl::StrFormat("type=%s msg=audit(%d.%03d:%d): %s", type, now / 1000, now % 1000,
                         ++serial_, body);
}

}  // namespace client_plugin
