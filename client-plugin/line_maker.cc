#include "client-plugin/line_maker.h"

#include <libaudit.h>
#include <utility>

#include "audit/record_type.h"
#include "client-plugin/kernel_record.h"
#include "client-plugin/source.h"

namespace client_plugin {

namespace {

// What auditd puts in front of the names that it has looked up.
constexpr char kTailMark = '\x1d';

}  // namespace

absl::StatusOr<std::unique_ptr<LineMaker>> LineMaker::Make(const LineMakerOptions& options) {
  absl::StatusOr<Filters> filters = Filters::Parse(options.filters);
  if (!filters.ok()) return filters.status();
  return std::unique_ptr<LineMaker>(new LineMaker(options, *std::move(filters)));
}

LineMaker::LineMaker(const LineMakerOptions& options, Filters filters)
    : options_(options), filters_(std::move(filters)) {}

void LineMaker::Take(uint16_t message_type, std::string_view payload,
                     absl::FunctionRef<void(const audit::Record&, uint16_t)> saw,
                     absl::FunctionRef<void(std::string_view)> sink) {
  line_.clear();
  const bool is_line = message_type == kWholeLine || message_type == kOwnLine;
  if (is_line) {
    line_.append(payload);
  } else {
    AppendLine(message_type, payload, &line_);
  }
  const absl::StatusOr<audit::Record> record = audit::ParseRecord(line_);
  if (!record.ok()) {
    ++malformed_;
    return sink(line_);
  }
  const bool is_own = message_type == kOwnLine;
  const uint16_t type =
      is_line ? static_cast<uint16_t>(audit::RecordTypeNumber(record->type).value_or(0))
              : message_type;
  if (!is_own) saw(*record, type);
  if (type == AUDIT_EOE) {
    ++end_marks_;
    return;
  }
  if (!is_own && filters_.Drops(type, line_)) return;
  container_line_.clear();
  const bool has_container =
      options_.has_container_ids && containers_.AppendRecord(type, line_, &container_line_);
  // auditd has done it already, or does it with a node's name in front, which is not for us.
  const bool is_enriched_already =
      message_type == kWholeLine &&
      (!record->node.empty() || line_.find(kTailMark) != std::string::npos);
  if (options_.is_enriched && !is_enriched_already) enricher_.Append(type, &line_);
  sink(line_);
  if (has_container) sink(container_line_);
}

LineMakerCounters LineMaker::counters() const {
  return {.end_marks = end_marks_,
          .malformed = malformed_,
          .filters = filters_.counters(),
          .filter_events_forgotten = filters_.events_forgotten(),
          .names = names_.counters(),
          .containers = containers_.counters()};
}

}  // namespace client_plugin
