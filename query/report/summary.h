// Summaries of events, out of their tally.

#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "query/report/event_tally.h"
#include "query/report/report_filter.h"
#include "query/report/report_kind.h"
#include "query/report/report_names.h"

namespace query {

struct SummaryRow {
  uint64_t total = 0;
  std::string value;
  bool is_number = false;

  // Of users who are apart: as in ReportCell, and the place of the row's first event among those of
  // all rows.
  std::optional<uint32_t> unnamed_user = {};
  uint64_t place = 0;
};

// The rows of a report's --summary, the highest total first; of equal ones, that which came first,
// but types and processes by number. `filter` chooses among the outcomes of the tally. Values that
// look the same are one row; with `unnamed_users_apart`, users whom no host has named are not.
std::vector<SummaryRow> SummarizeList(ReportKind kind, const EventTally& tally,
                                      const ReportFilter& filter, ReportNames& names,
                                      bool unnamed_users_apart = false);

// The summary of everything, in the order of the text.
enum class OverallCount : uint8_t {
  kConfigChanges,
  kAccountChanges,
  kLogins,
  kFailedLogins,
  kAuthentications,
  kFailedAuthentications,
  kUsers,
  kTerminals,
  kHosts,
  kExes,
  kComms,
  kFiles,
  kAvcs,
  kMacEvents,
  kFailedSyscalls,
  kAnomalies,
  kResponses,
  kCryptoEvents,
  kIntegrityEvents,
  kVirtEvents,
  kKeys,
  kPids,
  kEvents,
};
inline constexpr size_t kOverallCounts = static_cast<size_t>(OverallCount::kEvents) + 1;

using OverallCounts = std::array<uint64_t, kOverallCounts>;

OverallCounts SummarizeAll(const EventTally& tally, const ReportFilter& filter);

std::string_view OverallLabel(OverallCount count);  // "logins", in "Number of logins: 2".
std::string_view OverallName(OverallCount count);   // "logins", in CSV and JSON.

// The lists that a summary reads.
TallyLists ListsOfSummary(ReportKind kind);

// What the overview of a fleet tells of each host, and the lists that it takes.
inline constexpr std::array<OverallCount, 5> kOverviewCounts = {
    OverallCount::kEvents, OverallCount::kFailedLogins, OverallCount::kFailedAuthentications,
    OverallCount::kAvcs, OverallCount::kAnomalies};
inline constexpr TallyLists kOverviewLists = SetOf(TallyList::kTypes);

}  // namespace query
