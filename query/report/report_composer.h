// Makes a report out of events and tallies, whatever they come from, and gives it to a sink.

#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

#include "query/report/report_names.h"
#include "query/report/report_question.h"
#include "query/report/report_rows.h"
#include "query/report/report_sink.h"

namespace query {

struct ReportComposerOptions {
  // For what is kept to be sorted, about: a row of a table of all hosts takes some 200 bytes.
  size_t memory_bytes_max = size_t{1} << 30;

  // Held while libauparse is asked, if other threads ask it, too. Must outlive the composer.
  std::mutex* libauparse = nullptr;
};

// For one thread at a time.
class ReportComposer {
 public:
  // Both references must outlive it.
  ReportComposer(const ReportQuestion& question, const ReportComposerOptions& options,
                 ReportSink& sink);

  ReportComposer(const ReportComposer&) = delete;
  ReportComposer& operator=(const ReportComposer&) = delete;

  // The lists that tallies must have.
  TallyLists lists() const;

  // Adds the rows of an event that passes the filter; by host, events come host by host. False
  // once no more are wanted.
  bool AddEvent(const EventFacts& facts, std::string_view host);

  // Adds the tally of a host; of all, if the report is not by host, and then the time of the first
  // record there is. False once it holds more than it may.
  bool AddTally(std::string_view host, const EventTally& tally,
                std::optional<uint64_t> first_record_ms = {});

  // Gives the sink what was made of tallies, and ends it. kResourceExhausted if that was too much.
  absl::Status Finish();

 private:
  void AddSummary(std::string_view host, const EventTally& tally);
  void KeepBest(uint64_t limit);
  void GiveTotals();
  void GiveTimes();
  void GiveOverview();
  bool IsAtLimit() const { return question_.limit && rows_of_report_ >= *question_.limit; }

  const ReportQuestion& question_;
  const ReportComposerOptions options_;
  ReportSink& sink_;
  ReportNames names_;
  const std::optional<uint64_t> limit_of_totals_;

  std::optional<ReportRowMaker> rows_;
  std::optional<std::string> host_;  // By host: whose rows come.
  uint64_t rows_of_report_ = 0;      // By host: of this host.

  size_t bytes_ = 0;  // Of what follows, about.
  std::vector<ReportTotal> totals_;
  std::vector<ReportTimes> times_;
  std::vector<HostOverview> overviews_;
  OverallReport overall_;
};

}  // namespace query
