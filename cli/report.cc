#include "cli/report.h"

#include <cstdlib>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "cli/log_search.h"
#include "cli/open_source.h"
#include "cli/output_writer.h"
#include "cli/report_printer.h"
#include "cli/surroundings.h"

#include "base/user_database.h"
#include "query/report/event_facts.h"
#include "query/report/event_tally.h"
#include "query/report/report_composer.h"
#include "query/report/report_options.h"
#include "query/report/user_naming.h"

namespace cli {

namespace {

using query::ReportKind;

// What is kept in memory of logs: the events for a report of each host; the values of totals, and
// what is made of them.
constexpr size_t kKeptBytesMax = size_t{1} << 30;
constexpr size_t kValuesBytesMax = size_t{3} << 29;

// Hosts of logs whose totals are told apart: an empty tally takes some 4 kB.
constexpr size_t kHostsMax = 100'000;

constexpr char kTooMuch[] =
    "too much to report on at once: ask for less time, for fewer hosts, or with --limit";

int Fail(std::string_view message) {
  std::cerr << "auspex report: " << message << '\n';
  return query::kAureportFailureStatus;
}

int Fail(const absl::Status& status) { return Fail(std::string(status.message())); }

// In the words of aureport, which does not tell who speaks.
int FailPlainly(const absl::Status& status) {
  std::cerr << std::string(status.message()) << '\n';
  return query::kAureportFailureStatus;
}

// ---- Logs ----

class LogReport {
 public:
  LogReport(const query::ReportOptions& options, const query::ReportQuestion& question,
            query::ReportSink& sink)
      : options_(options),
        sink_(sink),
        composer_(question, {.memory_bytes_max = kKeptBytesMax}, sink) {}

  int Run(bool reads_pipe) {
    std::vector<std::string> logs;
    if (!reads_pipe) {
      absl::StatusOr<std::vector<std::string>> found = FindLogs(options_.input);
      if (!found.ok()) return FailPlainly(found.status());
      logs = *std::move(found);
      if (const absl::Status readable = CheckReadable(logs); !readable.ok()) {
        return FailPlainly(readable);
      }
    }
    if (options_.kind == ReportKind::kTimes) return RunTimes(logs);
    std::optional<uint64_t> first_record_ms;
    const absl::Status read =
        Read(logs, &first_record_ms, [&](const query::EventFacts& facts) { return Take(facts); });
    if (!read.ok()) return Fail(read);
    if (is_too_much_) return Fail(kTooMuch);
    for (const auto& [host, kept] : kept_) {
      for (const query::KeptFacts& one : kept) {
        if (!composer_.AddEvent(one.facts(), host)) break;
      }
    }
    // Without any event there is a summary of nothing.
    if (options_.summary && !options_.by_host && tallies_.empty()) {
      tallies_[""] = std::make_unique<query::EventTally>();
    }
    for (const auto& [host, tally] : tallies_) composer_.AddTally(host, *tally, first_record_ms);
    const absl::Status finished = composer_.Finish();
    return finished.ok() ? EXIT_SUCCESS : Fail(finished);
  }

 private:
  absl::Status Read(const std::vector<std::string>& logs, std::optional<uint64_t>* first_record_ms,
                    const std::function<bool(const query::EventFacts&)>& sink) {
    query::EventFactsBuilder builder;
    const auto take_malformed = [&](std::string_view line, std::string_view why) {
      if (options_.debug) {
        std::cerr << "Malformed record skipped, " << why << ". " << line << '\n';
      }
      return true;
    };
    return SearchLogs(
        {.paths = logs,
         .time = options_.filter.time,
         .end_of_event_timeout = options_.end_of_event_timeout,
         .first_record_ms = first_record_ms},
        {.event = [&](const audit::Event& event) { return sink(query::FactsOf(event, &builder)); },
         .malformed = take_malformed,
         .idle = [] {}});
  }

  bool Take(const query::EventFacts& facts) {
    const std::string host = options_.by_host ? std::string(facts.node) : std::string();
    if (options_.summary) {
      std::unique_ptr<query::EventTally>& tally = tallies_[host];
      if (tally == nullptr) tally = std::make_unique<query::EventTally>();
      const query::OrderKey place = {events_++};
      tally->Notice(facts, place, composer_.lists());
      if (options_.filter.Matches(facts)) tally->Add(facts, place, composer_.lists());
      is_too_much_ = tally->memory_bytes() > kValuesBytesMax || tallies_.size() > kHostsMax;
      return !is_too_much_;
    }
    if (!options_.filter.Matches(facts)) return true;
    if (!options_.by_host) return composer_.AddEvent(facts, facts.node);
    const query::KeptFacts& kept = kept_[host].emplace_back(facts);
    kept_bytes_ += kept.bytes();
    is_too_much_ = kept_bytes_ > kKeptBytesMax;
    return !is_too_much_;
  }

