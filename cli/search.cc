#include "cli/search.h"

#include <cstdlib>
#include <iostream>
#include <string>
#include <time.h>

#include "absl/status/statusor.h"

#include "query/ausearch_options.h"
#include "query/event_text.h"
#include "storage/event_store.h"

namespace cli {

namespace {

// What is printed at once.
constexpr size_t kOutputBytes = 1 << 16;

// Gathers text and writes it to standard output in large pieces. Not ok() once the reader is gone.
class Output {
 public:
  ~Output() { Flush(); }

  std::string* text() { return &text_; }
  bool FlushIfFull() { return text_.size() < kOutputBytes || Flush(); }

  bool Flush() {
    std::cout.write(text_.data(), static_cast<std::streamsize>(text_.size()));
    std::cout.flush();
    text_.clear();
    return std::cout.good();
  }

 private:
  std::string text_;
};

query::TimeContext CurrentTimeContext() {
  timespec now{};
  timespec since_boot{};
  clock_gettime(CLOCK_REALTIME, &now);
  clock_gettime(CLOCK_BOOTTIME, &since_boot);
  return {
      .now_s = now.tv_sec, .boot_s = now.tv_sec - since_boot.tv_sec, .zone = absl::LocalTimeZone()};
}

int Fail(const absl::Status& status) {
  std::cerr << "auspex search: " << std::string(status.message()) << '\n';
  return query::kAusearchFailureStatus;
}

}  // namespace

int Search(std::span<const std::string_view> arguments) {
  const absl::StatusOr<query::AusearchOptions> options =
      query::ParseAusearchOptions(arguments, CurrentTimeContext());
  if (!options.ok()) {
    std::cerr << std::string(options.status().message()) << '\n';
    return query::kAusearchFailureStatus;
  }
  if (options->help) {
    std::cout << query::AusearchUsage();
    return EXIT_SUCCESS;
  }
  if (options->store.empty()) {
    return Fail(absl::InvalidArgumentError("--store DIR is missing: which store is to be read?"));
  }
  const auto store = storage::EventStore::OpenForReading(options->store);
  if (!store.ok()) return Fail(store.status());

  storage::SearchRequest request{.predicate = options->predicate(),
                                 .host_patterns = options->host_globs};
  if (options->by_time) request.order = storage::SearchOrder::kTime;
  if (options->just_one) request.limit = 1;
  const absl::TimeZone zone = options->utc ? absl::UTCTimeZone() : absl::LocalTimeZone();
  bool found = false;
  Output output;
  const auto print_event = [&](const storage::FoundEvent& event) {
    found = true;
    if (options->format == query::EventFormat::kRaw) {
      query::AppendRawText(event.event, output.text());
    } else {
      query::AppendDefaultText(event.event, zone, output.text());
    }
    return output.FlushIfFull();
  };
  const auto print_malformed = [&](const storage::MalformedRecord& record) {
    found = true;
    output.text()->append(record.line).push_back('\n');
    return output.FlushIfFull();
  };
  const absl::Status searched = options->malformed
                                    ? (*store)->SearchMalformed(request, print_malformed)
                                    : (*store)->Search(request, print_event);
  output.Flush();
  if (!searched.ok()) return Fail(searched);
  if (!found) std::cerr << "<no matches>\n";
  return found ? EXIT_SUCCESS : query::kAusearchFailureStatus;
}

}  // namespace cli
