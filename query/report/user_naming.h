// Names, on the way to another sink, users whom no host has named.
//
// What a number is called is a matter of the machine where somebody reads the report, not of the
// one that has made it: so this is done to the parts of a report, wherever they come from.

#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"

#include "query/report/report_names.h"
#include "query/report/report_question.h"
#include "query/report/report_sink.h"

namespace query {

// For a question that leaves unnamed users apart. For one thread at a time.
class UserNamingSink : public ReportSink {
 public:
  // `user_name` tells the name of a user, or that there is none. Both references must outlive it.
  UserNamingSink(const ReportQuestion& question,
                 std::function<std::optional<std::string>(uint32_t)> user_name, ReportSink& next)
      : question_(question),
        names_({.interpret = true, .user_name = std::move(user_name)}),
        next_(next) {}

  bool TakeRow(const ReportRow& row) override;

  // Totals that look the same now are added up; so they are kept until the end.
  bool TakeTotal(const ReportTotal& total) override;

  bool TakeTimes(const ReportTimes& times) override { return next_.TakeTimes(times); }
  bool TakeOverall(const OverallReport& overall) override { return next_.TakeOverall(overall); }
  bool TakeHost(const HostOverview& host) override { return next_.TakeHost(host); }
  bool TakeSum(uint64_t host_count, const HostOverview& sum) override {
    return next_.TakeSum(host_count, sum);
  }
  void End() override;

 private:
  const ReportQuestion& question_;
  ReportNames names_;
  ReportSink& next_;
  std::vector<ReportCell> cells_;   // Of the row being named,
  std::vector<std::string> texts_;  // and the names in it.
  std::vector<ReportTotal> totals_;
  absl::flat_hash_map<std::pair<std::string, std::string>, size_t> places_;  // By host and value.
};

}  // namespace query
