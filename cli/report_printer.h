// Prints a report to standard output, in the format that was asked for.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "cli/output_writer.h"

#include "query/report/report_export.h"
#include "query/report/report_options.h"
#include "query/report/report_text.h"

namespace cli {

// Gathers text and writes it in large pieces.
class ReportPrinter {
 public:
  // `options` must outlive it.
  ReportPrinter(const query::ReportOptions& options, const absl::TimeZone& zone);

  ReportPrinter(const ReportPrinter&) = delete;
  ReportPrinter& operator=(const ReportPrinter&) = delete;

  // The title of rows, or the names of their columns. `host`: whom they are about; empty for all.
  // Rows are numbered, and counted for the limit, anew.
  void PrintTitle(std::string_view host = {});

  // The same of totals.
  void PrintSummaryTitle();

  // False once no more rows are wanted: nobody reads them, or the limit is reached and is not one
  // of each host.
  bool PrintRow(const query::ReportRow& row);

  void PrintTimes(std::string_view log, std::optional<uint64_t> first_ms, uint64_t last_ms);
  void PrintSummary(std::vector<query::SummaryRow> rows);
  void PrintSummaryByHost(std::vector<query::HostSummaryRow> rows);
  void PrintOverall(const query::OverallCounts& counts, const query::ReportTimes& times);
  void PrintOverview(std::vector<query::HostOverview> hosts);
  void PrintNoEvents();

  uint64_t rows() const { return rows_; }

  // Writes what is gathered, and waits for it. Fails if it cannot be written, but not if nobody
  // reads it.
  absl::Status Flush();

 private:
  bool is_text() const { return options_.format == query::ReportFormat::kText; }
  bool IsAtLimit() const { return options_.limit && rows_of_report_ >= *options_.limit; }
  bool HandOver();

  const query::ReportOptions& options_;
  query::ReportText text_;
  query::ReportExport export_;
  std::string gathered_;
  OutputWriter writer_;
  uint64_t rows_ = 0;
  uint64_t rows_of_report_ = 0;  // Since the last title.
  bool has_header_ = false;
};

}  // namespace cli
