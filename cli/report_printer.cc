#include "cli/report_printer.h"

#include <utility>

namespace cli {

namespace {

using query::ReportKind;

// What is written at once.
constexpr size_t kOutputBytes = 1 << 16;

}  // namespace

ReportPrinter::ReportPrinter(const query::ReportOptions& options, const absl::TimeZone& zone,
                             std::function<bool(std::string)> write)
    : options_(options),
      write_(std::move(write)),
      text_(options.kind, options.escape, zone),
      export_(options.kind, options.format) {}

void ReportPrinter::Begin() {
  if (std::exchange(has_begun_, true)) return;
  if (!options_.summary) {
    // Else each host with rows has one.
    if (!options_.by_host) PrintTitle({});
  } else if (!is_text()) {
    export_.AppendSummaryHeader(options_.by_host, &gathered_);
  } else if (options_.kind == ReportKind::kOverall && options_.by_host) {
    text_.AppendOverviewTitle(options_.filter, &gathered_);
  } else {
    text_.AppendSummaryTitle(options_.filter, options_.by_host, &gathered_);
  }
}

// The title of rows, or the names of their columns. `host`: whom they are about; empty for all.
void ReportPrinter::PrintTitle(std::string_view host) {
  if (is_text()) {
    text_.RestartRows();
    text_.AppendTitle(host, &gathered_);
  } else if (!has_header_) {
    export_.AppendRowHeader(&gathered_);
    has_header_ = true;
  }
}

bool ReportPrinter::TakeRow(const query::ReportRow& row) {
  Begin();
  if (options_.by_host && host_ != row.host) {
    host_ = std::string(row.host);
    PrintTitle(row.host.empty() ? "(none)" : row.host);
  }
  ++rows_;
  if (is_text()) {
    text_.AppendRow(row, &gathered_);
  } else {
    export_.AppendRow(row, &gathered_);
  }
  return FlushIfLarge();
}

bool ReportPrinter::TakeTimes(const query::ReportTimes& times) {
  Begin();
  if (is_text()) {
    text_.AppendTimes(times, &gathered_);
  } else {
    export_.AppendTimes(times, &gathered_);
  }
  return FlushIfLarge();
}

bool ReportPrinter::TakeTotal(const query::ReportTotal& total) {
  Begin();
  has_totals_ = true;
  if (is_text()) {
    text_.AppendTotal(total, options_.by_host, &gathered_);
  } else {
    export_.AppendTotal(total, options_.by_host, &gathered_);
  }
  return FlushIfLarge();
}

bool ReportPrinter::TakeOverall(const query::OverallReport& overall) {
  Begin();
  has_totals_ = true;
  if (is_text()) {
    text_.AppendOverall(overall, options_.filter, &gathered_);
  } else {
    export_.AppendOverall(overall, &gathered_);
  }
  return true;
}

bool ReportPrinter::TakeHost(const query::HostOverview& host) {
  Begin();
  has_totals_ = true;
  if (is_text()) {
    text_.AppendHost(host, &gathered_);
  } else {
    export_.AppendHost(host, &gathered_);
  }
  return FlushIfLarge();
}

bool ReportPrinter::TakeSum(uint64_t host_count, const query::HostOverview& sum) {
  Begin();
  if (is_text()) text_.AppendSum(host_count, sum, &gathered_);
  return true;
}

void ReportPrinter::End() {
  Begin();
  const bool has_rows = !options_.summary && options_.kind != ReportKind::kTimes;
  if (has_rows ? rows_ > 0 : has_totals_ || options_.kind == ReportKind::kTimes) return;
  if (has_rows && options_.by_host) PrintTitle({});
  if (is_text()) gathered_.append(query::kNoEventsText);
}

bool ReportPrinter::FlushIfLarge() { return gathered_.size() < kOutputBytes || Flush(); }

bool ReportPrinter::Flush() {
  if (gathered_.empty()) return true;
  std::string next;
  next.reserve(gathered_.capacity());
  return write_(std::exchange(gathered_, std::move(next)));
}

}  // namespace cli
