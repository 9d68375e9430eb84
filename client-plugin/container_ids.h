// Which container the process of an event is in: one more record for the event.
//
//   type=KERNEL_OTHER msg=audit(STAMP): contid=ID [ " nested=ID" ]
//
// It stands behind the event's SYSCALL (or URINGOP) record, which stays as it is. KERNEL_OTHER is
// the type of libaudit for what others than the kernel add to an event of its own: ausearch takes
// it into the event, and reports are the same with and without it. Ids are those of
// container_cgroup.h. An event without a SYSCALL record gets none: a record of user space is an
// event by itself, and a second one with its stamp would be another.
//
// A process is looked for in /proc when it executes a program, when it is first seen, and each
// minute. A process that is gone by then is taken to be where it was when it was last seen, else
// where its parent is: a program that runs for less than the agent takes to read its event, and
// whose parent is the container's runtime, has no id.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "audit/record.h"
#include "client-plugin/process_fields.h"
#include "client-plugin/syscall_set.h"

namespace client_plugin {

struct ContainerIdsOptions {
  std::string proc = "/proc";

  // Processes that are remembered, a power of two. One that another has taken the place of is
  // looked for again.
  size_t processes_max = 8192;
};

// All only grow.
struct ContainerCounters {
  uint64_t records = 0;              // That were made.
  uint64_t lookups = 0;              // Of processes in /proc.
  uint64_t processes_gone = 0;       // Those that were not there any more:
  uint64_t processes_by_parent = 0;  // of these, who was taken to be where its parent is,
  uint64_t processes_unknown = 0;    // and of whom nothing is known.
  uint64_t processes_replaced = 0;   // That were forgotten for want of room.
};

// For one thread at a time.
class ContainerIds {
 public:
  explicit ContainerIds(const ContainerIdsOptions& options = {});

  // Appends the record that goes behind this one, without a newline. False, and nothing is
  // appended, if there is none. To be called with each record that is sent, in their order.
  bool AppendRecord(uint16_t message_type, std::string_view line, std::string* out);

  const ContainerCounters& counters() const { return counters_; }

 private:
  // A process, and the fields that tell of its container. A number that is used again for another
  // process has another parent or session, mostly.
  struct Process {
    uint32_t pid = 0;  // 0: none.
    uint32_t ppid = 0;
    uint32_t auid = 0;
    uint32_t session = 0;
    uint64_t looked_ms = 0;
    std::string fields;  // Empty: it is in no container.
  };

  const std::string& FieldsOf(const Process& asked, bool has_executed);
  bool LookUp(uint32_t pid, std::string* fields);
  bool TakeFromParent(const Process& child, std::string* fields);
  Process& PlaceOf(uint32_t pid) { return processes_[pid & (processes_.size() - 1)]; }

  const std::string proc_;
  SyscallSet exec_calls_;
  std::vector<Process> processes_;  // By the low bits of their numbers.
  Process last_parent_;             // That was looked for, for a child that was gone.
  ContainerCounters counters_;
};

}  // namespace client_plugin
