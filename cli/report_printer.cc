#include "cli/report_printer.h"

#include <utility>

namespace cli {

namespace {

// What is written at once.
constexpr size_t kOutputBytes = 1 << 16;

template <typename Row>
void Cut(std::optional<uint64_t> limit, std::vector<Row>* rows) {
  if (limit && rows->size() > *limit) {
    rows->erase(rows->begin() + static_cast<ptrdiff_t>(*limit), rows->end());
  }
}

}  // namespace

ReportPrinter::ReportPrinter(const query::ReportOptions& options, const absl::TimeZone& zone)
    : options_(options),
      text_(options.kind, options.escape, zone),
      export_(options.kind, options.format) {}

void ReportPrinter::PrintTitle(std::string_view host) {
  rows_of_report_ = 0;
  if (is_text()) {
    text_.RestartRows();
    text_.AppendTitle(host, &gathered_);
  } else if (!has_header_) {
    export_.AppendRowHeader(&gathered_);
    has_header_ = true;
  }
}

void ReportPrinter::PrintSummaryTitle() {
  const bool is_overview = options_.kind == query::ReportKind::kOverall && options_.by_host;
  if (!is_text()) {
    export_.AppendSummaryHeader(options_.by_host, &gathered_);
  } else if (!is_overview) {
    text_.AppendSummaryTitle(options_.filter, options_.by_host, &gathered_);
  }
}

bool ReportPrinter::PrintRow(const query::ReportRow& row) {
  // Of the next host there are rows again.
  if (IsAtLimit()) return options_.by_host;
  ++rows_;
  ++rows_of_report_;
  if (is_text()) {
    text_.AppendRow(row, &gathered_);
  } else {
    export_.AppendRow(row, &gathered_);
  }
  if (gathered_.size() >= kOutputBytes && !HandOver()) return false;
  return options_.by_host || !IsAtLimit();
}

void ReportPrinter::PrintTimes(std::string_view log, std::optional<uint64_t> first_ms,
                               uint64_t last_ms) {
  if (IsAtLimit()) return;
  ++rows_of_report_;
  if (is_text()) {
    text_.AppendTimes(log, first_ms, last_ms, &gathered_);
  } else {
    export_.AppendTimes(log, first_ms, last_ms, &gathered_);
  }
}

void ReportPrinter::PrintSummary(std::vector<query::SummaryRow> rows) {
  Cut(options_.limit, &rows);
  if (is_text()) {
    text_.AppendSummary(rows, &gathered_);
  } else {
    export_.AppendSummary(rows, &gathered_);
  }
}

void ReportPrinter::PrintSummaryByHost(std::vector<query::HostSummaryRow> rows) {
  Cut(options_.limit, &rows);
  if (is_text()) {
    text_.AppendSummaryByHost(rows, &gathered_);
  } else {
    export_.AppendSummaryByHost(rows, &gathered_);
  }
}

void ReportPrinter::PrintOverall(const query::OverallCounts& counts,
                                 const query::ReportTimes& times) {
  if (is_text()) {
    text_.AppendOverall(counts, options_.filter, times, &gathered_);
  } else {
    export_.AppendOverall(counts, times, &gathered_);
  }
}

void ReportPrinter::PrintOverview(std::vector<query::HostOverview> hosts) {
  if (is_text()) {
    text_.AppendOverview(hosts, options_.filter, options_.limit, &gathered_);
  } else {
    Cut(options_.limit, &hosts);
    export_.AppendOverview(hosts, &gathered_);
  }
}

void ReportPrinter::PrintNoEvents() {
  if (is_text()) gathered_.append(query::kNoEventsText);
}

bool ReportPrinter::HandOver() {
  if (gathered_.empty()) return true;
  std::string next;
  next.reserve(gathered_.capacity());
  return writer_.Write(std::exchange(gathered_, std::move(next)));
}

absl::Status ReportPrinter::Flush() {
  if (HandOver()) writer_.Flush();
  return writer_.status();
}

}  // namespace cli
