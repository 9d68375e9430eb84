#include "client-plugin/dry_run_command.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <iostream>
#include <limits>
#include <optional>
#include <string_view>
#include <unistd.h>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"

#include "audit/record.h"
#include "audit/record_type.h"
#include "base/file_descriptor.h"
#include "client-plugin/filters.h"

namespace client_plugin {

namespace {

// What is shown of a filter, and of the lines of a log that are no records.
constexpr size_t kExamplesMax = 3;
constexpr size_t kExampleBytesMax = 160;
constexpr uint64_t kMalformedNamedMax = 5;

// No record is as long.
constexpr size_t kLineBytesMax = audit::kRecordBytesMax + 1;

// A type that libaudit has no name for: filters take it as they take all others without one.
constexpr uint16_t kNoType = std::numeric_limits<uint16_t>::max();

// Calls `sink` with each line, without its newline; of a line that no record can be as long as,
// with its beginning. kUnavailable if the file cannot be read.
absl::Status ForEachLine(const std::string& path, absl::FunctionRef<void(std::string_view)> sink) {
  const auto failed = [&] {
    return absl::UnavailableError(absl::StrFormat("%s: %s", path, std::strerror(errno)));
  };
  base::FileDescriptor file;
  if (path != "-") {
    file = base::FileDescriptor(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.is_open()) return failed();
  }
  const int fd = path == "-" ? STDIN_FILENO : file.get();
  std::vector<char> buffer(size_t{64} << 10);
  std::string line;  // The beginning of one that goes on in the next buffer.
  for (;;) {
    const ssize_t bytes = read(fd, buffer.data(), buffer.size());
    if (bytes < 0 && errno == EINTR) continue;
    if (bytes < 0) return failed();
    if (bytes == 0) break;
    std::string_view text(buffer.data(), static_cast<size_t>(bytes));
    for (size_t end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
      line.append(text.substr(0, std::min(end, kLineBytesMax - line.size())));
      sink(line);
      line.clear();
      text.remove_prefix(end + 1);
    }
    line.append(text.substr(0, kLineBytesMax - line.size()));
  }
  if (!line.empty()) sink(line);
  return absl::OkStatus();
}

// The line as a terminal may show it.
std::string Printable(std::string_view line) {
  std::string text(line);
  std::replace_if(
      text.begin(), text.end(), [](char byte) { return absl::ascii_iscntrl(byte); }, ' ');
  return text;
}

std::string Example(std::string_view line) {
  if (line.size() <= kExampleBytesMax) return Printable(line);
  return Printable(line.substr(0, kExampleBytesMax)) + "...";
}

// Counts events: records of one that come close together count once.
class EventCount {
 public:
  // True with the first record of an event.
  bool Add(const audit::Stamp& stamp) {
    std::optional<audit::Stamp>& last = stamps_[stamp.serial % stamps_.size()];
    if (last == stamp) return false;
    last = stamp;
    ++events_;
    return true;
  }
  uint64_t events() const { return events_; }

 private:
  // As many as begin within a second on a busy host, twice.
  std::vector<std::optional<audit::Stamp>> stamps_ =
      std::vector<std::optional<audit::Stamp>>(size_t{1} << 14);
  uint64_t events_ = 0;
};

struct Sum {
  uint64_t records = 0;
  uint64_t bytes = 0;
  EventCount events;

  bool Add(const audit::Record& record, std::string_view line) {
    ++records;
    bytes += line.size();
    return events.Add(record.stamp);
  }
};

class DryRun {
 public:
  DryRun(Filters filters, bool verbose)
      : filters_(std::move(filters)),
        verbose_(verbose),
        examples_(filters_.counters().size()),
        example_events_(filters_.counters().size()) {}

