// Reports as aureport(8) prints them.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"

#include "query/escape.h"
#include "query/report/report_filter.h"
#include "query/report/report_kind.h"
#include "query/report/report_rows.h"
#include "query/report/report_sink.h"
#include "query/report/summary.h"

namespace query {

inline constexpr std::string_view kNoEventsText = "<no events of interest were found>\n\n";

// Dates are in the words of the process's locale, in `zone`.
class ReportText {
 public:
  ReportText(ReportKind kind, EscapeMode escape, const absl::TimeZone& zone)
      : definition_(DefinitionOf(kind)), escape_(escape), zone_(zone) {}

  // The title of the rows. `host`: whom they are about; empty for all.
  void AppendTitle(std::string_view host, std::string* text) const;

  // The title of the totals; `has_hosts`: behind each there is its host.
  void AppendSummaryTitle(const ReportFilter& filter, bool has_hosts, std::string* text) const;

  // The next row. Rows are numbered from 1 on since the last RestartRows().
  void AppendRow(const ReportRow& row, std::string* text);
  void RestartRows() { rows_ = 0; }

  // "host: first - last", of kTimes.
  void AppendTimes(const ReportTimes& times, std::string* text);

  // `has_host`: as the title says.
  void AppendTotal(const ReportTotal& total, bool has_host, std::string* text) const;

  void AppendOverall(const OverallReport& overall, const ReportFilter& filter, std::string* text);

  // The table of hosts, and the sum of all of them, if they are more than one.
  void AppendOverviewTitle(const ReportFilter& filter, std::string* text) const;
  void AppendHost(const HostOverview& host, std::string* text);
  void AppendSum(uint64_t host_count, const HostOverview& sum, std::string* text);

 private:
  std::string_view Date(uint64_t time_ms);
  void AppendTimeWithMs(uint64_t time_ms, std::string* text);

  const ReportDefinition& definition_;
  const EscapeMode escape_;
  const absl::TimeZone zone_;
  uint64_t rows_ = 0;
  std::optional<uint64_t> date_s_;  // Whose text date_ is.
  std::string date_;
};

}  // namespace query
