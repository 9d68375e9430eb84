// What may be asked of a store, and what it answers.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "audit/event.h"
#include "query/predicate.h"
#include "storage/batch.h"

namespace storage {

struct SearchRequest {
  query::Predicate predicate = {};

  // Shell patterns (fnmatch(3)); a host matches if its name matches one. Empty: all hosts.
  std::vector<std::string> host_patterns = {};
};

// Valid during the call that it is given to.
struct FoundEvent {
  const Identity& host;
  const audit::Event& event;
};

// Valid during the call that it is given to.
struct MalformedRecord {
  const Identity& host;
  std::string_view address;  // Empty for the collector's own.
  uint64_t received_ms;
  std::string_view line;
};

}  // namespace storage