  // -t: each log for itself.
  int RunTimes(const std::vector<std::string>& logs) {
    uint64_t given = 0;
    const auto give = [&](const std::vector<std::string>& one, const std::string& name) {
      query::ReportTimes times{.name = name};
      const absl::Status read = Read(one, nullptr, [&](const query::EventFacts& facts) {
        if (!times.first_ms) times.first_ms = facts.time_ms;
        times.last_ms = facts.time_ms;
        return true;
      });
      const bool is_wanted = !options_.limit || given++ < *options_.limit;
      if (read.ok() && is_wanted) sink_.TakeTimes(times);
      return read;
    };
    if (logs.empty()) {
      const absl::Status read = give({}, "stdin");
      if (!read.ok()) return Fail(read);
    }
    for (const std::string& log : logs) {
      const absl::Status read = give({log}, log);
      if (!read.ok()) return Fail(read);
    }
    sink_.End();
    return EXIT_SUCCESS;
  }

  const query::ReportOptions& options_;
  query::ReportSink& sink_;
  query::ReportComposer composer_;
  uint64_t events_ = 0;
  std::map<std::string, std::unique_ptr<query::EventTally>> tallies_;  // By host.
  std::map<std::string, std::vector<query::KeptFacts>> kept_;          // Likewise.
  size_t kept_bytes_ = 0;
  bool is_too_much_ = false;
};

// ---- All of it ----

int Compose(const query::ReportOptions& options, ReportPrinter& printer) {
  const query::ReportQuestion question = options.question();
  std::optional<query::UserNamingSink> naming;
  if (question.unnamed_users_apart) naming.emplace(question, &base::FindUserName, printer);
  query::ReportSink& sink = naming ? static_cast<query::ReportSink&>(*naming) : printer;
  // A pipe has no hosts.
  const bool reads_pipe = options.input.empty() && options.store.empty() &&
                          options.server.empty() && options.host_globs.empty() &&
                          !options.input_logs && StandardInputIsPipe();
  if (reads_pipe || !options.input.empty()) {
    printer.Begin();
    return LogReport(options, question, sink).Run(reads_pipe);
  }
  const absl::StatusOr<std::unique_ptr<Source>> source = OpenSource(options.store, options.server);
  if (!source.ok()) return Fail(source.status());
  std::vector<std::string> explanation;
  const absl::Status composed =
      (*source)->Report(question, options.explain ? &explanation : nullptr, sink);
  if (!composed.ok()) return Fail(composed);
  for (const std::string& line : explanation) std::cerr << line << '\n';
  return EXIT_SUCCESS;
}

int RunReport(const query::ReportOptions& options) {
  if (options.summary && !query::HasTotals(options.kind)) {
    std::cout << '\n' << std::flush;
    return FailPlainly(absl::UnimplementedError("Unimplemented option"));
  }
  OutputWriter writer;
  ReportPrinter printer(options, options.utc ? absl::UTCTimeZone() : absl::LocalTimeZone(),
                        [&](std::string text) { return writer.Write(std::move(text)); });
  int status = Compose(options, printer);
  const bool is_empty = options.question().has_rows() && printer.rows() == 0;
  if (status == EXIT_SUCCESS && is_empty) status = query::kAureportFailureStatus;
  if (printer.Flush()) writer.Flush();
  const absl::Status written = writer.status();
  return written.ok() ? status : Fail(written);
}

}  // namespace

int Report(std::span<const std::string_view> arguments) {
  const absl::StatusOr<query::ReportOptions> options =
      query::ParseReportOptions(arguments, CurrentTimeContext());
  if (!options.ok()) return FailPlainly(options.status());
  if (options->help) {
    std::cout << query::ReportUsage() << '\n';
    return EXIT_SUCCESS;
  }
  if (options->version) {
    std::cout << "auspex version " AUSPEX_VERSION "\n";
    return EXIT_SUCCESS;
  }
  return RunReport(*options);
}

}  // namespace cli
