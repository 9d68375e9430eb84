#include "cli/search.h"

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "cli/checkpoint.h"
#include "cli/event_printer.h"
#include "cli/log_search.h"
#include "cli/open_source.h"
#include "cli/surroundings.h"

#include "query/ausearch_options.h"

namespace cli {

namespace {

// Events that a log may have to print the last one first, in bytes: they are all kept.
constexpr size_t kKeptBytesMax = size_t{1} << 30;

int Fail(std::string_view message) {
  std::cerr << "auspex search: " << message << '\n';
  return query::kAusearchFailureStatus;
}

int Fail(const absl::Status& status) { return Fail(std::string(status.message())); }

// One run of the command.
class Run {
 public:
  explicit Run(const query::AusearchOptions& options)
      : options_(options),
        predicate_(options.predicate()),
        printer_(options, options.utc ? absl::UTCTimeZone() : absl::LocalTimeZone()) {}

  int Search() {
    if (!options_.checkpoint.empty()) {
      absl::StatusOr<std::optional<Checkpoint>> loaded = LoadCheckpoint(options_.checkpoint);
      if (!loaded.ok()) return FailPlainly(loaded.status(), kBadCheckpointStatus);
      checkpoint_ = *std::move(loaded);
    }
    // A pipe has no hosts.
    const bool reads_pipe = options_.input.empty() && options_.store.empty() &&
                            options_.server.empty() && options_.host_globs.empty() &&
                            !options_.input_logs && StandardInputIsPipe();
    const bool reads_logs = reads_pipe || !options_.input.empty();
    const int status = reads_logs ? SearchLogsOf(reads_pipe) : SearchSource();
    printer_.Flush();
    if (const absl::Status written = printer_.output_status(); !written.ok()) return Fail(written);
    if (status != EXIT_SUCCESS) return status;
    if (printer_.printed() > 0) return EXIT_SUCCESS;
    if (options_.format != query::EventFormat::kRaw) std::cerr << "<no matches>\n";
    return query::kAusearchFailureStatus;
  }

 private:
  // In the words of ausearch, which does not tell who speaks.
  static int FailPlainly(const absl::Status& status, int exit_status) {
    std::cerr << std::string(status.message()) << '\n';
    return exit_status;
  }

  // ---- Logs ----

  int SearchLogsOf(bool reads_pipe) {
    std::vector<std::string> paths;
    if (!reads_pipe) {
      if (const int failed = FindInput(&paths); failed != EXIT_SUCCESS) return failed;
    }
    const bool uses_checkpoint = !options_.checkpoint.empty() && !reads_pipe;
    CheckpointFilter filter(uses_checkpoint ? checkpoint_ : std::nullopt,
                            options_.only_checkpoint_time);
    Checkpoint next = checkpoint_.value_or(Checkpoint());
    bool is_corrupted = false;
    std::deque<audit::Event> kept;
    size_t kept_bytes = 0;
    bool is_too_much = false;
    const bool keeps = options_.reverse || options_.by_time;
    const auto take = [&](const audit::Event& event) {
      const auto answer = filter.Ask(event);
      if (answer == CheckpointFilter::Answer::kCorrupted) {
        is_corrupted = true;
        SayCorrupted(event);
        return false;
      }
      if (uses_checkpoint) next.last = CheckpointOf(event);
      if (options_.malformed || answer != CheckpointFilter::Answer::kBehind) return true;
      if (!predicate_.Matches(event)) return true;
      if (!keeps) return printer_.Print(event, {});
      kept.push_back(event);
      kept_bytes += event.bytes();
      is_too_much = kept_bytes > kKeptBytesMax;
      return !is_too_much;
    };
    const auto take_malformed = [&](std::string_view line, std::string_view why) {
      if (options_.malformed) return printer_.PrintLine(line);
      if (options_.debug) {
        std::cerr << "Malformed record skipped, " << why << ". " << line << '\n';
      }
      return true;
    };
    const absl::Status searched =
        SearchLogs({.paths = paths,
                    .time = options_.time,
                    .end_of_event_timeout = options_.end_of_event_timeout,
                    .complete_only = uses_checkpoint,
                    .follow = options_.follow},
                   {.event = take, .malformed = take_malformed, .idle = [&] {
                      if (options_.line_buffered || options_.follow) printer_.Flush();
                    }});
    if (!searched.ok()) return Fail(searched);
    if (is_too_much) {
      return Fail("too many events to print them in this order: use a store, or --start and --end");
    }
    PrintKept(std::move(kept));
    if (!options_.checkpoint.empty() && reads_pipe) {
      std::cerr << "Warning - checkpointing stdin is not supported";
    }
    if (is_corrupted) return kCorruptedCheckpointStatus;
    return uses_checkpoint ? SaveLog(paths.back(), next) : EXIT_SUCCESS;
  }

  // The logs of --input. With a checkpoint, those of a directory begin with the one that it is of.
  int FindInput(std::vector<std::string>* paths) {
    absl::StatusOr<std::vector<std::string>> found = FindLogs(options_.input);
    if (!found.ok()) return FailPlainly(found.status(), query::kAusearchFailureStatus);
    *paths = *std::move(found);
    const bool is_directory = paths->back() != options_.input;
    if (is_directory && checkpoint_ && !options_.only_checkpoint_time && !SkipLogs(paths)) {
      return kBadCheckpointStatus;
    }
    const absl::Status readable = CheckReadable(*paths);
    return readable.ok() ? EXIT_SUCCESS : FailPlainly(readable, query::kAusearchFailureStatus);
  }

