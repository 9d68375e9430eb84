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
#include "query/report/summary.h"

namespace query {

// A row of a table of all hosts.
struct HostSummaryRow {
  std::string host;
  SummaryRow row;
};

// What is worth knowing of a host at a glance.
struct HostOverview {
  std::string host;
  OverallCounts counts = {};             // Of kOverviewLists.
  std::optional<uint64_t> last_ms = {};  // The latest event, by its own time.
  uint64_t lost = 0;                     // Serials of its kernel that are missing.
};

// The times that the summary of everything begins with. Epochs where there is nothing.
struct ReportTimes {
  uint64_t log_begin_ms = 0;  // Of the first record that there is, whatever was asked for.
  uint64_t last_ms = 0;       // Of the last event in the time that was asked for.
};

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
  void AppendTimes(std::string_view log, std::optional<uint64_t> first_ms, uint64_t last_ms,
                   std::string* text);

  void AppendSummary(const std::vector<SummaryRow>& rows, std::string* text) const;
  void AppendSummaryByHost(const std::vector<HostSummaryRow>& rows, std::string* text) const;
  void AppendOverall(const OverallCounts& counts, const ReportFilter& filter,
                     const ReportTimes& times, std::string* text);

  // A table of hosts, no more than `limit`, and the sum of all of them.
  void AppendOverview(const std::vector<HostOverview>& hosts, const ReportFilter& filter,
                      std::optional<uint64_t> limit, std::string* text);

 private:
  std::string_view Date(uint64_t time_ms);
  void AppendTimeWithMs(uint64_t time_ms, std::string* text);
  void AppendValue(const SummaryRow& row, std::string* text) const;
  void AppendHost(const HostOverview& host, std::string* text);

  const ReportDefinition& definition_;
  const EscapeMode escape_;
  const absl::TimeZone zone_;
  uint64_t rows_ = 0;
  std::optional<uint64_t> date_s_;  // Whose text date_ is.
  std::string date_;
};

}  // namespace query
