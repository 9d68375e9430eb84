#include "client-plugin/agent_config.h"

#include <algorithm>
#include <limits>
#include <set>
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
  Wrong (*set)(const std::string& value, AgentConfig* config);
  std::string (*show)(const AgentConfig& config);
};

template <typename Value, size_t kCount>
using Words = std::pair<const char*, Value>[kCount];

constexpr Words<SourceKind, 3> kSources = {{"netlink", SourceKind::kNetlink},
                                           {"multicast", SourceKind::kMulticast},
                                           {"plugin", SourceKind::kPlugin}};
constexpr Words<RulesMode, 3> kRules = {
    {"load", RulesMode::kLoad}, {"check", RulesMode::kCheck}, {"ignore", RulesMode::kIgnore}};
constexpr Words<QueueFull, 3> kQueueFull = {{"drop_newest", QueueFull::kDropNewest},
                                            {"drop_oldest", QueueFull::kDropOldest},
                                            {"block", QueueFull::kBlock}};
constexpr Words<WhenFull, 2> kSpoolFull = {{"drop_newest", WhenFull::kDropNewest},
                                           {"drop_oldest", WhenFull::kDropOldest}};
constexpr Words<bool, 2> kBooleans = {{"yes", true}, {"no", false}};
constexpr Words<bool, 2> kFormats = {{"raw", false}, {"enriched", true}};

template <typename Value, size_t kCount>
Wrong SetWord(const std::pair<const char*, Value> (&words)[kCount], const std::string& value,
              Value* out) {
  std::vector<std::string> names;
  for (const auto& [name, meaning] : words) {
    if (absl::AsciiStrToLower(value) == name) {
      *out = meaning;
      return "";
    }
    names.emplace_back(name);
  }
  return absl::StrCat("one of ", absl::StrJoin(names, ", "));
}

template <typename Value, size_t kCount>
std::string ShowWord(const std::pair<const char*, Value> (&words)[kCount], Value value) {
  return std::ranges::find(words, value, &std::pair<const char*, Value>::second)->first;
}

template <typename Number, typename Out>
Wrong SetNumber(const std::string& value, Number min, Number max, Out* out) {
  const auto number = base::ParseNumber<Number>(value);
  if (!number || *number < min || *number > max) {
    return absl::StrCat("a number from ", min, " to ", max);
  }
  *out = static_cast<Number>(*number);
  return "";
}

template <typename Out>
Wrong SetNumber32(const std::string& value, Out* out) {
  return SetNumber<uint32_t>(value, 0, std::numeric_limits<uint32_t>::max(), out);
}

std::string ShowNumber(const std::optional<uint32_t>& number) {
  return number ? absl::StrCat(*number) : "";
}

