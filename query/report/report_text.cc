#include "query/report/report_text.h"

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

void ReportText::AppendTimes(const ReportTimes& times, std::string* text) {
  AppendWithoutControls(times.name, escape_, text);
  text->append(": ");
  if (!times.first_ms) {
    text->append("no records\n");
    return;
  }
  AppendTimeWithMs(*times.first_ms, text);
  text->append(" - ");
  AppendTimeWithMs(times.last_ms, text);
  text->push_back('\n');
}

void ReportText::AppendTotal(const ReportTotal& total, bool has_host, std::string* text) const {
  absl::StrAppend(text, total.row.total, "  ");
  if (has_host) {
    AppendWithoutControls(HostOrNone(total.host), escape_, text);
    text->append("  ");
  }
  if (definition_.value_kind == ValueKind::kText) {
    AppendWithoutControls(total.row.value, escape_, text);
  } else {
    AppendEscaped(total.row.value, escape_, text);
  }
  text->push_back('\n');
}

void ReportText::AppendOverall(const OverallReport& overall, const ReportFilter& filter,
                               std::string* text) {
  text->append("Range of time in logs: ");
  AppendTimeWithMs(overall.log_begin_ms, text);
  text->append(" - ");
  AppendTimeWithMs(overall.last_ms, text);
  text->append("\nSelected time for report: ");
  const TimeRange all;
  text->append(
      Date(filter.time.from_ms == all.from_ms ? overall.log_begin_ms : filter.time.from_ms));
  text->append(" - ");
  if (filter.time.to_ms == all.to_ms) {
    AppendTimeWithMs(overall.last_ms, text);
  } else {
    text->append(Date(filter.time.to_ms));
  }
  text->push_back('\n');
  for (size_t i = 0; i < overall.counts.size(); ++i) {
    absl::StrAppendFormat(text, "Number of %s: %d\n", OverallLabel(static_cast<OverallCount>(i)),
                          overall.counts[i]);
  }
  text->push_back('\n');
}

void ReportText::AppendOverviewTitle(const ReportFilter& filter, std::string* text) const {
  absl::StrAppendFormat(text, "\n%sSummary Report by Host\n", OutcomeTitle(filter));
  AppendRuler(kOverviewRuler, text);
  text->append(kOverviewHeading);
  AppendRuler(kOverviewRuler, text);
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

void ReportText::AppendSum(uint64_t host_count, const HostOverview& sum, std::string* text) {
  if (host_count < 2) return;
  HostOverview all = sum;
  all.host = absl::StrCat("(", host_count, " hosts)");
  AppendHost(all, text);
}

}  // namespace query
