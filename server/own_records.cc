#include "server/own_records.h"

#include <fstream>
#include <memory>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "absl/strings/escaping.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"

#include "audit/field.h"
#include "base/clock.h"

namespace server {

namespace {

// The first line of a file of /proc; `missing` where the kernel does not have it.
std::string ReadProc(const char* path, const char* missing) {
  std::ifstream stream(path);
  std::string line;
  if (!std::getline(stream, line) || line.empty()) return missing;
  while (!line.empty() && line.back() == '\0') line.pop_back();
  return line;
}

// What name_format says that we are called. Waits for the DNS with FQD and NUMERIC, as auditd does:
// at start and at reload only.
std::string NodeName(const DaemonIdentity& identity) {
  char name[256] = {};
  if (identity.name_format == NameFormat::kNone) return "";
  if (identity.name_format == NameFormat::kUser) return identity.name;
  if (gethostname(name, sizeof(name) - 1) != 0) return "";
  if (identity.name_format == NameFormat::kHostname) return name;

  addrinfo hints{};
  hints.ai_flags = AI_ADDRCONFIG | AI_CANONNAME;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(name, nullptr, &hints, &found) != 0) return name;
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, &freeaddrinfo);
  if (identity.name_format == NameFormat::kFqd) {
    return found->ai_canonname != nullptr ? found->ai_canonname : name;
  }
  char numeric[NI_MAXHOST] = {};
  if (getnameinfo(found->ai_addr, found->ai_addrlen, numeric, sizeof(numeric), nullptr, 0,
                  NI_NUMERICHOST) != 0) {
    return name;
  }
  return numeric;
}

// Bytes in the way of the kernel: as hexadecimal digits, which is safe whatever they are.
std::string Encoded(std::string_view bytes) {
  return absl::BytesToHexString({bytes.data(), bytes.size()});
}

// A request says what somebody wants to know; a list of ten thousand hosts would drown the rest.
constexpr size_t kCommandBytesMax = 2000;

constexpr char kExe[] = "/usr/sbin/auspexd";

}  // namespace

OwnRecords::OwnRecords(Committer& committer, const DaemonIdentity& identity)
    : committer_(committer) {
  SetIdentity(identity);
}

void OwnRecords::SetIdentity(const DaemonIdentity& identity) {
  const std::string name = NodeName(identity);
  node_prefix_ = name.empty() ? "" : "node=" + name + " ";
}

void OwnRecords::Start() {
  utsname kernel{};
  uname(&kernel);
  Write(
      "DAEMON_START",
      absl::StrFormat("op=start ver=%s format=raw kernel=%s auid=%s pid=%d uid=%d ses=%s "
                      "subj=%s res=success",
                      AUSPEX_VERSION, kernel.release, ReadProc("/proc/self/loginuid", "4294967295"),
                      getpid(), getuid(), ReadProc("/proc/self/sessionid", "4294967295"),
                      ReadProc("/proc/self/attr/current", "?")));
}

// Who sent the signal is not known: auditd writes the same in that case.
void OwnRecords::End() {
  Write("DAEMON_END", "op=terminate auid=-1 uid=-1 ses=-1 pid=-1 subj=? res=success");
}

void OwnRecords::Reconfigured(bool changed) {
  Write("DAEMON_CONFIG", changed
                             ? "op=reconfigure state=changed auid=-1 pid=-1 subj=? res=success"
                             : "op=reconfigure state=no-change auid=-1 pid=-1 subj=? res=failed");
}

// Who asked for it is in the record of the call.
void OwnRecords::Resumed() {
  Write("DAEMON_RESUME", "op=resume-logging auid=-1 pid=-1 subj=? res=success");
}

// As programs in user space write what somebody has run, so that ausearch finds the account, the
// address and the result. What was asked can hold anything, so it is encoded.
void OwnRecords::Called(const ApiCall& call) {
  std::string who = call.uid.empty() ? "" : "id=" + call.uid + " ";
  if (!call.caller.empty()) {
    who += "acct=" + Encoded(call.caller) + " ";
  }
  const std::string command = (call.method + " " + call.request).substr(0, kCommandBytesMax);
  std::string failure;
  if (!call.failure.empty()) failure = "reason=" + Encoded(call.failure) + " ";
  Write("USER_CMD",
        absl::StrFormat(
            "pid=%d uid=%d auid=%s ses=%s subj=%s msg='op=%s %scmd=%s results=%d "
            "%sexe=\"%s\" hostname=? addr=%s terminal=%s res=%s'",
            getpid(), getuid(), ReadProc("/proc/self/loginuid", "4294967295"),
            ReadProc("/proc/self/sessionid", "4294967295"),
            ReadProc("/proc/self/attr/current", "?"), call.method, who, Encoded(command),
            call.results, failure, kExe, call.address.empty() ? "?" : call.address,
            call.uid.empty() ? "?" : "socket", call.failure.empty() ? "success" : "failed"));
}

