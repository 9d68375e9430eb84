#include "cli/report.h"

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "cli/log_search.h"
#include "cli/report_printer.h"
#include "cli/surroundings.h"

#include "query/report/event_class.h"
#include "query/report/event_facts.h"
#include "query/report/event_tally.h"
#include "query/report/report_names.h"
#include "query/report/report_options.h"
#include "query/report/report_rows.h"
#include "query/report/summary.h"
#include "storage/event_store.h"

namespace cli {

namespace {

using query::ReportKind;

// What is kept in memory of logs: the events for a report of each host, and the values of totals.
constexpr size_t kKeptBytesMax = size_t{1} << 30;
constexpr size_t kValuesBytesMax = size_t{3} << 29;

// Hosts of logs whose totals are told apart: an empty tally takes some 4 kB.
constexpr size_t kHostsMax = 100'000;

// Rows of a table of all hosts that are kept to be sorted, without a limit that was asked for.
constexpr size_t kSummaryRowsMax = 5'000'000;

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

query::HostOverview OverviewOf(std::string_view host, const query::EventTally& tally,
                               const query::ReportFilter& filter) {
  query::HostOverview overview{.host = std::string(host),
                               .counts = query::SummarizeAll(tally, filter),
                               .lost = tally.serials().missing()};
  if (tally.last()) overview.last_ms = tally.latest_ms();
  return overview;
}

// What a report is made of, whatever it comes from.
class Composer {
 public:
  Composer(const query::ReportOptions& options, ReportPrinter& printer)
      : options_(options),
        printer_(printer),
        names_({.interpret = options.interpret,
                .user_name = options.local_names ? &UserName : decltype(&UserName)(nullptr)}) {
    if (!options.summary && options.kind != ReportKind::kTimes) {
      rows_.emplace(options.kind, names_);
    }
  }

  // Prints the rows of an event. False once no more are wanted.
  bool Print(const query::EventFacts& facts, std::string_view host) {
    return rows_->Make(facts, host,
                       [this](const query::ReportRow& row) { return printer_.PrintRow(row); });
  }

  // The same of a report of each host: events come host by host. A host without rows has no title.
  bool PrintOfHost(const query::EventFacts& facts, const std::string& host) {
    return rows_->Make(facts, host, [&](const query::ReportRow& row) {
      if (titled_host_ != host) {
        printer_.PrintTitle(host.empty() ? "(none)" : host);
        titled_host_ = host;
      }
      return printer_.PrintRow(row);
    });
  }

  // Takes the tally of a host; of all, if the report is not by host.
  void Add(std::string_view host, const query::EventTally& tally) {
    if (options_.kind == ReportKind::kTimes) {
      const auto& first = tally.first();
      times_.emplace_back(host, first ? std::optional(first->time_ms) : std::nullopt,
                          first ? tally.last()->time_ms : 0);
    } else if (options_.kind == ReportKind::kOverall && options_.by_host) {
      overviews_.push_back(OverviewOf(host, tally, options_.filter));
    } else if (options_.kind == ReportKind::kOverall) {
      counts_ = query::SummarizeAll(tally, options_.filter);
      if (tally.last()) last_ms_ = tally.last()->time_ms;
    } else {
      for (query::SummaryRow& row :
           query::SummarizeList(options_.kind, tally, options_.filter, names_)) {
        summary_.push_back({.host = std::string(host), .row = std::move(row)});
      }
      if (options_.by_host && options_.limit) KeepBest(*options_.limit);
    }
  }

  // Whether it can take no more.
  bool is_full() const { return summary_.size() > kSummaryRowsMax; }

  void SetLogBegin(uint64_t time_ms) { log_begin_ms_ = time_ms; }

  // Prints what was added.
  void PrintTotals() {
    if (options_.kind == ReportKind::kTimes) {
      std::ranges::sort(times_);
      for (const auto& [host, first_ms, last_ms] : times_) {
        printer_.PrintTimes(host, first_ms, last_ms);
      }
    } else if (options_.kind == ReportKind::kOverall && options_.by_host) {
      std::ranges::sort(overviews_, {}, &query::HostOverview::host);
      printer_.PrintOverview(std::move(overviews_));
    } else if (options_.kind == ReportKind::kOverall) {
      printer_.PrintOverall(counts_, {.log_begin_ms = log_begin_ms_, .last_ms = last_ms_});
    } else if (options_.by_host) {
      std::ranges::stable_sort(summary_, IsBefore);
      printer_.PrintSummaryByHost(std::move(summary_));
    } else {
      std::vector<query::SummaryRow> rows;
      for (query::HostSummaryRow& row : summary_) rows.push_back(std::move(row.row));
      printer_.PrintSummary(std::move(rows));
    }
  }

