#include "server/config_keys.h"

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"

#include "server/config_values.h"
#include "server/space/space_keys.h"

namespace server {

namespace {

using storage::Flush;

// A terabyte, and a day: beyond them a mistake is more likely than a wish.
constexpr uint32_t kOpenBlocksMemoryMax = 1 << 20;
constexpr uint32_t kOpenBlocksAgeMax = 86'400;

// How far a known key may be from an unknown one. With three, short keys resemble everything.
constexpr size_t kEditsMax = 2;

// How many characters must be added, removed or replaced to make one word of the other.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i + 1);
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t replaced = diagonal + (LowerCase(a[i]) == LowerCase(b[j]) ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, diagonal + 1, row[j] + 1});
    }
  }
  return row[b.size()];
}

constexpr Choice<Flush> kFlushes[] = {{"NONE", Flush::kNone},
                                      {"INCREMENTAL", Flush::kIncremental},
                                      {"INCREMENTAL_ASYNC", Flush::kIncrementalAsync},
                                      {"DATA", Flush::kData},
                                      {"SYNC", Flush::kSync}};

constexpr Choice<NameFormat> kNameFormats[] = {{"NONE", NameFormat::kNone},
                                               {"HOSTNAME", NameFormat::kHostname},
                                               {"FQD", NameFormat::kFqd},
                                               {"NUMERIC", NameFormat::kNumeric},
                                               {"USER", NameFormat::kUser}};

// The words between the commas.
std::vector<std::string_view> SplitList(std::string_view value) {
  std::vector<std::string_view> words;
  for (size_t begin = 0; begin <= value.size();) {
    const size_t end = std::min(value.find(',', begin), value.size());
    std::string_view word = value.substr(begin, end - begin);
    begin = end + 1;
    if (word.starts_with(' ')) word.remove_prefix(1);  // There is one blank between words.
    if (word.ends_with(' ')) word.remove_suffix(1);
    words.push_back(word);
  }
  return words;
}

std::string SetAddresses(std::string_view value, std::vector<boost::asio::ip::address>* out) {
  out->clear();
  for (const std::string_view word : SplitList(value)) {
    boost::system::error_code error;
    const auto address = boost::asio::ip::make_address(std::string(word), error);
    // An interface behind the address ("%eth0") would have to be looked up.
    if (error || word.find('%') != std::string_view::npos) {
      return absl::StrFormat("\"%s\" is not an IP address", word);
    }
    if (std::ranges::find(*out, address) != out->end()) {
      return absl::StrFormat("%s is there twice", word);
    }
    if (out->size() == kListenAddressesMax) return "too many addresses";
    out->push_back(address);
  }
  return {};
}

// As browsers write it: what is written otherwise would never match.
bool IsOrigin(std::string_view word) {
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (!word.starts_with(scheme)) continue;
    const std::string_view host = word.substr(scheme.size());
    return !host.empty() &&
           host.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789.-:[]") == host.npos;
  }
  return false;
}

std::string SetOrigins(std::string_view value, std::vector<std::string>* out) {
  out->clear();
  for (const std::string_view word : SplitList(value)) {
    if (!IsOrigin(word)) return absl::StrFormat("\"%s\" is not an origin", word);
    if (out->size() == kJsonOriginsMax) return "too many origins";
    out->emplace_back(word);
  }
  return {};
}

std::string ShowOrigins(const Config& config) {
  std::string text;
  for (const std::string& origin : config.api.api_json_origins) {
    if (!text.empty()) text += ", ";
    text += origin;
  }
  return text.empty() ? "pages of no other origin" : text;
}

std::string_view RemarkOrigins(const Config& config) {
  return config.api.api_json_port ? "" : "counts only with api_json_port";
}

std::string SetPortRange(std::string_view value, std::optional<PortRange>* out) {
  const size_t dash = std::min(value.find('-'), value.size());
  PortRange range;
  std::string wrong = SetNumber(value.substr(0, dash), 0, 65535, &range.first);
  range.last = range.first;
  if (wrong.empty() && dash < value.size()) {
    wrong = SetNumber(value.substr(dash + 1), 0, 65535, &range.last);
  }
  if (!wrong.empty()) return wrong;
  if (range.first > range.last) return "the first port is above the last";
  *out = range;
  return {};
}