Wrong SetPath(const std::string& value, std::string* out) {
  if (value[0] != '/') return "an absolute path";
  *out = value;
  return "";
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

#define AUSPEX_SET [](const std::string& value, AgentConfig* config) -> Wrong
#define AUSPEX_SHOW [](const AgentConfig& config) -> std::string

// In the order of the example file.
const Key kKeys[] = {{"source", AUSPEX_SET{return SetWord(kSources, value, &config->source);
}  // namespace
, AUSPEX_SHOW { return ShowWord(kSources, config.source); }
}  // namespace client_plugin
, {"enable_audit", AUSPEX_SET{return SetWord(kBooleans, value, &config->enable_audit);
}
, AUSPEX_SHOW { return ShowWord(kBooleans, config.enable_audit); }
}
, {"backlog_limit", AUSPEX_SET{return SetNumber32(value, &config->kernel.backlog_limit);
}
, AUSPEX_SHOW { return ShowNumber(config.kernel.backlog_limit); }
}
, {"backlog_wait_time", AUSPEX_SET{return SetNumber32(value, &config->kernel.backlog_wait_time);
}
, AUSPEX_SHOW { return ShowNumber(config.kernel.backlog_wait_time); }
}
, {"failure_mode", AUSPEX_SET{return SetNumber<uint32_t>(value, 0, 2, &config->kernel.failure_mode);
}
, AUSPEX_SHOW { return ShowNumber(config.kernel.failure_mode); }
}
, {"rate_limit", AUSPEX_SET{return SetNumber32(value, &config->kernel.rate_limit);
}
, AUSPEX_SHOW { return ShowNumber(config.kernel.rate_limit); }
}
, {"log_format", AUSPEX_SET{return SetWord(kFormats, value, &config->is_enriched);
}
, AUSPEX_SHOW { return ShowWord(kFormats, config.is_enriched); }
}
, {"container_ids", AUSPEX_SET{return SetWord(kBooleans, value, &config->has_container_ids);
}
, AUSPEX_SHOW { return ShowWord(kBooleans, config.has_container_ids); }
}
, {kFilterKey, &AddFilter, AUSPEX_SHOW{return absl::StrJoin(config.filters, "; ");
}
}
, {"rules", AUSPEX_SET{return SetWord(kRules, value, &config->rules);
}
, AUSPEX_SHOW { return ShowWord(kRules, config.rules); }
}
, {"rules_directory", AUSPEX_SET{return SetPath(value, &config->rules_directory);
}
, AUSPEX_SHOW { return config.rules_directory; }
}
, {"rules_file", AUSPEX_SET{return SetPath(value, &config->rules_file);
}
, AUSPEX_SHOW { return config.rules_file; }
}
, {"queue_size", AUSPEX_SET{return SetNumber<uint32_t>(value, 1, 1024, &config->queue_mb);
}
, AUSPEX_SHOW { return absl::StrCat(config.queue_mb); }
}
, {"queue_full", AUSPEX_SET{return SetWord(kQueueFull, value, &config->queue_full);
}
, AUSPEX_SHOW { return ShowWord(kQueueFull, config.queue_full); }
}
, {"spool_directory", AUSPEX_SET{return SetPath(value, &config->spool_directory);
}
, AUSPEX_SHOW { return config.spool_directory; }
}
, {"spool_size", AUSPEX_SET{return SetNumber<uint32_t>(value, 16, 1 << 20, &config->spool_mb);
}
, AUSPEX_SHOW { return absl::StrCat(config.spool_mb); }
}
, {"spool_age", AUSPEX_SET{return SetNumber<uint32_t>(value, 0, 87'600, &config->spool_hours);
}
, AUSPEX_SHOW { return absl::StrCat(config.spool_hours); }
}
, {"spool_full", AUSPEX_SET{return SetWord(kSpoolFull, value, &config->spool_full);
}
, AUSPEX_SHOW { return ShowWord(kSpoolFull, config.spool_full); }
}
, {"server", &SetServers, AUSPEX_SHOW{return absl::StrJoin(config.servers, " ");
}
}
, {"server_name", AUSPEX_SET{config->server_name = value;
return "";
}
, AUSPEX_SHOW { return config.server_name; }
}
, {"ca_file", AUSPEX_SET{return SetPath(value, &config->tls.ca);
}
, AUSPEX_SHOW { return config.tls.ca; }
}
, {"certificate_file", AUSPEX_SET{return SetPath(value, &config->tls.certificate);
}
, AUSPEX_SHOW { return config.tls.certificate; }
}
, {"key_file", AUSPEX_SET{return SetPath(value, &config->tls.key);
}
, AUSPEX_SHOW { return config.tls.key; }
}
, {"store_directory", AUSPEX_SET{return SetPath(value, &config->store_directory);
}
, AUSPEX_SHOW { return config.store_directory; }
}
, {"metrics_port", AUSPEX_SET{return SetNumber<uint16_t>(value, 0, 65535, &config->metrics_port);
}
, AUSPEX_SHOW { return config.metrics_port ? absl::StrCat(*config.metrics_port) : ""; }
}
, {"status_socket", AUSPEX_SET{return SetPath(value, &config->status_socket);
}
, AUSPEX_SHOW { return config.status_socket; }
}
, {"stop_time", AUSPEX_SET{return SetNumber<uint32_t>(value, 0, 600, &config->stop_seconds);
}
, AUSPEX_SHOW { return absl::StrCat(config.stop_seconds); }
}
,
}
;

#undef AUSPEX_SET
#undef AUSPEX_SHOW

// Takes a line that is neither empty nor a comment. Returns what is wrong with it.
std::string TakeLine(const std::string& line, std::set<std::string>* seen, AgentConfig* config) {
  if (line.size() > kLineBytesMax) return absl::StrCat("more than ", kLineBytesMax, " bytes");
  const size_t sign = line.find('=');
  if (sign == std::string::npos) return "this is not \"key = value\"";
  const std::string name = absl::AsciiStrToLower(absl::StripAsciiWhitespace(line.substr(0, sign)));
  const std::string value(absl::StripAsciiWhitespace(line.substr(sign + 1)));
  const auto* const key = std::ranges::find(kKeys, std::string_view(name), &Key::name);
  if (key == std::end(kKeys)) {
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
  for (const Key& key : kKeys) shown.emplace_back(key.name, key.show(config));
  return shown;
}

}  // namespace client_plugin
