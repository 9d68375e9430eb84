#include "client-plugin/agent_config.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <set>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

#include "base/number.h"
#include "base/small_file.h"
#include "client-plugin/filters.h"

namespace client_plugin {

namespace {

// What a value may be, for whoever has written another; empty if it was taken.
using Wrong = std::string;

struct Key {
  std::string_view name;
  std::function<Wrong(const std::string& value, AgentConfig* config)> set;
  std::function<std::string(const AgentConfig& config)> show;
};

template <typename Value>
using Words = std::vector<std::pair<std::string, Value>>;

const Words<bool>& Booleans() {
  static const Words<bool> words = {{"yes", true}, {"no", false}};
  return words;
}

// In the following `field` gives the place of the value in a configuration, const or not.

// One of some words.
template <typename Value, typename Field>
Key WordKey(std::string_view name, Field field, Words<Value> words) {
  return {.name = name,
          .set = [=](const std::string& value, AgentConfig* config) -> Wrong {
            std::string allowed = "one of ";
            for (const auto& [word, meaning] : words) {
              if (absl::AsciiStrToLower(value) == word) {
                field(*config) = meaning;
                return "";
              }
              absl::StrAppend(&allowed, &word == &words[0].first ? "" : ", ", word);
            }
            return allowed;
          },
          .show =
              [=](const AgentConfig& config) {
                return std::ranges::find(words, field(config),
                                         &std::pair<std::string, Value>::second)
                    ->first;
              }};
}

std::string Shown(uint32_t number) { return absl::StrCat(number); }

template <typename Number>
std::string Shown(const std::optional<Number>& number) {
  return number ? absl::StrCat(*number) : "";
}

// A number, which may be absent.
template <typename Field>
Key NumberKey(std::string_view name, Field field, uint32_t min, uint32_t max) {
  return {.name = name,
          .set = [=](const std::string& value, AgentConfig* config) -> Wrong {
            const auto number = base::ParseNumber<uint32_t>(value);
            if (!number || *number < min || *number > max) {
              return absl::StrCat("a number from ", min, " to ", max);
            }
            auto& place = field(*config);
            using Place = std::remove_reference_t<decltype(place)>;
            if constexpr (std::is_integral_v<Place>) {
              place = *number;
            } else {
              place = static_cast<typename Place::value_type>(*number);
            }
            return "";
          },
          .show = [=](const AgentConfig& config) { return Shown(field(config)); }};
}

template <typename Field>
Key PathKey(std::string_view name, Field field) {
  return {.name = name,
          .set = [=](const std::string& value, AgentConfig* config) -> Wrong {
            if (value[0] != '/') return "an absolute path";
            field(*config) = value;
            return "";
          },
          .show = [=](const AgentConfig& config) { return field(config); }};
}

Wrong SetServers(const std::string& value, AgentConfig* config) {
  for (const auto word : absl::StrSplit(value, ' ', absl::SkipEmpty())) {
    const std::string server(word);
    const size_t colon = server.rfind(':');
    const auto port = colon == std::string::npos
                          ? std::nullopt
                          : base::ParseNumber<uint16_t>(server.substr(colon + 1));
    if (colon == 0 || !port || *port == 0) return "HOST:PORT, or several with blanks between them";
    config->servers.push_back(server);
  }
  return "";
}

Wrong SetServerName(const std::string& value, AgentConfig* config) {
  config->server_name = value;
  return "";
}

Wrong AddFilter(const std::string& value, AgentConfig* config) {
  if (config->filters.size() == Filters::kFiltersMax) {
    return absl::StrCat("no more than ", Filters::kFiltersMax, " filters");
  }
  const absl::StatusOr<Filter> filter = Filter::Parse(value);
  if (!filter.ok()) return absl::StrCat("a filter: ", filter.status().message());
  config->filters.push_back(value);
  return "";
}

constexpr std::string_view kFilterKey = "filter";

// In a file, the longest path or filter that one would write.
constexpr size_t kLineBytesMax = 10'000;

constexpr uint32_t kAny = std::numeric_limits<uint32_t>::max();

std::vector<Key> KeysOfCapture() {
  const Words<SourceKind> sources = {{"netlink", SourceKind::kNetlink},
                                     {"multicast", SourceKind::kMulticast},
                                     {"plugin", SourceKind::kPlugin}};
  const Words<RulesMode> rules = {
      {"load", RulesMode::kLoad}, {"check", RulesMode::kCheck}, {"ignore", RulesMode::kIgnore}};
  const Words<bool> formats = {{"raw", false}, {"enriched", true}};
  return {
      WordKey(
          "source", [](auto& c) -> auto& { return c.source; }, sources),
      WordKey(
          "enable_audit", [](auto& c) -> auto& { return c.enable_audit; }, Booleans()),
      NumberKey(
          "backlog_limit", [](auto& c) -> auto& { return c.kernel.backlog_limit; }, 0, kAny),
      NumberKey(
          "backlog_wait_time", [](auto& c) -> auto& { return c.kernel.backlog_wait_time; }, 0,
          kAny),
      NumberKey(
          "failure_mode", [](auto& c) -> auto& { return c.kernel.failure_mode; }, 0, 2),
      NumberKey(
          "rate_limit", [](auto& c) -> auto& { return c.kernel.rate_limit; }, 0, kAny),
      WordKey(
          "log_format", [](auto& c) -> auto& { return c.is_enriched; }, formats),
      WordKey(
          "container_ids", [](auto& c) -> auto& { return c.has_container_ids; }, Booleans()),
      {kFilterKey, &AddFilter, [](const AgentConfig& c) { return absl::StrJoin(c.filters, "; "); }},
      WordKey(
          "rules", [](auto& c) -> auto& { return c.rules; }, rules),
      PathKey(
          "rules_directory", [](auto& c) -> auto& { return c.rules_directory; }),
      PathKey(
          "rules_file", [](auto& c) -> auto& { return c.rules_file; }),
  };
}

std::vector<Key> KeysOfDelivery() {
  const Words<QueueFull> queue_full = {{"drop_newest", QueueFull::kDropNewest},
                                       {"drop_oldest", QueueFull::kDropOldest},
                                       {"block", QueueFull::kBlock}};
  const Words<WhenFull> spool_full = {{"drop_newest", WhenFull::kDropNewest},
                                      {"drop_oldest", WhenFull::kDropOldest}};
  return {
      NumberKey(
          "queue_size", [](auto& c) -> auto& { return c.queue_mb; }, 1, 1024),
      WordKey(
          "queue_full", [](auto& c) -> auto& { return c.queue_full; }, queue_full),
      PathKey(
          "spool_directory", [](auto& c) -> auto& { return c.spool_directory; }),
      NumberKey(
          "spool_size", [](auto& c) -> auto& { return c.spool_mb; }, 16, 1 << 20),
      NumberKey(
          "spool_age", [](auto& c) -> auto& { return c.spool_hours; }, 0, 87'600),
      WordKey(
          "spool_full", [](auto& c) -> auto& { return c.spool_full; }, spool_full),
      {"server", &SetServers, [](const AgentConfig& c) { return absl::StrJoin(c.servers, " "); }},
      {"server_name", &SetServerName, [](const AgentConfig& c) { return c.server_name; }},
      PathKey(
          "ca_file", [](auto& c) -> auto& { return c.tls.ca; }),
      PathKey(
          "certificate_file", [](auto& c) -> auto& { return c.tls.certificate; }),
      PathKey(
          "key_file", [](auto& c) -> auto& { return c.tls.key; }),
      PathKey(
          "store_directory", [](auto& c) -> auto& { return c.store_directory; }),
      NumberKey(
          "metrics_port", [](auto& c) -> auto& { return c.metrics_port; }, 0, 65535),
      PathKey(
          "status_socket", [](auto& c) -> auto& { return c.status_socket; }),
      NumberKey(
          "stop_time", [](auto& c) -> auto& { return c.stop_seconds; }, 0, 600),
  };
}

// In the order of the example file.
const std::vector<Key>& Keys() {
  static const std::vector<Key> keys = [] {
    std::vector<Key> all = KeysOfCapture();
    for (Key& key : KeysOfDelivery()) all.push_back(std::move(key));
    return all;
  }();
  return keys;
}

// Takes a line that is neither empty nor a comment. Returns what is wrong with it.
std::string TakeLine(const std::string& line, std::set<std::string>* seen, AgentConfig* config) {
  if (line.size() > kLineBytesMax) return absl::StrCat("more than ", kLineBytesMax, " bytes");
  const size_t sign = line.find('=');
  if (sign == std::string::npos) return "this is not \"key = value\"";
  const std::string name = absl::AsciiStrToLower(absl::StripAsciiWhitespace(line.substr(0, sign)));
  const std::string value(absl::StripAsciiWhitespace(line.substr(sign + 1)));
  const auto key = std::ranges::find(Keys(), std::string_view(name), &Key::name);
  if (key == Keys().end()) {
    return absl::StrCat("there is no key \"", absl::CHexEscape(name), "\"");
  }
  if (value.empty()) return absl::StrCat(name, " has no value");
  if (!seen->insert(name).second && name != kFilterKey) {
    return absl::StrCat(name, " was set before");
  }
  const Wrong wrong = key->set(value, config);
  if (wrong.empty()) return "";
  return absl::StrCat(name, " = ", absl::CHexEscape(value), ": allowed is ", wrong);
}

// What cannot be together.
std::string Conflict(const AgentConfig& config) {
  if (config.queue_full == QueueFull::kBlock && config.source != SourceKind::kPlugin) {
    return "queue_full = block is for source = plugin only: the kernel's records must be taken";
  }
  if (config.kernel != AuditSettings() && config.source != SourceKind::kNetlink) {
    return "backlog_limit, backlog_wait_time, failure_mode and rate_limit are for source = netlink "
           "only: they belong to whoever owns the audit socket";
  }
  return "";
}

}  // namespace

absl::StatusOr<AgentConfig> ParseAgentConfig(std::string_view text, const std::string& file_name) {
  if (text.size() > kAgentConfigBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat(file_name, ": more than ", kAgentConfigBytesMax, " bytes"));
  }
  AgentConfig config;
  std::set<std::string> seen;
  std::vector<std::string> wrong;
  size_t number = 0;
  for (const auto whole : absl::StrSplit(absl::string_view(text.data(), text.size()), '\n')) {
    ++number;
    const std::string line(absl::StripAsciiWhitespace(whole));
    if (line.empty() || line[0] == '#') continue;
    const std::string what = TakeLine(line, &seen, &config);
    if (!what.empty()) wrong.push_back(absl::StrCat(file_name, ":", number, ": ", what));
  }
  if (const std::string conflict = Conflict(config); !conflict.empty() && wrong.empty()) {
    wrong.push_back(absl::StrCat(file_name, ": ", conflict));
  }
  if (!wrong.empty()) return absl::InvalidArgumentError(absl::StrJoin(wrong, "\n"));
  return config;
}

absl::StatusOr<AgentConfig> ReadAgentConfig(const std::string& path) {
  const absl::StatusOr<std::string> text = base::ReadSmallFile(path, kAgentConfigBytesMax + 1);
  if (!text.ok()) return text.status();
  return ParseAgentConfig(*text, path);
}

std::vector<std::pair<std::string, std::string>> ShowAgentConfig(const AgentConfig& config) {
  std::vector<std::pair<std::string, std::string>> shown;
  for (const Key& key : Keys()) shown.emplace_back(key.name, key.show(config));
  return shown;
}

}  // namespace client_plugin
