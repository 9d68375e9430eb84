// Prints a report in the format that was asked for.

#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "absl/time/time.h"

#include "query/report/report_export.h"
#include "query/report/report_options.h"
#include "query/report/report_sink.h"
#include "query/report/report_text.h"

namespace cli {

// Gathers text and hands it over in large pieces.
class ReportPrinter : public query::ReportSink {
 public:
  // `write` takes a piece of text; it is false once nobody wants more. `options` must outlive the
  // printer.
  ReportPrinter(const query::ReportOptions& options, const absl::TimeZone& zone,
                std::function<bool(std::string)> write);

  ReportPrinter(const ReportPrinter&) = delete;
  ReportPrinter& operator=(const ReportPrinter&) = delete;

  // Prints what stands above the report. The first part does it, too, unless it was done.
  void Begin();

  bool TakeRow(const query::ReportRow& row) override;
  bool TakeTotal(const query::ReportTotal& total) override;
  bool TakeTimes(const query::ReportTimes& times) override;
  bool TakeOverall(const query::OverallReport& overall) override;
  bool TakeHost(const query::HostOverview& host) override;
  bool TakeSum(uint64_t host_count, const query::HostOverview& sum) override;

  // Says so where there is nothing.
  void End() override;

  uint64_t rows() const { return rows_; }

  // Hands over what is gathered. False likewise.
  bool Flush();

 private:
  bool is_text() const { return options_.format == query::ReportFormat::kText; }
  void PrintTitle(std::string_view host);
  bool FlushIfLarge();

  const query::ReportOptions& options_;
  const std::function<bool(std::string)> write_;
  query::ReportText text_;
  query::ReportExport export_;
  std::string gathered_;
  bool has_begun_ = false;
  uint64_t rows_ = 0;
  bool has_totals_ = false;          // Some were printed.
  std::optional<std::string> host_;  // By host: whose rows are printed.
  bool has_header_ = false;
};

}  // namespace cli