  query::TallyLists lists() const {
    if (options_.kind == ReportKind::kTimes) return 0;
    if (options_.kind == ReportKind::kOverall && options_.by_host) {
      return query::kOverviewLists | query::kSerialsToo;
    }
    return query::ListsOfSummary(options_.kind);
  }

 private:
  static bool IsBefore(const query::HostSummaryRow& a, const query::HostSummaryRow& b) {
    if (a.row.total != b.row.total) return a.row.total > b.row.total;
    return a.host < b.host;
  }

  // Drops rows that cannot be among the first ones, once they are many.
  void KeepBest(uint64_t limit) {
    if (summary_.size() < 2 * limit + 1024) return;
    std::ranges::stable_sort(summary_, IsBefore);
    summary_.resize(limit);
  }

  const query::ReportOptions& options_;
  ReportPrinter& printer_;
  query::ReportNames names_;
  std::optional<query::ReportRowMaker> rows_;
  std::optional<std::string> titled_host_;  // Of PrintOfHost(), the last one.

  std::vector<std::tuple<std::string, std::optional<uint64_t>, uint64_t>> times_;
  std::vector<query::HostOverview> overviews_;
  std::vector<query::HostSummaryRow> summary_;
  query::OverallCounts counts_ = {};
  uint64_t log_begin_ms_ = 0;
  uint64_t last_ms_ = 0;
};

// ---- Logs ----

class LogReport {
 public:
  LogReport(const query::ReportOptions& options, Composer& composer, ReportPrinter& printer)
      : options_(options), composer_(composer), printer_(printer) {}

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
    for (const auto& [host, kept] : kept_) PrintKept(host, kept);
    for (const auto& [host, tally] : tallies_) composer_.Add(host, *tally);
    if (composer_.is_full()) return Fail(kTooMuch);
    composer_.SetLogBegin(first_record_ms.value_or(0));
    if (options_.summary) composer_.PrintTotals();
    return EXIT_SUCCESS;
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
    if (!options_.by_host) return composer_.Print(facts, facts.node);
    const query::KeptFacts& kept = kept_[host].emplace_back(facts);
    kept_bytes_ += kept.bytes();
    is_too_much_ = kept_bytes_ > kKeptBytesMax;
    return !is_too_much_;
  }

  void PrintKept(const std::string& host, const std::vector<query::KeptFacts>& kept) {
    for (const query::KeptFacts& one : kept) {
      if (!composer_.PrintOfHost(one.facts(), host)) break;
    }
  }

  // -t: each log for itself.
  int RunTimes(const std::vector<std::string>& logs) {
    const auto print = [&](const std::vector<std::string>& one, const std::string& name) {
      std::optional<uint64_t> first_ms;
      uint64_t last_ms = 0;
      const absl::Status read = Read(one, nullptr, [&](const query::EventFacts& facts) {
        if (!first_ms) first_ms = facts.time_ms;
        last_ms = facts.time_ms;
        return true;
      });
      if (read.ok()) printer_.PrintTimes(name, first_ms, last_ms);
      return read;
    };
    if (logs.empty()) {
      const absl::Status read = print({}, "stdin");
      if (!read.ok()) return Fail(read);
    }
    for (const std::string& log : logs) {
      const absl::Status read = print({log}, log);
      if (!read.ok()) return Fail(read);
    }
    return EXIT_SUCCESS;
  }

  const query::ReportOptions& options_;
  Composer& composer_;
  ReportPrinter& printer_;
  uint64_t events_ = 0;
  std::map<std::string, std::unique_ptr<query::EventTally>> tallies_;  // By host.
  std::map<std::string, std::vector<query::KeptFacts>> kept_;          // Likewise.
  size_t kept_bytes_ = 0;
  bool is_too_much_ = false;
};

// ---- Store ----

class StoreReport {
 public:
  StoreReport(const query::ReportOptions& options, Composer& composer, ReportPrinter& printer)
      : options_(options), composer_(composer), printer_(printer) {}