std::string SetAbsolutePath(std::string_view value, std::string* out) {
  if (value.front() != '/') return "not an absolute path";
  *out = value;
  return {};
}

std::string SetName(std::string_view value, std::string* out) {
  if (value.size() > kNameBytesMax) return "too long";
  *out = value;
  return {};
}

std::string RefuseKerberos(std::string_view value) {
  bool enabled = false;
  std::string wrong = SetChoice(value, kYesNo, &enabled);
  if (!wrong.empty()) return wrong;
  return enabled ? "only TCP is built in" : "";
}

std::string ShowAddresses(const Config& config) {
  std::string text;
  for (const boost::asio::ip::address& address : config.listener.listen_address) {
    if (!text.empty()) text += ", ";
    text += address.to_string();
  }
  return text.empty() ? "all addresses, IPv6 and IPv4" : text;
}

std::string ShowPort(const std::optional<uint16_t>& port, const char* none) {
  return port ? std::to_string(*port) : none;
}

std::string ShowPortRange(const Config& config) {
  const std::optional<PortRange>& range = config.listener.tcp_client_ports;
  return range ? absl::StrFormat("%d-%d", range->first, range->last) : "any port";
}

std::string ShowName(const Config& config) {
  return config.identity.name.empty() ? "no name" : config.identity.name;
}

std::string_view RemarkPort(const Config& config) {
  return config.listener.tcp_listen_port == 0 ? "the kernel chooses a free port" : "";
}

std::string_view RemarkQueue(const Config& config) {
  return config.listener.tcp_listen_queue >= 128
             ? ""
             : "short: of many clients that connect at once most wait for seconds; 1024 is better";
}

bool IsIncremental(Flush flush) {
  return flush == Flush::kIncremental || flush == Flush::kIncrementalAsync;
}

std::string_view RemarkFlush(const Config& config) {
  if (config.store.flush == Flush::kSync || config.store.flush == Flush::kData) return "";
  return "warning: records are acknowledged before they are on the disk, a power failure can "
         "lose them; SYNC or DATA does not";
}

// auditd refuses this too.
std::string_view ConflictFreq(const Config& config) {
  const bool never_flushes = IsIncremental(config.store.flush) && config.store.freq == 0;
  return never_flushes ? "0 with incremental flush" : "";
}

std::string_view RemarkFreq(const Config& config) {
  return IsIncremental(config.store.flush) ? "" : "counts only with incremental flush";
}

std::string_view ConflictNameFormat(const Config& config) {
  const bool name_is_missing =
      config.identity.name_format == NameFormat::kUser && config.identity.name.empty();
  return name_is_missing ? "there is no name" : "";
}

std::string_view RemarkName(const Config& config) {
  if (config.identity.name_format == NameFormat::kUser) return "";
  return "counts only with name_format = USER";
}

constexpr std::string_view kAbsolutePath = "an absolute path without blanks";

