// What was tried, and how it ended: -sc, --arch and -sv of ausearch(8).

#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/functional/function_ref.h"

#include "audit/event.h"
#include "query/record_kind.h"

namespace query {

// A condition: the event succeeded, or failed, as far as it tells.
struct SuccessIs {
  bool success = true;
};

bool Matches(const SuccessIs& is, const audit::Event& event);

// What one record says of the success of its event; nullopt if it says nothing. Of several records
// that do, the last counts. `find` gives the value, as written, of the first field of a name that
// auditd has not looked up. `body` is read for the kinds kAvc and kUserAvc only.
std::optional<bool> SuccessOf(
    Kind kind, std::string_view body,
    absl::FunctionRef<std::optional<std::string_view>(std::string_view name)> find);

// A condition: a record tells of a system call with this number, of this kind of machine, as in
// audit/machine.h. Either may be left out.
struct SyscallIs {
  std::optional<int> machine = {};
  std::optional<uint32_t> number = {};
};

bool Matches(const SyscallIs& is, const audit::Event& event);

// Whether an event with this value of kSyscall may match.
bool MayMatch(const SyscallIs& is, std::string_view term);

}  // namespace query
