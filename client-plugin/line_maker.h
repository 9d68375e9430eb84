// What becomes of a message: the lines that are stored and sent.

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"

#include "audit/record.h"
#include "client-plugin/container_ids.h"
#include "client-plugin/enricher.h"
#include "client-plugin/filters.h"
#include "client-plugin/name_cache.h"

namespace client_plugin {

struct LineMakerOptions {
  bool is_enriched = true;
  bool has_container_ids = true;
  std::vector<std::string> filters = {};  // See filter.h.
};

// All only grow, since it was made.
struct LineMakerCounters {
  uint64_t end_marks = 0;  // EOE records, which tell nothing, left out.
  uint64_t malformed = 0;  // Lines that are no audit records. They are kept.
  std::vector<FilterCounters> filters;
  uint64_t filter_events_forgotten = 0;
  NameCacheCounters names;
  ContainerCounters containers;
};

// For one thread.
class LineMaker {
 public:
  // kInvalidArgument names the filter that is wrong, by its number.
  static absl::StatusOr<std::unique_ptr<LineMaker>> Make(const LineMakerOptions& options);

  LineMaker(const LineMaker&) = delete;

  // Calls `sink` with each line that comes of a message of Source: none, if a filter drops it, or
  // it is a mark; itself, as auditd would write it; and one with its container. The lines are valid
  // during the call. `saw` is called before, with the record if it is one, and its type, if that is
  // known: also with one that is dropped.
  void Take(uint16_t message_type, std::string_view payload,
            absl::FunctionRef<void(const audit::Record& record, uint16_t type)> saw,
            absl::FunctionRef<void(std::string_view line)> sink);

  LineMakerCounters counters() const;

 private:
  LineMaker(const LineMakerOptions& options, Filters filters);

  const LineMakerOptions options_;
  Filters filters_;
  NameCache names_;
  Enricher enricher_{names_};
  ContainerIds containers_;
  uint64_t end_marks_ = 0;
  uint64_t malformed_ = 0;
  std::string line_;  // Kept for its memory, as the next one.
  std::string container_line_;
};

}  // namespace client_plugin
