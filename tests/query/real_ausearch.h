// The real ausearch, and the logs to compare with it.
//
// Needs ausearch of Debian's auditd package, as $AUSPEX_AUSEARCH or in $PATH. Where the real tool
// is wrong, the events in question are named below, and query/README.md says why.

#pragma once

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unistd.h>
#include <utility>
#include <vector>

#include "audit/assembler.h"
#include "audit/event.h"
#include "audit/record.h"

namespace query {

inline constexpr char kZone[] = "Europe/Berlin";

using Arguments = std::vector<std::string_view>;

// The path of the real ausearch. Empty if there is none.
inline std::string FindAusearch() {
  if (const char* const path = std::getenv("AUSPEX_AUSEARCH")) return path;
  const char* const paths = std::getenv("PATH");
  std::string_view rest = paths == nullptr ? "" : paths;
  while (!rest.empty()) {
    const std::string_view directory = rest.substr(0, rest.find(':'));
    rest.remove_prefix(std::min(rest.size(), directory.size() + 1));
    const std::string path = std::string(directory) + "/ausearch";
    if (std::filesystem::exists(path)) return path;
  }
  return "";
}

inline std::string Quote(std::string_view word) { return " '" + std::string(word) + "'"; }

// A path for a log of this process.
inline std::string TemporaryLog() {
  return testing::TempDir() + "/auspex_oracle_" + std::to_string(getpid()) + ".log";
}

enum class Stream { kOutput, kErrors };

// What the real ausearch writes to the stream.
inline std::string RunAusearch(const std::string& binary, const std::string& file,
                               const Arguments& arguments, Stream stream) {
  std::string command = std::string("LC_ALL=C TZ=") + kZone + Quote(binary) + " -if" + Quote(file);
  for (const std::string_view argument : arguments) command += Quote(argument);
  command += stream == Stream::kOutput ? " </dev/null 2>/dev/null" : " </dev/null 2>&1 >/dev/null";
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  std::string output;
  char buffer[4096];
  while (const size_t bytes = fread(buffer, 1, sizeof(buffer), pipe.get())) {
    output.append(buffer, bytes);
  }
  return output;
}

// Events of the corpus that the real tool does not print as it should, by a text in each of their
// records. They are left out of both sides.
inline constexpr std::string_view kDeviations[] = {
    // Two events of the real tool, since other records stand between its two.
    "msg=audit(1481076984.827:17):",
    // Malformed: nothing ends the stamp; no milliseconds; no type.
    "msg=audit(1490239800.477:34) config changed",
    "msg=audit(1337845201):",
    "type= msg=audit(1337845333.174:94984):",
    // Its key is hex digits and a quote.
    "msg=audit(1515619721.392:106081):",
};

inline bool IsDeviation(std::string_view text) {
  return std::ranges::any_of(kDeviations, [text](std::string_view deviation) {
    return text.find(deviation) != std::string_view::npos;
  });
}

// The real tool looks for a class in each AVC record, and drops the whole event where there is
// none: all events of AppArmor, and cut records of SELinux.
inline bool HasAvcWithoutClass(const audit::Event& event) {
  for (size_t index = 0; index < event.record_count(); ++index) {
    const audit::Record record = event.record(index);
    if (record.type == "AVC" && record.body.find("tclass=") == std::string_view::npos) return true;
  }
  return false;
}

// In the order of their stamps, as a store gives them.
inline std::vector<audit::Event> ReadEvents(const std::string& file) {
  std::vector<audit::Event> events;
  audit::Assembler assembler;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    const absl::StatusOr<audit::Record> record = audit::ParseRecord(line);
    if (!record.ok()) continue;
    assembler.Add(line, *record);
    while (std::optional<audit::Event> event = assembler.Take())
      events.push_back(std::move(*event));
  }
  assembler.Flush();
  while (std::optional<audit::Event> event = assembler.Take()) events.push_back(std::move(*event));
  std::ranges::stable_sort(events, {}, &audit::Event::stamp);
  return events;
}

}  // namespace query
