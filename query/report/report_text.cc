#include "query/report/report_text.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "query/local_time.h"

namespace query {

namespace {

void AppendRuler(size_t width, std::string* text) { text->append(width, '=').push_back('\n'); }

std::string_view OutcomeTitle(const ReportFilter& filter) {
  if (filter.outcome == Outcome::kFailed) return "Failed ";
  if (filter.outcome == Outcome::kSucceeded) return "Success ";
  return "";
}

// Events of a log need not name their host.
std::string_view HostOrNone(std::string_view host) { return host.empty() ? "(none)" : host; }

constexpr std::string_view kOverviewHeading =
    "    events  failed logins  failed auths        AVCs   anomalies        lost"
    "  last event             host\n";
constexpr size_t kOverviewRuler = 104;

}  // namespace

void ReportText::AppendSummaryTitle(const ReportFilter& filter, bool has_hosts,
                                    std::string* text) const {
  absl::StrAppendFormat(text, "\n%s%s\n", OutcomeTitle(filter), definition_.summary_title);
  AppendRuler(definition_.summary_ruler, text);
  if (definition_.summary_heading.empty()) return;
  absl::StrAppendFormat(text, "total  %s%s\n", has_hosts ? "host  " : "",
                        definition_.summary_heading);
  AppendRuler(definition_.summary_ruler, text);
}

void ReportText::AppendTitle(std::string_view host, std::string* text) const {
  absl::StrAppendFormat(text, "\n%s", definition_.title);
  if (!host.empty()) {
    text->append(", host ");
    AppendWithoutControls(host, escape_, text);
  }
  text->push_back('\n');
  AppendRuler(definition_.ruler, text);
  if (definition_.heading.empty()) return;
  absl::StrAppendFormat(text, "# date time %s\n", definition_.heading);
  AppendRuler(definition_.ruler_below == 0 ? definition_.ruler : definition_.ruler_below, text);
}

std::string_view ReportText::Date(uint64_t time_ms) {
  if (date_s_ != time_ms / 1000) {
    date_s_ = time_ms / 1000;
    date_.clear();
    AppendTime(LocalTime(time_ms, zone_), "%x %T", &date_);
  }
  return date_;
}

void ReportText::AppendTimeWithMs(uint64_t time_ms, std::string* text) {
  absl::StrAppendFormat(text, "%s.%03d", Date(time_ms), time_ms % 1000);
}

void ReportText::AppendRow(const ReportRow& row, std::string* text) {
  absl::StrAppend(text, ++rows_, ". ");
  text->append(Date(row.time_ms));
  for (size_t i = 0; i < row.cells.size(); ++i) {
    text->push_back(' ');
    if (definition_.columns[i].is_escaped) {
      AppendEscaped(row.cells[i].text, escape_, text);
    } else {
      AppendWithoutControls(row.cells[i].text, escape_, text);
    }
  }
  text->push_back('\n');
}

void ReportText::AppendTimes(std::string_view log, std::optional<uint64_t> first_ms,
                             uint64_t last_ms, std::string* text) {
  AppendWithoutControls(log, escape_, text);
  text->append(": ");
  if (!first_ms) {
    text->append("no records\n");
    return;
  }
  AppendTimeWithMs(*first_ms, text);
  text->append(" - ");
  AppendTimeWithMs(last_ms, text);
  text->push_back('\n');
}

void ReportText::AppendValue(const SummaryRow& row, std::string* text) const {
  if (definition_.value_kind == ValueKind::kText) {
    AppendWithoutControls(row.value, escape_, text);
  } else {
    AppendEscaped(row.value, escape_, text);
  }
  text->push_back('\n');
}

void ReportText::AppendSummary(const std::vector<SummaryRow>& rows, std::string* text) const {
  if (rows.empty()) text->append(kNoEventsText);
  for (const SummaryRow& row : rows) {
    absl::StrAppend(text, row.total, "  ");
    AppendValue(row, text);
  }
}

void ReportText::AppendSummaryByHost(const std::vector<HostSummaryRow>& rows,
                                     std::string* text) const {
  if (rows.empty()) text->append(kNoEventsText);
  for (const auto& [host, row] : rows) {
    absl::StrAppend(text, row.total, "  ");
    AppendWithoutControls(HostOrNone(host), escape_, text);
    text->append("  ");
    AppendValue(row, text);
  }
}

void ReportText::AppendOverall(const OverallCounts& counts, const ReportFilter& filter,
                               const ReportTimes& times, std::string* text) {
  text->append("Range of time in logs: ");
  AppendTimeWithMs(times.log_begin_ms, text);
  text->append(" - ");
  AppendTimeWithMs(times.last_ms, text);
  text->append("\nSelected time for report: ");
  const TimeRange all;
  text->append(Date(filter.time.from_ms == all.from_ms ? times.log_begin_ms : filter.time.from_ms));
  text->append(" - ");
  if (filter.time.to_ms == all.to_ms) {
    AppendTimeWithMs(times.last_ms, text);
  } else {
    text->append(Date(filter.time.to_ms));
  }
  text->push_back('\n');
  for (size_t i = 0; i < counts.size(); ++i) {
    absl::StrAppendFormat(text, "Number of %s: %d\n", OverallLabel(static_cast<OverallCount>(i)),
                          counts[i]);
  }
  text->push_back('\n');
}

void ReportText::AppendOverview(const std::vector<HostOverview>& hosts, const ReportFilter& filter,
                                std::optional<uint64_t> limit, std::string* text) {
  absl::StrAppendFormat(text, "\n%sSummary Report by Host\n", OutcomeTitle(filter));
  AppendRuler(kOverviewRuler, text);
  text->append(kOverviewHeading);
  AppendRuler(kOverviewRuler, text);
  if (hosts.empty()) text->append(kNoEventsText);
  HostOverview all{.host = absl::StrCat("(", hosts.size(), " hosts)")};
  uint64_t shown = 0;
  for (const HostOverview& host : hosts) {
    if (!limit || shown++ < *limit) AppendHost(host, text);
    for (size_t i = 0; i < host.counts.size(); ++i) all.counts[i] += host.counts[i];
    all.lost += host.lost;
    if (host.last_ms) all.last_ms = std::max(all.last_ms.value_or(0), *host.last_ms);
  }
  if (hosts.size() > 1) AppendHost(all, text);
}

void ReportText::AppendHost(const HostOverview& host, std::string* text) {
  // As wide as the words of the heading.
  static constexpr int kWidths[] = {10, 13, 12, 10, 10};
  for (size_t i = 0; i < kOverviewCounts.size(); ++i) {
    absl::StrAppendFormat(text, "%*d  ", kWidths[i],
                          host.counts[static_cast<size_t>(kOverviewCounts[i])]);
  }
  std::string last = "-";
  if (host.last_ms) {
    last.clear();
    AppendTimeWithMs(*host.last_ms, &last);
  }
  absl::StrAppendFormat(text, "%10d  %-21s  ", host.lost, last);
  AppendWithoutControls(HostOrNone(host.host), escape_, text);
  text->push_back('\n');
}

}  // namespace query