  int Run(const storage::EventStore& store) {
    if (options_.summary || options_.kind == ReportKind::kTimes) return RunTotals(store);
    return PrintRows(store);
  }

 private:
  int RunTotals(const storage::EventStore& store) {
    storage::ReportExplanation explanation;
    storage::TallyRequest request{
        .filter = options_.filter,
        .host_patterns = options_.host_globs,
        .lists = composer_.lists(),
        .by_host = options_.by_host || options_.kind == ReportKind::kTimes,
        .with_first_record = options_.kind == ReportKind::kOverall,
        .explanation = &explanation};
    const absl::Status read = store.Tally(request, [&](const storage::FoundTally& found) {
      composer_.Add(found.host == nullptr ? "" : found.host->name, found.tally);
      composer_.SetLogBegin(found.first_record_ms.value_or(0));
      return !composer_.is_full();
    });
    if (!read.ok()) return Fail(read);
    if (composer_.is_full()) return Fail(kTooMuch);
    composer_.PrintTotals();
    if (options_.explain) {
      std::cerr << absl::StrFormat(
          "%d blocks added up without opening them, %d read by their columns; %d open events "
          "looked at\n",
          explanation.blocks_added, explanation.blocks_read, explanation.open_events);
    }
    return EXIT_SUCCESS;
  }

  int PrintRows(const storage::EventStore& store) {
    storage::SearchExplanation explanation;
    const storage::FactsRequest request{
        .filter = options_.filter,
        .host_patterns = options_.host_globs,
        .roles = query::RolesOfRows(options_.kind),
        .types = query::RecordTypesOf(query::ClassesOfRows(options_.kind)),
        .by_host = options_.by_host,
        .explanation = options_.explain ? &explanation : nullptr};
    const absl::Status read = store.ReadFacts(request, [&](const storage::FoundFacts& found) {
      if (options_.by_host) return composer_.PrintOfHost(found.facts, found.host.name);
      return composer_.Print(found.facts, found.host.name);
    });
    if (!read.ok()) return Fail(read);
    if (options_.explain && !options_.by_host) {
      std::cerr << absl::StrFormat("%d blocks %s, %d read by their columns; %d open events\n",
                                   explanation.blocks_planned,
                                   explanation.by_index ? "by the index" : "in the time asked for",
                                   explanation.blocks_read, explanation.open_events);
    }
    return EXIT_SUCCESS;
  }

  const query::ReportOptions& options_;
  Composer& composer_;
  ReportPrinter& printer_;
};

int Compose(const query::ReportOptions& options, ReportPrinter& printer) {
  Composer composer(options, printer);
  // A pipe has no hosts.
  const bool reads_pipe = options.input.empty() && options.store.empty() &&
                          options.host_globs.empty() && !options.input_logs &&
                          StandardInputIsPipe();
  const auto print_title = [&] {
    if (options.summary) return printer.PrintSummaryTitle();
    // Else each host has one.
    if (!options.by_host) printer.PrintTitle();
  };
  if (reads_pipe || !options.input.empty()) {
    print_title();
    return LogReport(options, composer, printer).Run(reads_pipe);
  }
  const absl::StatusOr<std::string> path = FindStore(options.store);
  if (!path.ok()) return Fail(path.status());
  const auto store = storage::EventStore::OpenForReading(*path);
  if (!store.ok()) return Fail(store.status());
  print_title();
  return StoreReport(options, composer, printer).Run(**store);
}

int RunReport(const query::ReportOptions& options) {
  if (options.summary && !query::HasTotals(options.kind)) {
    std::cout << '\n' << std::flush;
    return FailPlainly(absl::UnimplementedError("Unimplemented option"));
  }
  ReportPrinter printer(options, options.utc ? absl::UTCTimeZone() : absl::LocalTimeZone());
  int status = Compose(options, printer);
  const bool has_rows = !options.summary && options.kind != ReportKind::kTimes;
  if (status == EXIT_SUCCESS && has_rows && printer.rows() == 0) {
    if (options.by_host) printer.PrintTitle();
    printer.PrintNoEvents();
    status = query::kAureportFailureStatus;
  }
  const absl::Status written = printer.Flush();
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
