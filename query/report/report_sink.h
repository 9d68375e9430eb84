// The parts of a report, and who takes them: a printer, or messages that go to one elsewhere.

#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "query/report/report_rows.h"
#include "query/report/summary.h"

namespace query {

// A row of totals.
struct ReportTotal {
  std::string host;  // In a table of all hosts; else empty. Events of a log need not name one.
  SummaryRow row;
};

// From when to when a host, or a log, goes.
struct ReportTimes {
  std::string name;
  std::optional<uint64_t> first_ms = {};  // None: there are no events.
  uint64_t last_ms = 0;
};

// What is worth knowing of a host at a glance.
struct HostOverview {
  std::string host;
  OverallCounts counts = {};             // Of kOverviewCounts.
  std::optional<uint64_t> last_ms = {};  // The latest event, by its own time.
  uint64_t lost = 0;                     // Serials of its kernel that are missing.
};

// The summary of everything. Times are epochs where there is nothing.
struct OverallReport {
  OverallCounts counts = {};
  uint64_t log_begin_ms = 0;  // Of the first record that there is, whatever was asked for.
  uint64_t last_ms = 0;       // Of the last event in the time that was asked for.
};

// Takes the parts of one report, in the order in which they are shown. Each of these returns false
// once no more are wanted. What is given is valid during the call.
class ReportSink {
 public:
  virtual ~ReportSink() = default;

  virtual bool TakeRow(const ReportRow& row) = 0;
  virtual bool TakeTotal(const ReportTotal& total) = 0;
  virtual bool TakeTimes(const ReportTimes& times) = 0;
  virtual bool TakeOverall(const OverallReport& overall) = 0;

  // The summary of everything by host: each host, as far as the limit goes, then the sum of all
  // hosts.
  virtual bool TakeHost(const HostOverview& host) = 0;
  virtual bool TakeSum(uint64_t host_count, const HostOverview& sum) = 0;

  // The report is whole. Not called if it has failed.
  virtual void End() = 0;
};

}  // namespace query
