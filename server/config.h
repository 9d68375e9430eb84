// The configuration of auspexd: a file with the syntax and the keys of auditd.conf(5), and
// with a few keys of ours. An auditd.conf of audit 3.0.9 to 4.2 works as it is.
//
//   file  := { line newline }     the last line may lack its newline; "\r\n" is a newline too
//   line  := blanks [ "#" anything | key blanks "=" blanks value blanks ]
//   value := word { blanks word }    one word, but for lists and the actions
//
// Keys, and values that are one of a few words, may be written in upper or lower case. auditd
// wants blanks around the "=", we do not. As in auditd a comment is a line of its own, and the
// last of a repeated key counts. auditd stops at the first error; we name all of them.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include <boost/asio/ip/address.hpp>

#include "server/api/local_socket_options.h"
#include "server/api/tls_files.h"
#include "server/space/space_options.h"
#include "storage/flush.h"

namespace server {

// A configuration has some fifty lines, with comments a few hundred. More is another file.
inline constexpr size_t kConfigBytesMax = 1 << 20;

// Room for the longest path (PATH_MAX, 4,096) with its key; auditd skips a line of 512 or more.
inline constexpr size_t kConfigLineBytesMax = 5000;

// About twenty times the keys there are. It bounds what a file of rubbish makes us remember.
inline constexpr size_t kConfigFindingsMax = 1000;

// More than the addresses of a usual machine. Each is a socket that listens.
inline constexpr size_t kListenAddressesMax = 64;

// More dashboards than one collector has.
inline constexpr size_t kJsonOriginsMax = 64;

// HOST_NAME_MAX of POSIX. The name stands in front of each of our own records.
inline constexpr size_t kNameBytesMax = 255;

// Of a quota: records a second, or MB in a day. Beyond it a mistake is more likely than a wish.
inline constexpr uint32_t kQuotaMax = 1'000'000'000;

// Ports from first to last, both included.
struct PortRange {
  uint16_t first = 0;
  uint16_t last = 65535;

  friend bool operator==(const PortRange&, const PortRange&) = default;
};

// Where clients connect, and which of them may.
struct ListenerOptions {
  // Empty: all addresses of the machine, IPv6 and IPv4, as auditd listens. Ours.
  std::vector<boost::asio::ip::address> listen_address;

  // Absent: no network listener, as in auditd. 0: the kernel chooses a free port, for tests.
  std::optional<uint16_t> tcp_listen_port;

  // The backlog of listen(2), passed on as it is. auditd's default is 5: of a fleet that connects
  // again at once, as after a restart, most clients then wait for seconds.
  uint16_t tcp_listen_queue = 1024;

  // Connections at once from one address, 1 to 1024. auditd's default: a host has one audit
  // daemon. Hosts behind one NAT address need more.
  uint16_t tcp_max_per_addr = 1;

  // The source ports that clients may use. Absent: any, as in auditd. 1-1023 asks for root.
  std::optional<PortRange> tcp_client_ports;

  // Seconds without any byte after which a client is closed. 0: never, auditd's default, since
  // a stock client sends no heartbeats unless it is told to.
  uint32_t tcp_client_max_idle_s = 0;

  // Ask hosts.allow and hosts.deny. auditd's default; without those files all are allowed.
  bool use_libwrap = true;

  // When an address is at tcp_max_per_addr, a new connection takes the place of one that is
  // dead. Ours; on, because else a host that lost its power is locked out for hours.
  bool replace_stale_connection = true;

  friend bool operator==(const ListenerOptions&, const ListenerOptions&) = default;
};

// Where agents connect. All of it is ours.
struct ApiOptions {
  // As ListenerOptions::listen_address, from the same key.
  std::vector<boost::asio::ip::address> listen_address;

  // Absent: no API over the network. 0: the kernel chooses a free port, for tests.
  std::optional<uint16_t> api_listen_port;

  // Where the JSON door listens, as api_listen_port.
  std::optional<uint16_t> api_json_port;

  // The origins whose pages may have a browser call it: "https://dashboard.example".
  std::vector<std::string> api_json_origins;

  TlsFiles tls = {.certificate = "/etc/auspex/tls/server.crt",
                  .key = "/etc/auspex/tls/server.key",
                  .ca = "/etc/auspex/tls/ca.crt"};

  // Who may do what: see access.h. Empty: whoever has a certificate is an agent.
  std::string access_file;

  // Tokens of readers (see pki/secret_file.h), and lists of revoked certificates in PEM. Empty:
  // none.
  std::string token_file = {};
  std::string crl_file = {};

  // The directory of a CA (see pki/authority.h) that signs certificates for hosts that are invited.
  // Empty: nobody can enroll.
  std::string enroll_ca = {};

  // Seconds that the answer to a call may take, save those that go on until they are ended. 0: as
  // long as it takes. Ten minutes are long for a report, and too short for an export of all that a
  // large fleet has sent in a year, which is better made in parts.
  uint32_t max_time_s = 600;

  LocalSocketOptions socket;

  friend bool operator==(const ApiOptions&, const ApiOptions&) = default;
};

// What one host may deliver: see quotas.h. All of it is ours.
struct QuotaOptions {
  // Records a second. 0: as many as come, since what is much for one fleet is little for another.
  uint32_t records = 0;