constexpr HonouredKey kOwnKeys[] = {
    {"listen_address", "up to 64 different IPv4 and IPv6 addresses, with commas between them",
     [](auto value, auto* c) {
       std::string wrong = SetAddresses(value, &c->listener.listen_address);
       c->api.listen_address = c->listener.listen_address;
       return wrong;
     },
     ShowAddresses},
    {"tcp_listen_port", "a number from 1 to 65535, or 0 for any free port",
     [](auto value, auto* c) { return SetNumber(value, 0, 65535, &c->listener.tcp_listen_port); },
     [](const auto& c) { return ShowPort(c.listener.tcp_listen_port, "no network listener"); },
     nullptr, RemarkPort},
    {"tcp_listen_queue", "a number from 1 to 65535",
     [](auto value, auto* c) { return SetNumber(value, 1, 65535, &c->listener.tcp_listen_queue); },
     [](const auto& c) { return std::to_string(c.listener.tcp_listen_queue); }, nullptr,
     RemarkQueue},
    {"tcp_max_per_addr", "a number from 1 to 1024",
     [](auto value, auto* c) { return SetNumber(value, 1, 1024, &c->listener.tcp_max_per_addr); },
     [](const auto& c) { return std::to_string(c.listener.tcp_max_per_addr); }},
    {"tcp_client_ports", "a port or first-last, from 0 to 65535",
     [](auto value, auto* c) { return SetPortRange(value, &c->listener.tcp_client_ports); },
     ShowPortRange},
    {"tcp_client_max_idle", "seconds from 0 (never) to 2147483647",
     [](auto value, auto* c) {
       return SetNumber(value, 0, kIntMax, &c->listener.tcp_client_max_idle_s);
     },
     [](const auto& c) { return std::to_string(c.listener.tcp_client_max_idle_s); }},
    {"use_libwrap", "yes, no",
     [](auto value, auto* c) { return SetChoice(value, kYesNo, &c->listener.use_libwrap); },
     [](const auto& c) { return WordFor(c.listener.use_libwrap, kYesNo); }},
    {"replace_stale_connection", "yes, no",
     [](auto value, auto* c) {
       return SetChoice(value, kYesNo, &c->listener.replace_stale_connection);
     },
     [](const auto& c) { return WordFor(c.listener.replace_stale_connection, kYesNo); }},
    {"api_listen_port", "a number from 1 to 65535, or 0 for any free port",
     [](auto value, auto* c) { return SetNumber(value, 0, 65535, &c->api.api_listen_port); },
     [](const auto& c) { return ShowPort(c.api.api_listen_port, "no API over the network"); }},
    {"api_json_port", "a number from 1 to 65535, or 0 for any free port",
     [](auto value, auto* c) { return SetNumber(value, 0, 65535, &c->api.api_json_port); },
     [](const auto& c) { return ShowPort(c.api.api_json_port, "no JSON over HTTPS"); }},
    {"api_json_origins", "up to 64 origins such as https://dashboard.example, with commas between",
     [](auto value, auto* c) { return SetOrigins(value, &c->api.api_json_origins); }, ShowOrigins,
     nullptr, RemarkOrigins},
    {"api_certificate_file", kAbsolutePath,
     [](auto value, auto* c) { return SetAbsolutePath(value, &c->api.tls.certificate); },
     [](const auto& c) { return c.api.tls.certificate; }},
    {"api_key_file", kAbsolutePath,
     [](auto value, auto* c) { return SetAbsolutePath(value, &c->api.tls.key); },
     [](const auto& c) { return c.api.tls.key; }},
    {"api_ca_file", kAbsolutePath,
     [](auto value, auto* c) { return SetAbsolutePath(value, &c->api.tls.ca); },
     [](const auto& c) { return c.api.tls.ca; }},
    {"api_access_file", kAbsolutePath,
     [](auto value, auto* c) { return SetAbsolutePath(value, &c->api.access_file); },
     [](const auto& c) {
       return c.api.access_file.empty() ? "every caller with a certificate is an agent"
                                        : c.api.access_file;
     }},
    {"api_token_file", kAbsolutePath,
     [](auto value, auto* c) { return SetAbsolutePath(value, &c->api.token_file); },
     [](const auto& c) { return c.api.token_file.empty() ? "no tokens" : c.api.token_file; }},
    {"api_crl_file", kAbsolutePath,
     [](auto value, auto* c) { return SetAbsolutePath(value, &c->api.crl_file); },
     [](const auto& c) {
       return c.api.crl_file.empty() ? "no certificate is revoked" : c.api.crl_file;
     }},
    {"api_enroll_ca", kAbsolutePath,
     [](auto value, auto* c) { return SetAbsolutePath(value, &c->api.enroll_ca); },
     [](const auto& c) { return c.api.enroll_ca.empty() ? "nobody can enroll" : c.api.enroll_ca; }},
    {"api_max_time", "seconds from 0 (as long as it takes) to 2147483647",
     [](auto value, auto* c) { return SetNumber(value, 0, kIntMax, &c->api.max_time_s); },
     [](const auto& c) { return std::to_string(c.api.max_time_s); }},
    {"quota_records", "records a second from 0 (as many as come) to 1000000000",
     [](auto value, auto* c) { return SetNumber(value, 0, kQuotaMax, &c->quotas.records); },
     [](const auto& c) { return std::to_string(c.quotas.records); }},
    {"quota_bytes_day", "MB in a day from 0 (as many as come) to 1000000000",
     [](auto value, auto* c) { return SetNumber(value, 0, kQuotaMax, &c->quotas.bytes_day); },
     [](const auto& c) { return std::to_string(c.quotas.bytes_day); }},
    {"quota_file", kAbsolutePath,
     [](auto value, auto* c) { return SetAbsolutePath(value, &c->quotas.file); },
     [](const auto& c) {
       return c.quotas.file.empty() ? "the same quotas for all hosts" : c.quotas.file;
     }},
    {"api_socket", kAbsolutePath,
     [](auto value, auto* c) { return SetAbsolutePath(value, &c->api.socket.path); },
     [](const auto& c) {
       return c.api.socket.path.empty() ? "no unix socket" : c.api.socket.path;
     }},
    {"api_socket_group", "the name of a group",
     [](auto value, auto* c) { return SetName(value, &c->api.socket.group); },
     [](const auto& c) {
       return c.api.socket.group.empty() ? "only root may connect" : c.api.socket.group;
     }},
    {"transport", "TCP",
     [](auto value, auto*) {
       return std::string(SameWord(value, "tcp") ? "" : "only TCP is built in");
     },
     [](const auto&) { return std::string("TCP"); }},
    {"enable_krb5", "no", [](auto value, auto*) { return RefuseKerberos(value); },
     [](const auto&) { return std::string("no"); }},
    {"store_dir", kAbsolutePath,
     [](auto value, auto* c) { return SetAbsolutePath(value, &c->store.store_dir); },
     [](const auto& c) { return c.store.store_dir; }},
    {"retention_file", kAbsolutePath,
     [](auto value, auto* c) { return SetAbsolutePath(value, &c->store.retention_file); },
     [](const auto& c) {
       return c.store.retention_file.empty() ? "nothing is deleted for its age or size"
                                             : c.store.retention_file;
     }},
    {"backup_dir", kAbsolutePath,
     [](auto value, auto* c) { return SetAbsolutePath(value, &c->store.backup_dir); },
     [](const auto& c) {
       return c.store.backup_dir.empty() ? "no backups by the API" : c.store.backup_dir;
     }},
    {"state_file", kAbsolutePath,
     [](auto value, auto* c) { return SetAbsolutePath(value, &c->state.state_file); },
     [](const auto& c) { return c.state.state_file; }},
    {"report_interval", "a number of seconds from 0 (never) to 2147483647",
     [](auto value, auto* c) { return SetNumber(value, 0, kIntMax, &c->state.report_interval_s); },
     [](const auto& c) { return std::to_string(c.state.report_interval_s); }},
    {"flush", "NONE, INCREMENTAL, INCREMENTAL_ASYNC, DATA, SYNC",
     [](auto value, auto* c) { return SetChoice(value, kFlushes, &c->store.flush); },
     [](const auto& c) { return WordFor(c.store.flush, kFlushes); }, nullptr, RemarkFlush},
    {"freq", "a number from 0 to 2147483647, not 0 with incremental flush",
     [](auto value, auto* c) { return SetNumber(value, 0, kIntMax, &c->store.freq); },
     [](const auto& c) { return std::to_string(c.store.freq); }, ConflictFreq, RemarkFreq},
    {"open_blocks_memory", "a number of MB from 1 to 1048576",
     [](auto value, auto* c) {
       return SetNumber(value, 1, kOpenBlocksMemoryMax, &c->store.open_blocks_memory);
     },
     [](const auto& c) { return std::to_string(c.store.open_blocks_memory); }},
    {"open_blocks_age", "a number of seconds from 1 to 86400",
     [](auto value, auto* c) {
       return SetNumber(value, 1, kOpenBlocksAgeMax, &c->store.open_blocks_age);
     },
     [](const auto& c) { return std::to_string(c.store.open_blocks_age); }},
    {"name_format", "NONE, HOSTNAME, FQD, NUMERIC, or USER with a line name = WORD",
     [](auto value, auto* c) { return SetChoice(value, kNameFormats, &c->identity.name_format); },
     [](const auto& c) { return WordFor(c.identity.name_format, kNameFormats); },
     ConflictNameFormat},
    {"name", "a word of up to 255 bytes",
     [](auto value, auto* c) { return SetName(value, &c->identity.name); }, ShowName, nullptr,
     RemarkName},
};

