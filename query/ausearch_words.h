// What the words behind the options of ausearch(8) mean. See ausearch_options.h.
//
// Each function reads the words behind one option, which is called `name`, into the options. A
// failure is kInvalidArgument, with the message of ausearch.

#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"

#include "query/ausearch_options.h"

namespace query {

// What an option is read with.
struct OptionWords {
  std::string_view name;  // As it was given: "-k", "--key".
  std::span<const std::string_view> words;
  const AusearchContext& context;  // With the zone that counts.
  bool local_names = false;
};

absl::Status Refuse(std::string message);

// The end of each message about a record type.
std::string ValidTypes();

absl::Status ApplySerial(const OptionWords& words, AusearchOptions* options);
absl::Status ApplyTypes(const OptionWords& words, AusearchOptions* options);
absl::Status ApplyStart(const OptionWords& words, AusearchOptions* options);
absl::Status ApplyEnd(const OptionWords& words, AusearchOptions* options);
absl::Status ApplyFile(const OptionWords& words, AusearchOptions* options);
absl::Status ApplyPid(const OptionWords& words, AusearchOptions* options);
absl::Status ApplyPpid(const OptionWords& words, AusearchOptions* options);
absl::Status ApplyUid(const OptionWords& words, AusearchOptions* options);
absl::Status ApplyEuid(const OptionWords& words, AusearchOptions* options);
absl::Status ApplyAuid(const OptionWords& words, AusearchOptions* options);
absl::Status ApplyAnyUser(const OptionWords& words, AusearchOptions* options);
absl::Status ApplyGid(const OptionWords& words, AusearchOptions* options);
absl::Status ApplyEgid(const OptionWords& words, AusearchOptions* options);
absl::Status ApplyAnyGroup(const OptionWords& words, AusearchOptions* options);
absl::Status ApplySession(const OptionWords& words, AusearchOptions* options);
absl::Status ApplyExit(const OptionWords& words, AusearchOptions* options);
absl::Status ApplySuccess(const OptionWords& words, AusearchOptions* options);
absl::Status ApplyArch(const OptionWords& words, AusearchOptions* options);
absl::Status ApplySyscall(const OptionWords& words, AusearchOptions* options);
absl::Status ApplyContext(const OptionWords& words, AusearchOptions* options);
absl::Status ApplyTimeout(const OptionWords& words, AusearchOptions* options);
absl::Status ApplyLimit(const OptionWords& words, AusearchOptions* options);
absl::Status ApplyInput(const OptionWords& words, AusearchOptions* options);
absl::Status ApplyRaw(const OptionWords& words, AusearchOptions* options);
absl::Status ApplyInterpret(const OptionWords& words, AusearchOptions* options);
absl::Status ApplyFormat(const OptionWords& words, AusearchOptions* options);
absl::Status ApplyEscape(const OptionWords& words, AusearchOptions* options);

}  // namespace query