  bool SkipLogs(std::vector<std::string>* paths) const {
    for (auto path = paths->begin(); path != paths->end(); ++path) {
      Checkpoint place;
      if (!SetPlace(*path, &place).ok()) continue;
      if (place.device != checkpoint_->device || place.inode != checkpoint_->inode) continue;
      paths->erase(paths->begin(), path);
      return true;
    }
    return false;
  }

  void SayCorrupted(const audit::Event& event) const {
    const auto place = [](uint64_t time_ms, uint64_t serial) {
      return absl::StrFormat("%d.%03d:%d", time_ms / 1000, time_ms % 1000, serial);
    };
    std::cerr << "Corrupted checkpoint file. Inode match, but newer complete event ("
              << place(event.stamp().time_ms, event.stamp().serial)
              << ") found before loaded checkpoint "
              << place(checkpoint_->last.time_ms, checkpoint_->last.serial) << '\n';
  }

  void PrintKept(std::deque<audit::Event> kept) {
    if (options_.by_time) std::ranges::stable_sort(kept, {}, &audit::Event::stamp);
    if (options_.reverse) std::ranges::reverse(kept);
    for (const audit::Event& event : kept) {
      if (!printer_.Print(event, {})) break;
    }
  }

  // ---- Stores and collectors ----

  int SearchSource() {
    const absl::StatusOr<std::unique_ptr<Source>> source =
        OpenSource(options_.store, options_.server);
    if (!source.ok()) return Fail(source.status());
    std::vector<std::string> explanation;
    Question question{
        .predicate = predicate_, .host_patterns = options_.host_globs, .order = Order()};
    if (options_.explain) question.explanation = &explanation;
    const bool uses_checkpoint = !options_.checkpoint.empty();
    Checkpoint next = checkpoint_.value_or(Checkpoint());
    if (uses_checkpoint && checkpoint_) {
      if (const int failed = GoOn(**source, &question); failed != EXIT_SUCCESS) return failed;
    }
    const auto print = [&](const FoundEvent& found) {
      if (uses_checkpoint) {
        if (found.pending) return true;  // The next time it is behind the checkpoint.
        next.last = CheckpointOf(found.event);
        next.cursor = found.cursor();
      }
      return printer_.Print(found.event, found.origin);
    };
    const auto print_line = [&](std::string_view line) { return printer_.PrintLine(line); };
    const absl::Status searched = options_.follow ? (*source)->Follow(question, print)
                                  : options_.malformed
                                      ? (*source)->SearchMalformed(question, print_line)
                                      : (*source)->Search(question, print);
    if (absl::IsInvalidArgument(searched) && !question.after.empty()) {
      return FailPlainly(searched, kBadCheckpointStatus);
    }
    if (!searched.ok()) return Fail(searched);
    for (const std::string& line : explanation) std::cerr << line << '\n';
    return uses_checkpoint ? SaveSource(**source, next) : EXIT_SUCCESS;
  }

  storage::SearchOrder Order() const {
    using enum storage::SearchOrder;
    if (options_.by_time) return options_.reverse ? kTimeDescending : kTime;
    return options_.reverse ? kReceiptDescending : kReceipt;
  }

  int GoOn(const Source& source, Question* question) const {
    if (options_.only_checkpoint_time) {
      query::AllOf later;
      later.parts.push_back(predicate_);
      later.parts.emplace_back(query::TimeIn{{.from_ms = checkpoint_->last.time_ms}});
      question->predicate = query::Predicate(std::move(later));
      return EXIT_SUCCESS;
    }
    const absl::StatusOr<SourcePlace> place = source.Place();
    if (!place.ok()) return Fail(place.status());
    if (*place != SourcePlace{checkpoint_->device, checkpoint_->inode}) {
      return FailPlainly(
          absl::InvalidArgumentError(absl::StrFormat(
              "The checkpoint file %s is of another store, collector or log", options_.checkpoint)),
          kBadCheckpointStatus);
    }
    question->after = checkpoint_->cursor;
    return EXIT_SUCCESS;
  }

  int SaveSource(const Source& source, Checkpoint next) const {
    const absl::StatusOr<SourcePlace> place = source.Place();
    if (!place.ok()) return FailPlainly(place.status(), kCheckpointNotWrittenStatus);
    next.device = place->device;
    next.inode = place->inode;
    return Save(next);
  }

  // ---- Either ----

  int SaveLog(const std::string& path, Checkpoint next) const {
    const absl::Status placed = SetPlace(path, &next);
    return placed.ok() ? Save(next) : FailPlainly(placed, kCheckpointNotWrittenStatus);
  }

  int Save(const Checkpoint& next) const {
    const absl::Status saved = SaveCheckpoint(options_.checkpoint, next);
    return saved.ok() ? EXIT_SUCCESS : FailPlainly(saved, kCheckpointNotWrittenStatus);
  }

  const query::AusearchOptions& options_;
  const query::Predicate predicate_;
  std::optional<Checkpoint> checkpoint_;
  EventPrinter printer_;
};

}  // namespace

int Search(std::span<const std::string_view> arguments) {
  const absl::StatusOr<query::AusearchOptions> options = query::ParseAusearchOptions(
      arguments,
      {.time = CurrentTimeContext(), .user_number = UserNumber, .group_number = GroupNumber});
  if (!options.ok()) {
    std::cerr << std::string(options.status().message()) << '\n';
    return query::kAusearchFailureStatus;
  }
  if (options->help) {
    std::cout << query::AusearchUsage() << '\n';
    return EXIT_SUCCESS;
  }
  if (options->version) {
    std::cout << "auspex version " AUSPEX_VERSION "\n";
    return EXIT_SUCCESS;
  }
  return Run(*options).Search();
}

}  // namespace cli