constexpr std::string_view kNoLocalEvents =
    "auspexd stores what clients send; run auditd for the events of this machine";
constexpr std::string_view kNoLogFiles = "records are kept in store_dir, not in log files";
constexpr std::string_view kNoPlugins = "auspexd starts no plugins";
constexpr std::string_view kNoKerberos = "Kerberos is not built in";
constexpr std::string_view kNoTls = "TLS is not built in";

constexpr OtherKey kOtherKeys[] = {
    {"local_events", kNoLocalEvents},
    {"write_logs", "what clients send is always stored"},
    {"log_file", kNoLogFiles},
    {"log_format", "records are stored as clients send them; the clients enrich them"},
    {"log_group", kNoLogFiles},
    {"priority_boost", "the priority is that of the service, see systemd.exec(5), Nice="},
    {"distribute_network", kNoPlugins},
    {"dispatcher", kNoPlugins},
    {"disp_qos", kNoPlugins},
    {"q_depth", kNoPlugins},
    {"overflow_action", kNoPlugins},
    {"max_restarts", kNoPlugins},
    {"plugin_dir", kNoPlugins},
    {"end_of_event_timeout", "records are joined to events when they are searched"},
    {"krb5_principal", kNoKerberos},
    {"krb5_key_file", kNoKerberos},
    {"tls_psk_file", kNoTls},
    {"tls_psk_identity", kNoTls},
    {"tls_cipher_suites", kNoTls},
    {"tls_key_exchange", kNoTls},
    {"tls_require_pqc", kNoTls},
    {"tls_auth", kNoTls},
    {"tls_crypto_profile", kNoTls},
    {"tls_allowed_clients", kNoTls},
};