void OwnRecords::Accept(std::string_view address, uint16_t port) {
  Write("DAEMON_ACCEPT", absl::StrFormat("addr=%s port=%d res=success", address, port));
}

void OwnRecords::Refuse(std::string_view refused_for, std::string_view address, uint16_t port) {
  Write("DAEMON_ACCEPT",
        absl::StrFormat("op=%s addr=%s port=%d res=no", refused_for, address, port));
}

void OwnRecords::Close(std::string_view address, uint16_t port) {
  Write("DAEMON_CLOSE", absl::StrFormat("addr=%s port=%d res=success", address, port));
}

// The type is that of what auditd does to get rid of old records.
void OwnRecords::Deleted(const storage::Deletion& deletion) {
  const auto date = [](storage::Day day) {
    return absl::FormatTime("%Y-%m-%d", absl::FromUnixSeconds(int64_t{day} * 86'400),
                            absl::UTCTimeZone());
  };
  Write(
      "DAEMON_ROTATE",
      absl::StrFormat("op=delete rule=%s host=%s identity=%s from=%s to=%s events=%d records=%d "
                      "bytes=%d res=success",
                      audit::EncodeValue(deletion.rule), audit::EncodeValue(deletion.host.name),
                      storage::KindName(deletion.host.kind), date(deletion.first_day),
                      date(deletion.last_day), deletion.events, deletion.records, deletion.bytes));
}

void OwnRecords::BatchesLost(std::string_view agent, std::string_view boot_id, uint64_t count) {
  Write("DAEMON_ERR", absl::StrFormat("op=batches-lost agent=%s boot=%s count=%d res=failed", agent,
                                      Encoded(boot_id), count));
}

void OwnRecords::QuotaPassed(std::string_view host, uint64_t bytes_per_day) {
  Write("DAEMON_ERR", absl::StrFormat("op=quota-bytes-day host=%s limit=%d res=failed",
                                      audit::EncodeValue(host), bytes_per_day));
}

void OwnRecords::StoreDamaged(std::string_view what) {
  Write("DAEMON_ERR", absl::StrFormat("op=recover-store reason=%s res=failed", Encoded(what)));
}

// auditd tells nobody but the system's log of its space. The types are those whose meaning is near.
void OwnRecords::SpaceChanged(const SpaceChange& change) {
  Write(change.is_worse ? "DAEMON_ERR" : "DAEMON_RESUME",
        absl::StrFormat("op=disk-space stage=%s was=%s free=%d res=%s", change.to, change.from,
                        change.free_bytes, change.is_worse ? "failed" : "success"));
}

void OwnRecords::SpaceActionEnded(std::string_view cause, std::string_view action,
                                  std::string_view failure) {
  const std::string reason = failure.empty() ? "" : "reason=" + Encoded(failure) + " ";
  Write("DAEMON_ERR", absl::StrFormat("op=space-action cause=%s action=%s %sres=%s", cause, action,
                                      reason, failure.empty() ? "success" : "failed"));
}

void OwnRecords::DaysDropped(std::string_view cause, uint64_t bytes, std::string_view failure) {
  const std::string reason = failure.empty() ? "" : "reason=" + Encoded(failure) + " ";
  Write("DAEMON_ROTATE",
        absl::StrFormat("op=rotate-logs cause=%s dropped=%d %sres=%s", cause, bytes, reason,
                        bytes > 0 && failure.empty() ? "success" : "failed"));
}

void OwnRecords::WriteTested() { Write("DAEMON_RESUME", "op=test-write res=success"); }

void OwnRecords::StoreFailed(std::string_view what) {
  Write("DAEMON_ERR", absl::StrFormat("op=disk-error reason=%s res=failed", Encoded(what)));
}

void OwnRecords::Write(std::string_view type, std::string_view body) {
  const uint64_t now = base::NowMs();
  storage::Batch batch({.kind = storage::IdentityKind::kCollector, .name = kOwnHost}, "");
  batch.Add(absl::StrFormat("%stype=%s msg=audit(%d.%03d:%d): %s", node_prefix_, type, now / 1000,
                            now % 1000, ++serial_, body));
  committer_.AppendOwn(std::move(batch));
}

}  // namespace server
