// The configuration parser, over any text: its findings name lines of the text in their order,
// an accepted configuration keeps its promises, and writing down the findings of an accepted
// file gives a file with the same meaning.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "server/config.h"
#include "storage/flush.h"

namespace {

using server::Finding;
using server::NameFormat;
using server::ParsedConfig;
using server::Verdict;
using storage::Flush;

void Check(bool holds) {
  if (!holds) std::abort();
}

size_t Lines(std::string_view text) {
  return static_cast<size_t>(std::ranges::count(text, '\n')) + 1;
}

void CheckFindings(const ParsedConfig& parsed, std::string_view text) {
  size_t line_before = 0;
  bool any_is_wrong = false;
  for (const Finding& finding : parsed.findings) {
    Check(finding.line > line_before && finding.line <= Lines(text));
    line_before = finding.line;
    const bool is_wrong = finding.verdict == Verdict::kWrong;
    any_is_wrong = any_is_wrong || is_wrong;
    Check(is_wrong == !finding.allowed.empty());
    Check(is_wrong || !finding.key.empty());
  }
  Check(parsed.ok() == !any_is_wrong);
  Check(parsed.findings.size() <= server::kConfigFindingsMax);
}

// One line for each finding and each default, and the verdict; nothing but printable ASCII.
void CheckReport(const ParsedConfig& parsed) {
  const std::string report = FormatReport(parsed);
  Check(Lines(report) == parsed.findings.size() + parsed.defaults.size() + 2);
  Check(std::ranges::all_of(report, [](char c) { return c == '\n' || (c >= ' ' && c <= '~'); }));
}

void CheckPromises(const server::Config& config) {
  const server::ListenerOptions& listener = config.listener;
  Check(listener.listen_address.size() <= server::kListenAddressesMax);
  Check(listener.tcp_listen_queue >= 1);
  Check(listener.tcp_max_per_addr >= 1 && listener.tcp_max_per_addr <= 1024);
  Check(!listener.tcp_client_ports ||
        listener.tcp_client_ports->first <= listener.tcp_client_ports->last);
  Check(config.store.store_dir.starts_with('/'));
  const Flush flush = config.store.flush;
  Check(config.store.freq > 0 ||
        (flush != Flush::kIncremental && flush != Flush::kIncrementalAsync));
  Check(config.identity.name.size() <= server::kNameBytesMax);
  Check(!config.identity.name.empty() || config.identity.name_format != NameFormat::kUser);
}

void CheckRoundTrip(const ParsedConfig& parsed) {
  std::string text;
  for (const Finding& finding : parsed.findings) {
    text += finding.key + " = " + finding.value + "\n";
  }
  const ParsedConfig again = server::ParseConfig(text, "again");
  Check(again.ok());
  Check(again.config == parsed.config);
  Check(again.findings.size() == parsed.findings.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  const ParsedConfig parsed = server::ParseConfig(text, "fuzz.conf");
  CheckFindings(parsed, text);
  CheckReport(parsed);
  if (parsed.ok()) {
    CheckPromises(parsed.config);
    CheckRoundTrip(parsed);
  }
  return 0;
}