// Those of space/ stand behind the last that is about the store.
std::vector<HonouredKey> JoinKeys() {
  std::vector<HonouredKey> keys;
  for (const HonouredKey& key : kOwnKeys) {
    keys.push_back(key);
    if (key.name != "open_blocks_age") continue;
    for (const HonouredKey& of_space : SpaceKeys()) keys.push_back(of_space);
  }
  return keys;
}

template <typename Key>
const Key* FindKey(std::string_view name, std::span<const Key> keys) {
  const auto found =
      std::ranges::find_if(keys, [name](const Key& key) { return SameWord(key.name, name); });
  return found == keys.end() ? nullptr : &*found;
}

}  // namespace

std::span<const HonouredKey> HonouredKeys() {
  static const std::vector<HonouredKey> keys = JoinKeys();
  return keys;
}

const HonouredKey* FindHonouredKey(std::string_view name) { return FindKey(name, HonouredKeys()); }

const OtherKey* FindOtherKey(std::string_view name) {
  return FindKey(name, std::span<const OtherKey>(kOtherKeys));
}

std::string_view NearestKey(std::string_view name) {
  std::string_view nearest;
  size_t least = kEditsMax + 1;
  const auto consider = [&](std::string_view known) {
    const size_t longer = std::max(name.size(), known.size());
    if (longer - std::min(name.size(), known.size()) > kEditsMax) return;
    const size_t distance = EditDistance(name, known);
    if (distance >= least) return;
    least = distance;
    nearest = known;
  };
  for (const HonouredKey& key : HonouredKeys()) consider(key.name);
  for (const OtherKey& key : kOtherKeys) consider(key.name);
  return nearest;
}

}  // namespace server
