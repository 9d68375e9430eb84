#include "query/report/report_composer.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"

namespace query {

namespace {

size_t BytesOf(const ReportTotal& total) {
  return sizeof(total) + total.host.size() + total.row.value.size();
}

HostOverview OverviewOf(std::string_view host, const EventTally& tally,
                        const ReportFilter& filter) {
  HostOverview overview{.host = std::string(host),
                        .counts = SummarizeAll(tally, filter),
                        .lost = tally.serials().missing()};
  if (tally.last()) overview.last_ms = tally.latest_ms();
  return overview;
}

// In a table of all hosts.
bool IsBefore(const ReportTotal& a, const ReportTotal& b) {
  if (a.row.total != b.row.total) return a.row.total > b.row.total;
  return a.host < b.host;
}

}  // namespace

ReportComposer::ReportComposer(const ReportQuestion& question, const ReportComposerOptions& options,
                               ReportSink& sink)
    : question_(question),
      options_(options),
      sink_(sink),
      names_({.interpret = question.interpret}),
      limit_of_totals_(question.unnamed_users_apart && question.has_totals_of_users()
                           ? std::nullopt
                           : question.limit) {
  if (question.has_rows()) rows_.emplace(question.kind, names_, options.libauparse);
}

TallyLists ReportComposer::lists() const {
  if (question_.kind == ReportKind::kTimes) return 0;
  if (question_.kind == ReportKind::kOverall && question_.by_host) {
    return kOverviewLists | kSerialsToo;
  }
  return ListsOfSummary(question_.kind);
}

bool ReportComposer::AddEvent(const EventFacts& facts, std::string_view host) {
  return rows_->Make(facts, host, [&](const ReportRow& row) {
    if (question_.by_host && host_ != host) {
      host_ = std::string(host);
      rows_of_report_ = 0;
    }
    // Of the next host there are rows again.
    if (IsAtLimit()) return question_.by_host;
    ++rows_of_report_;
    return sink_.TakeRow(row) && (question_.by_host || !IsAtLimit());
  });
}

bool ReportComposer::AddTally(std::string_view host, const EventTally& tally,
                              std::optional<uint64_t> first_record_ms) {
  if (question_.kind == ReportKind::kTimes) {
    ReportTimes times{.name = std::string(host)};
    if (tally.first()) {
      times.first_ms = tally.first()->time_ms;
      times.last_ms = tally.last()->time_ms;
    }
    bytes_ += sizeof(times) + host.size();
    times_.push_back(std::move(times));
  } else if (question_.kind == ReportKind::kOverall && question_.by_host) {
    bytes_ += sizeof(HostOverview) + host.size();
    overviews_.push_back(OverviewOf(host, tally, question_.filter));
  } else if (question_.kind == ReportKind::kOverall) {
    overall_.counts = SummarizeAll(tally, question_.filter);
    overall_.log_begin_ms = first_record_ms.value_or(0);
    if (tally.last()) overall_.last_ms = tally.last()->time_ms;
  } else {
    AddSummary(host, tally);
  }
  return bytes_ <= options_.memory_bytes_max;
}

void ReportComposer::AddSummary(std::string_view host, const EventTally& tally) {
  for (SummaryRow& row : SummarizeList(question_.kind, tally, question_.filter, names_,
                                       question_.unnamed_users_apart)) {
    const ReportTotal& total =
        totals_.emplace_back(ReportTotal{.host = std::string(host), .row = std::move(row)});
    bytes_ += BytesOf(total);
  }
  if (question_.by_host && limit_of_totals_) KeepBest(*limit_of_totals_);
}

// Drops totals that cannot be among the first ones, once they are many.
void ReportComposer::KeepBest(uint64_t limit) {
  if (totals_.size() < 1024 || limit > (totals_.size() - 1024) / 2) return;
  std::ranges::stable_sort(totals_, IsBefore);
  totals_.resize(limit);
  bytes_ = 0;
  for (const ReportTotal& total : totals_) bytes_ += BytesOf(total);
}

absl::Status ReportComposer::Finish() {
  if (bytes_ > options_.memory_bytes_max) {
    return absl::ResourceExhaustedError(
        "too much to report on at once: ask for less time, for fewer hosts, or with a limit");
  }
  if (question_.has_rows()) {
    // They have been given.
  } else if (question_.kind == ReportKind::kTimes) {
    GiveTimes();
  } else if (question_.kind == ReportKind::kOverall && question_.by_host) {
    GiveOverview();
  } else if (question_.kind == ReportKind::kOverall) {
    sink_.TakeOverall(overall_);
  } else {
    GiveTotals();
  }
  sink_.End();
  return absl::OkStatus();
}

void ReportComposer::GiveTotals() {
  // Those of one tally are in order.
  if (question_.by_host) std::ranges::stable_sort(totals_, IsBefore);
  uint64_t given = 0;
  for (const ReportTotal& total : totals_) {
    if (limit_of_totals_ && given++ >= *limit_of_totals_) return;
    if (!sink_.TakeTotal(total)) return;
  }
}

void ReportComposer::GiveTimes() {
  std::ranges::sort(times_, [](const ReportTimes& a, const ReportTimes& b) {
    return std::tie(a.name, a.first_ms, a.last_ms) < std::tie(b.name, b.first_ms, b.last_ms);
  });
  uint64_t given = 0;
  for (const ReportTimes& times : times_) {
    if (question_.limit && given++ >= *question_.limit) return;
    if (!sink_.TakeTimes(times)) return;
  }
}

void ReportComposer::GiveOverview() {
  std::ranges::sort(overviews_, {}, &HostOverview::host);
  HostOverview sum;
  uint64_t given = 0;
  for (const HostOverview& host : overviews_) {
    for (const OverallCount count : kOverviewCounts) {
      const auto i = static_cast<size_t>(count);
      sum.counts[i] += host.counts[i];
    }
    sum.lost += host.lost;
    if (host.last_ms) sum.last_ms = std::max(sum.last_ms.value_or(0), *host.last_ms);
    if (question_.limit && given++ >= *question_.limit) continue;
    if (!sink_.TakeHost(host)) return;
  }
  sink_.TakeSum(overviews_.size(), sum);
}

}  // namespace query
