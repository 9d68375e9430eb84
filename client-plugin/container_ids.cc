#include "client-plugin/container_ids.h"

#include <algorithm>
#include <array>
#include <bit>
#include <fcntl.h>
#include <libaudit.h>
#include <unistd.h>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/file_descriptor.h"
#include "client-plugin/container_cgroup.h"

namespace client_plugin {

namespace {

constexpr std::string_view kType = "KERNEL_OTHER";

// A process can be moved to another control group, and a number be used again. One read a minute
// of each process that does something costs nothing.
constexpr uint64_t kLookMs = 60'000;

// What starts many programs that run for a moment is asked about once in so long: that is where
// most of the time would go. For less than it takes to use a number again.
constexpr uint64_t kLookAtParentMs = 1'000;

// Twelve hierarchies of version 1, with paths of nested containers in each, are some 3 kB.
constexpr size_t kCgroupBytesMax = 8192;

// The parent of who has lost its own.
constexpr uint32_t kInitPid = 1;

// A call that has taken long can have begun before what is known already.
uint64_t Between(uint64_t a_ms, uint64_t b_ms) {
  return std::max(a_ms, b_ms) - std::min(a_ms, b_ms);
}

}  // namespace

ContainerIds::ContainerIds(const ContainerIdsOptions& options)
    : proc_(options.proc), processes_(std::bit_ceil(options.processes_max)) {
  exec_calls_.AddName("execve");
  exec_calls_.AddName("execveat");
}

bool ContainerIds::AppendRecord(uint16_t message_type, std::string_view line, std::string* out) {
  if (message_type != AUDIT_SYSCALL && message_type != AUDIT_URINGOP) return false;
  const absl::StatusOr<audit::Record> record = audit::ParseRecord(line);
  if (!record.ok()) return false;
  const ProcessFields fields = ReadProcessFields(*record);
  if (fields.pid.value_or(0) == 0) return false;

  const bool has_executed = fields.success == "yes" && fields.arch.has_value() &&
                            fields.syscall.has_value() &&
                            exec_calls_.Contains(*fields.arch, *fields.syscall);
  const std::string& container = FieldsOf({.pid = *fields.pid,
                                           .ppid = fields.ppid.value_or(0),
                                           .auid = fields.auid.value_or(0),
                                           .session = fields.session.value_or(0),
                                           .looked_ms = record->stamp.time_ms,
                                           .fields = {}},
                                          has_executed);
  if (container.empty()) return false;
  ++counters_.records;
  // What stands around the type is the same in all records of the event: node and stamp.
  const size_t type_begin = static_cast<size_t>(record->type.data() - line.data());
  const size_t type_end = type_begin + record->type.size();
  const size_t stamp_end = line.find("):", type_end) + 2;
  out->append(line.substr(0, type_begin));
  out->append(kType);
  out->append(line.substr(type_end, stamp_end - type_end));
  out->append(container);
  return true;
}

const std::string& ContainerIds::FieldsOf(const Process& asked, bool has_executed) {
  Process& process = PlaceOf(asked.pid);
  const bool is_known = process.pid == asked.pid && process.ppid == asked.ppid &&
                        process.auid == asked.auid && process.session == asked.session;
  const bool is_fresh = is_known && Between(asked.looked_ms, process.looked_ms) < kLookMs;
  if (is_fresh && !has_executed) return process.fields;

  if (process.pid != 0 && process.pid != asked.pid) ++counters_.processes_replaced;
  std::string fields;
  if (!LookUp(asked.pid, &fields)) {
    ++counters_.processes_gone;
    if (is_known) {
      fields = process.fields;
    } else if (TakeFromParent(asked, &fields)) {
      ++counters_.processes_by_parent;
    } else {
      ++counters_.processes_unknown;
    }
  }
  process = asked;
  process.fields = std::move(fields);
  return process.fields;
}

// Reads what /proc says of the process; false if it is not there.
bool ContainerIds::LookUp(uint32_t pid, std::string* fields) {
  ++counters_.lookups;
  const std::string path = absl::StrCat(proc_, "/", pid, "/cgroup");
  const base::FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open()) return false;
  std::array<char, kCgroupBytesMax> text;
  const ssize_t bytes = read(file.get(), text.data(), text.size());
  // A process that has just ended has no text, or fails with ESRCH.
  if (bytes <= 0) return false;
  const Container container = ContainerOfCgroup({text.data(), static_cast<size_t>(bytes)});
  if (container.id.empty()) return true;
  *fields = " contid=" + container.id;
  if (!container.nested.empty()) *fields += " nested=" + container.nested;
  return true;
}

bool ContainerIds::TakeFromParent(const Process& child, std::string* fields) {
  const uint32_t ppid = child.ppid;
  if (ppid <= kInitPid) return false;
  if (last_parent_.pid == ppid &&
      Between(child.looked_ms, last_parent_.looked_ms) < kLookAtParentMs) {
    *fields = last_parent_.fields;
    return true;
  }
  if (LookUp(ppid, fields)) {
    last_parent_ = {.pid = ppid, .looked_ms = child.looked_ms, .fields = *fields};
    return true;
  }
  const Process& parent = PlaceOf(ppid);
  if (parent.pid != ppid) return false;
  *fields = parent.fields;
  return true;
}

}  // namespace client_plugin
