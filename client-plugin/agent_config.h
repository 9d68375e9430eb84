// auspex-agent.conf: what the agent captures, and where it goes. See auspex-agent.conf(5).
//
//   file := { line newline }    the last line may lack its newline
//   line := blanks [ "#" anything | key blanks "=" blanks value blanks ]
//
// A key stands once, but for "filter", of which there may be many, in their order. Words are in
// upper or lower case.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

#include "client-plugin/record_queue.h"
#include "client-plugin/sender.h"
#include "client-plugin/spool.h"

namespace client_plugin {

// With comments some hundred lines, with many filters some thousand. More is another file.
inline constexpr size_t kAgentConfigBytesMax = 1 << 20;

enum class SourceKind : uint8_t {
  kNetlink,    // We own the audit socket, in place of auditd.
  kMulticast,  // We listen, beside whoever owns it.
  kPlugin,     // auditd has started us.
};

enum class RulesMode : uint8_t {
  kLoad,    // They are loaded at the start and at a reload, and watched.
  kCheck,   // The kernel's are compared with them each minute: somebody else loads them.
  kIgnore,  // They are not looked at.
};

// Of the kernel's audit. Absent: left as it is.
struct AuditSettings {
  std::optional<uint32_t> backlog_limit;      // Records that may wait for us; 0: any number.
  std::optional<uint32_t> backlog_wait_time;  // How long a process waits then, in jiffies.
  std::optional<uint32_t> failure_mode;       // What is done about a loss: 0 nothing, 1 it is
                                              // printed, 2 the kernel panics.
  std::optional<uint32_t> rate_limit;         // Records a second; 0: any number.

  friend bool operator==(const AuditSettings&, const AuditSettings&) = default;
};

struct AgentConfig {
  SourceKind source = SourceKind::kNetlink;

  // auditd's way: who owns the socket wants to have records. Only with kNetlink.
  bool enable_audit = true;
  AuditSettings kernel;

  // As log_format of auditd.conf. What auditd has enriched stays as it is.
  bool is_enriched = true;
  bool has_container_ids = true;
  std::vector<std::string> filters;  // See filter.h.

  RulesMode rules = RulesMode::kIgnore;
  std::string rules_directory = "/etc/audit/rules.d";
  std::string rules_file;  // One file in place of a directory. Empty: none.

  uint32_t queue_mb = 16;
  QueueFull queue_full = QueueFull::kDropNewest;

  std::string spool_directory = "/var/lib/auspex-agent/spool";
  uint32_t spool_mb = 256;
  uint32_t spool_hours = 0;  // 0: it is kept however old it is.
  WhenFull spool_full = WhenFull::kDropOldest;

  // Collectors, in the order of preference. None: all goes to the store of this host.
  std::vector<std::string> servers;
  TlsFiles tls = {.certificate = "/etc/auspex/tls/client.pem",  // Where `auspex enroll` puts them.
                  .key = "/etc/auspex/tls/client.key",
                  .ca = "/etc/auspex/tls/ca.pem"};
  std::string server_name;
  std::string store_directory = "/var/lib/auspex-agent/store";

  // A port of the loopback address where /metrics is. Absent: none. 0: any, for tests.
  std::optional<uint16_t> metrics_port;

  // Where `auspex-agent status` asks.
  std::string status_socket = "/run/auspex-agent/status.sock";

  // What may go by at the end until what is left in the spool is delivered.
  uint32_t stop_seconds = 5;

  friend bool operator==(const AgentConfig&, const AgentConfig&) = default;
};

// kInvalidArgument has all that is wrong, a line for each: "FILE:LINE: what".
absl::StatusOr<AgentConfig> ParseAgentConfig(std::string_view text, const std::string& file_name);

// Likewise; or kNotFound or kUnavailable, naming the file.
absl::StatusOr<AgentConfig> ReadAgentConfig(const std::string& path);

// Of each key, in the order of the example: its name and its value of a configuration, as it would
// be written; empty if it has none.
std::vector<std::pair<std::string, std::string>> ShowAgentConfig(const AgentConfig& config);

}  // namespace client_plugin