  absl::Status Read(const std::string& log) {
    uint64_t number = 0;
    uint64_t malformed = 0;
    absl::Status read = ForEachLine(log, [&](std::string_view line) {
      ++number;
      const absl::StatusOr<audit::Record> record = audit::ParseRecord(line);
      if (record.ok()) return Judge(*record, line);
      if (++malformed > kMalformedNamedMax) return;
      std::cerr << log << ':' << number << ": " << record.status().message() << '\n';
    });
    if (malformed > kMalformedNamedMax) {
      std::cerr << log << ": " << malformed << " lines are no records\n";
    }
    malformed_ += malformed;
    return read;
  }

  void Print() const {
    std::cout << absl::StreamFormat("%10s %8s %10s %12s  %s\n", "records", "share", "events",
                                    "bytes", "filter");
    for (size_t index = 0; index < examples_.size(); ++index) {
      const FilterCounters& counters = filters_.counters()[index];
      PrintLine(counters.records, counters.events, counters.bytes,
                absl::StrFormat("%d: %s", index + 1, Printable(counters.text)));
    }
    PrintLine(dropped_.records, dropped_.events.events(), dropped_.bytes, "dropped by all of them");
    PrintLine(all_.records, all_.events.events(), all_.bytes, "in the logs");
    if (malformed_ > 0) std::cout << absl::StreamFormat("%10d lines are no records\n", malformed_);
    for (size_t index = 0; index < examples_.size(); ++index) {
      if (examples_[index].empty()) continue;
      std::cout << absl::StreamFormat("\n%d: %s\n", index + 1,
                                      Printable(filters_.counters()[index].text));
      for (const std::string& example : examples_[index]) std::cout << "  " << example << '\n';
    }
  }

 private:
  void Judge(const audit::Record& record, std::string_view line) {
    all_.Add(record, line);
    const std::optional<uint32_t> number = audit::RecordTypeNumber(record.type);
    const auto type = static_cast<uint16_t>(std::min<uint32_t>(number.value_or(kNoType), kNoType));
    const Verdict verdict = filters_.Judge(type, line);
    if (!verdict.filter.has_value()) return;
    std::vector<std::string>& examples = examples_[*verdict.filter];
    std::optional<audit::Stamp>& last = example_events_[*verdict.filter];
    if (!verbose_ && examples.size() < kExamplesMax && last != record.stamp) {
      examples.push_back(Example(line));
      last = record.stamp;
    }
    if (!verdict.is_dropped) return;
    dropped_.Add(record, line);
    if (verbose_) std::cout << *verdict.filter + 1 << ": " << Printable(line) << '\n';
  }

  void PrintLine(uint64_t records, uint64_t events, uint64_t bytes, const std::string& what) const {
    const double share = all_.records == 0 ? 0
                                           : 100.0 * static_cast<double>(records) /
                                                 static_cast<double>(all_.records);
    std::cout << absl::StreamFormat("%10d %6.1f %% %10d %12d  %s\n", records, share, events, bytes,
                                    what);
  }

  Filters filters_;
  const bool verbose_;
  Sum all_;
  Sum dropped_;
  uint64_t malformed_ = 0;
  std::vector<std::vector<std::string>> examples_;           // Of each filter,
  std::vector<std::optional<audit::Stamp>> example_events_;  // and the event of the last of them.
};

}  // namespace

int RunDryRun(const DryRunOptions& options) {
  absl::StatusOr<Filters> filters = Filters::Parse(options.filters);
  if (!filters.ok()) {
    std::cerr << "auspex-agent: " << filters.status().message() << '\n';
    return EXIT_FAILURE;
  }
  int status = EXIT_SUCCESS;
  DryRun run(*std::move(filters), options.verbose);
  for (const std::string& log : options.logs) {
    const absl::Status read = run.Read(log);
    if (read.ok()) continue;
    std::cerr << "auspex-agent: " << read.message() << '\n';
    status = EXIT_FAILURE;
  }
  run.Print();
  std::cout.flush();
  if (!std::cout) {
    std::cerr << "auspex-agent: cannot write\n";
    status = EXIT_FAILURE;
  }
  return status;
}

}  // namespace client_plugin