  // MB in a day of UTC. 0: as many as come.
  uint32_t bytes_day = 0;

  // Hosts that are exceptions: see quota_rules.h. Empty: none.
  std::string file = {};

  friend bool operator==(const QuotaOptions&, const QuotaOptions&) = default;
};

// Where records are kept, and how safely.
struct StoreOptions {
  // Where packages may keep state (FHS /var/lib). An absolute path. Ours.
  std::string store_dir = "/var/lib/auspex/store";

  // What is kept, and for how long: see storage/retention.h. Empty: everything. Ours.
  std::string retention_file = {};

  // Where backups may be made, and below it. Empty: none by the API. Ours.
  std::string backup_dir = {};

  // An acknowledgement means durable. auditd's stock file says INCREMENTAL_ASYNC, under which
  // a power failure loses what was acknowledged; one commit for all clients makes sync cheap.
  storage::Flush flush = storage::Flush::kSync;

  // Records between two flushes; counts with the incremental modes only, and is not 0 then.
  // The value of auditd's stock file.
  uint32_t freq = 50;

  // What may be in memory and in no block yet, in MB: enough for blocks of a useful size with some
  // thousand hosts. Ours.
  uint32_t open_blocks_memory = 256;

  // After so many seconds what a quiet host has sent is in a block, too. Ours.
  uint32_t open_blocks_age = 3600;

  friend bool operator==(const StoreOptions&, const StoreOptions&) = default;
};

// How it tells of itself.
struct StateOptions {
  // Written on SIGCONT, in place of what is there. An absolute path. Ours: auditd's is built in.
  std::string state_file = "/run/auspex/auspexd.state";

  // Seconds after which it is written again and again. 0: never, auditd's default.
  uint32_t report_interval_s = 0;

  friend bool operator==(const StateOptions&, const StateOptions&) = default;
};

// How node= in front of our own DAEMON_* records names this machine.
enum class NameFormat {
  kNone,      // No node=.
  kHostname,  // What gethostname(2) returns.
  kFqd,       // The full domain name of it.
  kNumeric,   // The address of it.
  kUser,      // DaemonIdentity::name.
};

// How auspexd names itself in the records that it writes. Clients' records stay as they are.
struct DaemonIdentity {
  // auditd's default.
  NameFormat name_format = NameFormat::kNone;

  // Set if name_format is kUser. Without blanks, at most kNameBytesMax bytes.
  std::string name;

  friend bool operator==(const DaemonIdentity&, const DaemonIdentity&) = default;
};

// The whole configuration. Each component takes its own part.
struct Config {
  ListenerOptions listener;
  ApiOptions api;
  QuotaOptions quotas;
  StoreOptions store;
  SpaceOptions space;
  StateOptions state;
  DaemonIdentity identity;

  friend bool operator==(const Config&, const Config&) = default;
};

enum class Verdict {
  kHonoured,        // It does what auditd.conf(5) or auspexd.conf(5) says.
  kWithoutMeaning,  // auditd knows it; here it has no effect.
  kWrong,           // The file is refused.
};

// What we make of one line that is neither empty nor a comment.
struct Finding {
  size_t line = 0;    // From 1.
  std::string key;    // As written. Empty if the line holds no key.
  std::string value;  // As written, with one blank between words. Empty if there is none.
  Verdict verdict = Verdict::kHonoured;
  std::string reason;   // Why without meaning, what is wrong, or a remark, often empty.
  std::string allowed;  // What could stand there. Only if wrong.
};

// A key that would be honoured and that the file does not set.
struct DefaultInForce {
  std::string key;
  std::string value;  // In words, where the default is not a value of the key.
};

struct ParsedConfig {
  std::string file_name;
  Config config;                         // To be used only if ok().
  std::vector<Finding> findings;         // In the order of the file.
  std::vector<DefaultInForce> defaults;  // In the order of auspexd.conf(5).

  // True if nothing is wrong.
  bool ok() const;
};

// Reads a whole configuration; looks at nothing but its arguments. Text beyond the limits
// above is wrong like any other error. `file_name` is used in messages only.
ParsedConfig ParseConfig(std::string_view text, std::string_view file_name);

// Reads and parses a file. It fails if the file is missing (kNotFound) or cannot be read
// (kUnavailable), with a message for an administrator. Errors in the text are no failure: ask
// ok(). It also finds what is wrong on this machine: scripts that are not there, say. Of a large
// file no more than kConfigBytesMax + 1 bytes are read.
absl::StatusOr<ParsedConfig> ReadConfigFile(const std::string& path);

// One line for a finding, without newline and with all but printable ASCII escaped:
//
//   auditd.conf:12: tcp_listen_port = 60: honoured
//   auditd.conf:12: num_logs = 5: without meaning: the store has no log files to rotate
//   auditd.conf:12: flush = often: wrong: not one of the words, allowed: none, sync, ...
std::string FormatFinding(const ParsedConfig& parsed, const Finding& finding);

// The report of --check-config: a line per finding, a line per default in force, a verdict.
std::string FormatReport(const ParsedConfig& parsed);

}  // namespace server
