// Reports for programs: CSV by RFC 4180, and JSON, a line for each row.
//
// Times are in UTC, by RFC 3339. What is not known is empty in CSV, and left out of JSON. Users are
// numbers, and names with -i; bytes that are not UTF-8 become U+FFFD in JSON.
//
// Rows have the columns of their report, which begin with "time" and "host". Summaries have
// "total", "host" if they are by host, and what the report is about.

#pragma once

#include <string>

#include "query/report/report_kind.h"
#include "query/report/report_options.h"
#include "query/report/report_rows.h"
#include "query/report/report_sink.h"

namespace query {

// Not for ReportFormat::kText.
class ReportExport {
 public:
  ReportExport(ReportKind kind, ReportFormat format)
      : definition_(DefinitionOf(kind)), is_csv_(format == ReportFormat::kCsv) {}

  // Each of these appends nothing for JSON.
  void AppendRowHeader(std::string* text) const;
  void AppendSummaryHeader(bool by_host, std::string* text) const;

  void AppendRow(const ReportRow& row, std::string* text) const;
  void AppendTimes(const ReportTimes& times, std::string* text) const;
  void AppendTotal(const ReportTotal& total, bool has_host, std::string* text) const;
  void AppendOverall(const OverallReport& overall, std::string* text) const;
  void AppendHost(const HostOverview& host, std::string* text) const;

 private:
  const ReportDefinition& definition_;
  const bool is_csv_;
};

}  // namespace query
