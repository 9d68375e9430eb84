#include "server/config.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <stdlib.h>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace server {
namespace {

using ::storage::Flush;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

// The keys and values of Debian 12's /etc/audit/auditd.conf, with a port to listen on.
constexpr std::string_view kAggregator =
    "# An aggregator.\n"
    "local_events = yes\nwrite_logs = yes\nlog_file = /var/log/audit/audit.log\n"
    "log_group = adm\nlog_format = ENRICHED\nflush = INCREMENTAL_ASYNC\nfreq = 50\n"
    "max_log_file = 8\nnum_logs = 5\npriority_boost = 4\nname_format = NONE\n"
    "##name = mydomain\nmax_log_file_action = ROTATE\nspace_left = 75\n"
    "space_left_action = SYSLOG\nverify_email = yes\naction_mail_acct = root\n"
    "admin_space_left = 50\nadmin_space_left_action = SUSPEND\ndisk_full_action = SUSPEND\n"
    "disk_error_action = SUSPEND\nuse_libwrap = yes\ntcp_listen_port = 60\n"
    "tcp_listen_queue = 5\ntcp_max_per_addr = 1\n##tcp_client_ports = 1024-65535\n"
    "tcp_client_max_idle = 0\ntransport = TCP\nkrb5_principal = auditd\n"
    "##krb5_key_file = /etc/audit/audit.key\ndistribute_network = no\nq_depth = 2000\n"
    "overflow_action = SYSLOG\nmax_restarts = 10\nplugin_dir = /etc/audit/plugins.d\n"
    "end_of_event_timeout = 2\n";

// All keys of audit 3.0.9 and 4.2 that are not honoured.
constexpr std::string_view kKeysWithoutMeaning[] = {
    "local_events",       "write_logs",          "log_file",           "log_format",
    "log_group",          "priority_boost",      "dispatcher",         "disp_qos",
    "krb5_principal",     "krb5_key_file",       "tls_psk_file",       "tls_psk_identity",
    "tls_cipher_suites",  "tls_key_exchange",    "tls_require_pqc",    "tls_auth",
    "tls_crypto_profile", "tls_allowed_clients", "distribute_network", "q_depth",
    "overflow_action",    "max_restarts",        "plugin_dir",         "end_of_event_timeout",
};

// The report of --check-config on one line of the file.
std::string FindingOn(const ParsedConfig& parsed, size_t line) {
  for (const Finding& finding : parsed.findings) {
    if (finding.line == line) return FormatFinding(parsed, finding);
  }
  return "nothing";
}

std::string FindingFor(std::string_view text) { return FindingOn(ParseConfig(text, "f"), 1); }

std::string DefaultOf(const ParsedConfig& parsed, std::string_view key) {
  for (const DefaultInForce& unset : parsed.defaults) {
    if (unset.key == key) return unset.value;
  }
  return "nothing";
}

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string path = testing::TempDir() + "config_test.XXXXXX";
    path_ = mkdtemp(path.data());
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }

  std::string Write(std::string_view name, std::string_view text) const {
    const std::filesystem::path path = path_ / name;
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

TEST(ParseConfig, TakesAnAggregatorsAuditdConfAsItIs) {
  const ParsedConfig parsed = ParseConfig(kAggregator, "auditd.conf");
  EXPECT_TRUE(parsed.ok()) << FormatReport(parsed);

  Config expected;
  expected.listener.tcp_listen_port = 60;
  expected.listener.tcp_listen_queue = 5;
  expected.store.flush = Flush::kIncrementalAsync;
  const ChosenAction kSuspends = {.action = SpaceAction::kSuspend, .script = {}};
  expected.space = {.space_left = SpaceLimit{.number = 75},
                    .admin_space_left = SpaceLimit{.number = 50},
                    .admin_space_left_action = kSuspends,
                    .disk_full_action = kSuspends,
                    .disk_error_action = kSuspends,
                    .max_log_file = 8,
                    .num_logs = 5,
                    .max_log_file_action = {.action = SpaceAction::kRotate, .script = {}}};
  EXPECT_EQ(parsed.config, expected);
  EXPECT_EQ(parsed.findings.size(), 33u);
  EXPECT_EQ(FindingOn(parsed, 24), "auditd.conf:24: tcp_listen_port = 60: honoured");
  EXPECT_EQ(FindingOn(parsed, 4),
            "auditd.conf:4: log_file = /var/log/audit/audit.log: without meaning: records are kept "
            "in store_dir, not in log files");
}

TEST(ParseConfig, SetsWhatEachHonouredKeySays) {
  const ParsedConfig parsed = ParseConfig(
      "listen_address = 127.0.0.1, ::1,192.0.2.7\ntcp_listen_port = 0\ntcp_listen_queue = 128\n"
      "tcp_max_per_addr = 1024\ntcp_client_ports = 1-1023\ntcp_client_max_idle = 60\n"
      "use_libwrap = no\nreplace_stale_connection = no\nstore_dir = /srv/store\nflush = data\n"
      "freq = 7\nname_format = user\nname = web1\napi_listen_port = 50051\n"
      "api_socket = /run/s\napi_socket_group = adm\napi_access_file = "
      "/access\napi_certificate_file = /a.crt\napi_key_file = "
      "/a.key\napi_ca_file = /ca.crt\napi_json_port = 8443\n"
      "api_json_origins = https://a.example, http://localhost:3000\n"
      "api_token_file = /tokens\napi_crl_file = /crl\napi_enroll_ca = /ca\napi_max_time = 30\n"
      "quota_records = 500\nquota_bytes_day = 2000\nquota_file = /quotas\n",
      "f");
  ASSERT_TRUE(parsed.ok()) << FormatReport(parsed);

  Config expected;
  for (const char* address : {"127.0.0.1", "::1", "192.0.2.7"}) {
    expected.listener.listen_address.push_back(boost::asio::ip::make_address(address));
  }
  expected.api = {.listen_address = expected.listener.listen_address,
                  .api_listen_port = 50051,
                  .api_json_port = 8443,
                  .api_json_origins = {"https://a.example", "http://localhost:3000"},
                  .tls = {.certificate = "/a.crt", .key = "/a.key", .ca = "/ca.crt"},
                  .access_file = "/access",
                  .token_file = "/tokens",
                  .crl_file = "/crl",
                  .enroll_ca = "/ca",
                  .max_time_s = 30,
                  .socket = {.path = "/run/s", .group = "adm"}};
  expected.quotas = {.records = 500, .bytes_day = 2000, .file = "/quotas"};
  expected.listener.tcp_listen_port = 0;
  expected.listener.tcp_listen_queue = 128;
  expected.listener.tcp_max_per_addr = 1024;
  expected.listener.tcp_client_ports = PortRange{.first = 1, .last = 1023};
  expected.listener.tcp_client_max_idle_s = 60;
  expected.listener.use_libwrap = false;
  expected.listener.replace_stale_connection = false;
  expected.store = {.store_dir = "/srv/store", .flush = Flush::kData, .freq = 7};
  expected.identity = {.name_format = NameFormat::kUser, .name = "web1"};
  EXPECT_EQ(parsed.config, expected);
}

TEST(ParseConfig, ReadsTheWordsOfEachChoiceInAnyCase) {
  const struct {
    std::string_view word;
    Flush flush;
  } flushes[] = {{"none", Flush::kNone},
                 {"Incremental", Flush::kIncremental},
                 {"INCREMENTAL_ASYNC", Flush::kIncrementalAsync},
                 {"data", Flush::kData},
                 {"SYNC", Flush::kSync}};
  for (const auto& [word, flush] : flushes) {
    const ParsedConfig parsed = ParseConfig("FLUSH = " + std::string(word), "f");
    EXPECT_TRUE(parsed.ok()) << word;
    EXPECT_EQ(parsed.config.store.flush, flush) << word;
  }
  const struct {
    std::string_view word;
    NameFormat format;
  } formats[] = {{"NONE", NameFormat::kNone},
                 {"hostname", NameFormat::kHostname},
                 {"Fqd", NameFormat::kFqd},
                 {"numeric", NameFormat::kNumeric},
                 {"USER", NameFormat::kUser}};
  for (const auto& [word, format] : formats) {
    const ParsedConfig parsed = ParseConfig("name = x\nname_format = " + std::string(word), "f");
    EXPECT_TRUE(parsed.ok()) << word;
    EXPECT_EQ(parsed.config.identity.name_format, format) << word;
  }
}

TEST(ParseConfig, AcceptsTheEdgesOfEachRange) {
  for (const std::string_view line :
       {"tcp_listen_port = 65535", "tcp_listen_port = 0060", "tcp_listen_queue = 1",
        "tcp_listen_queue = 65535", "tcp_max_per_addr = 1", "tcp_client_ports = 0-65535",
        "tcp_client_ports = 1000", "tcp_client_max_idle = 2147483647", "freq = 0",
        "freq = 2147483647", "transport = tcp", "enable_krb5 = no", "listen_address = ::"}) {
    EXPECT_TRUE(ParseConfig(line, "f").ok()) << FindingFor(line);
  }
}

TEST(ParseConfig, NamesWhatIsWrongAndWhatIsAllowed) {
  const struct {
    std::string_view line;
    std::string_view finding;
  } cases[] = {
      {"tcp_listen_port = 65536",
       "f:1: tcp_listen_port = 65536: wrong: too large, allowed: a number from 1 to 65535, or 0 "
       "for any free port"},
      {"tcp_listen_port = -1", "not a number"},
      {"tcp_listen_port = 60x", "not a number"},
      {"tcp_listen_port = 99999999999999999999", "too large"},
      {"tcp_listen_queue = 0", "too small"},
      {"tcp_listen_queue = 65536", "too large"},
      {"tcp_max_per_addr = 0", "too small"},
      {"tcp_max_per_addr = 1025", "too large"},
      {"tcp_client_ports = 1024-", "not a number"},
      {"tcp_client_ports = -1024", "not a number"},
      {"tcp_client_ports = 1-2-3", "not a number"},
      {"tcp_client_ports = 1024-65536", "too large"},
      {"tcp_client_ports = 2-1", "the first port is above the last"},
      {"tcp_client_max_idle = 2147483648", "too large"},
      {"freq = often", "not a number"},
      {"use_libwrap = true", "not one of the words, allowed: yes, no"},
      {"replace_stale_connection = 1", "not one of the words, allowed: yes, no"},
      {"transport = TLS", "only TCP is built in, allowed: TCP"},
      {"transport = KRB5", "only TCP is built in, allowed: TCP"},
      {"enable_krb5 = yes", "only TCP is built in, allowed: no"},
      {"enable_krb5 = perhaps", "not one of the words, allowed: no"},
      {"flush = always", "allowed: NONE, INCREMENTAL, INCREMENTAL_ASYNC, DATA, SYNC"},
      {"name_format = DNS", "allowed: NONE, HOSTNAME, FQD, NUMERIC, or USER with a line"},
      {"store_dir = store", "not an absolute path, allowed: an absolute path without blanks"},
      {"listen_address = localhost", "\"localhost\" is not an IP address"},
      {"listen_address = 127.0.0.1,", "\"\" is not an IP address"},
      {"listen_address = 127.0.0.1 ::1", "\"127.0.0.1 ::1\" is not an IP address"},
      {"listen_address = fe80::1%lo", "\"fe80::1%lo\" is not an IP address"},
      {"listen_address = ::1, ::1", "::1 is there twice"},
      {"api_json_origins = *", "\"*\" is not an origin"},
      {"api_json_origins = https://a.example/", "\"https://a.example/\" is not an origin"},
      {"api_json_origins = https://a.example,", "\"\" is not an origin"},
  };
  for (const auto& [line, finding] : cases) {
    EXPECT_FALSE(ParseConfig(line, "f").ok()) << line;
    EXPECT_THAT(FindingFor(line), AllOf(StartsWith("f:1: "), HasSubstr(": wrong: "),
                                        HasSubstr(finding), HasSubstr(", allowed: ")));
  }
  EXPECT_THAT(FindingFor("name = " + std::string(256, 'x')), HasSubstr("wrong: too long"));
  EXPECT_TRUE(ParseConfig("name = " + std::string(255, 'x'), "f").ok());
}

TEST(ParseConfig, NamesAllErrorsAtOnce) {
  const ParsedConfig parsed =
      ParseConfig("flush = x\nfreq = 5\n\ntcp_listen_port = x\nnonsense\n", "f");
  EXPECT_THAT(FindingOn(parsed, 1), HasSubstr("wrong"));
  EXPECT_THAT(FindingOn(parsed, 2), HasSubstr("honoured"));
  EXPECT_EQ(FindingOn(parsed, 3), "nothing");
  EXPECT_THAT(FindingOn(parsed, 4), HasSubstr("wrong"));
  EXPECT_THAT(FindingOn(parsed, 5), HasSubstr("wrong"));
}

TEST(ParseConfig, SuggestsTheNearestKeyForAnUnknownOne) {
  EXPECT_EQ(FindingFor("tcp_listen_prt = 60"),
            "f:1: tcp_listen_prt = 60: wrong: unknown key, allowed: tcp_listen_port, or another "
            "key of auspexd.conf(5)");
  EXPECT_THAT(FindingFor("Freqs = 1"), HasSubstr("allowed: freq, or"));
  EXPECT_THAT(FindingFor("num_lgos = 1"), HasSubstr("allowed: num_logs, or"));
  EXPECT_THAT(FindingFor("port = 60"), EndsWith("allowed: the keys of auspexd.conf(5)"));
}

TEST(ParseConfig, SplitsLinesAsAuditdAndMore) {
  for (const std::string_view line :
       {"tcp_listen_port = 60", "  tcp_listen_port   =   60  ", "\ttcp_listen_port\t=\t60",
        "tcp_listen_port=60", "tcp_listen_port =60", "TCP_Listen_Port = 60",
        "tcp_listen_port = 60\r\n", "# comment \n tcp_listen_port = 60",
        "\n\n#\ntcp_listen_port = 60"}) {
    const ParsedConfig parsed = ParseConfig(line, "f");
    EXPECT_TRUE(parsed.ok()) << line;
    EXPECT_EQ(parsed.config.listener.tcp_listen_port, 60) << line;
  }
  EXPECT_EQ(ParseConfig("name = a=b#c", "f").config.identity.name, "a=b#c");
}

TEST(ParseConfig, RefusesLinesThatAreNotKeyAndValue) {
  using std::string_view_literals::operator""sv;
  const struct {
    std::string_view line;
    std::string_view finding;
  } cases[] = {
      {"freq", "f:1: freq: wrong: no \"=\", allowed: key = value, # comment"},
      {"freq 50", "f:1: freq 50: wrong: no \"=\""},
      {"freq =", "f:1: freq: wrong: no value"},
      {"= 50", "f:1:  = 50: wrong: no key"},
      {"=", "f:1: wrong: no key"},
      {"flush freq = 50", "f:1: flush freq = 50: wrong: more than one word before"},
      {"freq == 50", "f:1: freq = = 50: wrong: too many words"},
      {"freq = 50 # comment", "wrong: too many words, allowed: one word; a comment is a line"},
      {"num_logs = 5 6", "wrong: too many words"},
      {"disk_full_action = exec /bin/x y", "wrong: too many words"},
      {"freq = 5\0"sv, "f:1: wrong: a control character in the line"},
      {"freq = \x1b[2J", "f:1: wrong: a control character in the line"},
      {"freq = 5\rflush = sync", "f:1: wrong: a control character in the line"},
  };
  for (const auto& [line, finding] : cases) {
    EXPECT_THAT(FindingFor(line), HasSubstr(finding));
  }
  EXPECT_TRUE(ParseConfig("disk_full_action = exec /bin/x", "f").ok());
}

TEST(ParseConfig, PrintsNothingThatATerminalObeys) {
  EXPECT_THAT(FindingFor("\xc3\xa4\x9b = 1"), StartsWith("f:1: \\xc3\\xa4\\x9b = 1: wrong"));
}

TEST(ParseConfig, RefusesWhatIsBeyondItsLimits) {
  EXPECT_TRUE(ParseConfig("# " + std::string(kConfigLineBytesMax, 'x'), "f").ok());
  const std::string longest = "store_dir = /" + std::string(kConfigLineBytesMax - 13, 'x');
  EXPECT_TRUE(ParseConfig(longest, "f").ok());
  EXPECT_EQ(FindingFor(longest + "x"),
            "f:1: wrong: the line is too long, allowed: key = value, # comment");

  EXPECT_TRUE(ParseConfig(std::string(kConfigBytesMax, '\n'), "f").ok());
  EXPECT_EQ(FindingFor(std::string(kConfigBytesMax + 1, '\n')),
            "f:1: wrong: the file is too long, allowed: 1 MB");

  std::string many;
  for (size_t i = 1; i < kConfigFindingsMax; ++i) many += "freq = 1\n";
  EXPECT_TRUE(ParseConfig(many, "f").ok());
  const ParsedConfig too_many = ParseConfig(many + many, "f");
  EXPECT_EQ(too_many.findings.size(), kConfigFindingsMax);
  EXPECT_FALSE(too_many.ok());

  std::string addresses = "listen_address = 192.0.2.1";
  for (size_t i = 2; i <= kListenAddressesMax; ++i) addresses += ", 192.0.2." + std::to_string(i);
  EXPECT_TRUE(ParseConfig(addresses, "f").ok());
  EXPECT_THAT(FindingFor(addresses + ", ::1"), HasSubstr("wrong: too many addresses"));
}

TEST(ParseConfig, LetsTheLastOfARepeatedKeyCountAndSaysSo) {
  const ParsedConfig parsed =
      ParseConfig("tcp_max_per_addr = 2\nTCP_MAX_PER_ADDR = 3\nq_depth = 1\nq_depth = 2\n", "f");
  EXPECT_EQ(parsed.config.listener.tcp_max_per_addr, 3);
  EXPECT_EQ(FindingOn(parsed, 1),
            "f:1: tcp_max_per_addr = 2: honoured (line 2 sets it again and counts)");
  EXPECT_EQ(FindingOn(parsed, 2), "f:2: TCP_MAX_PER_ADDR = 3: honoured (line 1 no longer counts)");
  EXPECT_THAT(FindingOn(parsed, 4), EndsWith("; line 3 no longer counts"));
}

TEST(ParseConfig, ChecksKeysTogether) {
  EXPECT_THAT(FindingFor("name_format = USER"), HasSubstr("wrong: there is no name"));
  EXPECT_TRUE(ParseConfig("name_format = USER\nname = x", "f").ok());
  for (const std::string flush : {"INCREMENTAL", "INCREMENTAL_ASYNC"}) {
    EXPECT_THAT(FindingFor("freq = 0\nflush = " + flush), HasSubstr("wrong: 0 with incremental"));
    EXPECT_TRUE(ParseConfig("freq = 1\nflush = " + flush, "f").ok());
    EXPECT_TRUE(ParseConfig("flush = " + flush, "f").ok());
  }
}

TEST(ParseConfig, WarnsOfAFlushThatAcknowledgesTooEarly) {
  for (const std::string flush : {"NONE", "INCREMENTAL", "INCREMENTAL_ASYNC"}) {
    EXPECT_THAT(FindingFor("flush = " + flush), HasSubstr("honoured (warning: records are "
                                                          "acknowledged before they are on the"));
  }
  EXPECT_THAT(FindingFor("flush = DATA"), EndsWith("honoured"));
  EXPECT_THAT(FindingFor("flush = SYNC"), EndsWith("honoured"));
}

TEST(ParseConfig, SaysWhenAKeyDoesNotCount) {
  EXPECT_THAT(FindingFor("freq = 50"), EndsWith("honoured (counts only with incremental flush)"));
  EXPECT_THAT(FindingFor("name = x"), EndsWith("(counts only with name_format = USER)"));
  EXPECT_THAT(FindingFor("tcp_listen_port = 0"), EndsWith("(the kernel chooses a free port)"));
}

TEST(ParseConfig, KnowsEveryKeyOfAuditd) {
  for (const std::string_view key : kKeysWithoutMeaning) {
    const ParsedConfig parsed = ParseConfig(std::string(key) + " = x", "f");
    ASSERT_EQ(parsed.findings.size(), 1u);
    EXPECT_EQ(parsed.findings[0].verdict, Verdict::kWithoutMeaning) << key;
    EXPECT_THAT(parsed.findings[0].reason, Not(IsEmpty())) << key;
    EXPECT_EQ(parsed.config, Config()) << key;
  }
}

TEST(ParseConfig, TellsTheDefaultsOfKeysThatAreNotSet) {
  const ParsedConfig parsed = ParseConfig("freq = 5\n", "f");
  EXPECT_EQ(DefaultOf(parsed, "freq"), "nothing");
  EXPECT_EQ(DefaultOf(parsed, "listen_address"), "all addresses, IPv6 and IPv4");
  EXPECT_EQ(DefaultOf(parsed, "tcp_listen_port"), "no network listener");
  EXPECT_EQ(DefaultOf(parsed, "tcp_listen_queue"), "1024");
  EXPECT_EQ(DefaultOf(parsed, "tcp_max_per_addr"), "1");
  EXPECT_EQ(DefaultOf(parsed, "tcp_client_ports"), "any port");
  EXPECT_EQ(DefaultOf(parsed, "tcp_client_max_idle"), "0");
  EXPECT_EQ(DefaultOf(parsed, "use_libwrap"), "yes");
  EXPECT_EQ(DefaultOf(parsed, "replace_stale_connection"), "yes");
  EXPECT_EQ(DefaultOf(parsed, "transport"), "TCP");
  EXPECT_EQ(DefaultOf(parsed, "enable_krb5"), "no");
  EXPECT_EQ(DefaultOf(parsed, "store_dir"), "/var/lib/auspex/store");
  EXPECT_EQ(DefaultOf(parsed, "flush"), "SYNC");
  EXPECT_EQ(DefaultOf(parsed, "name_format"), "NONE");
  EXPECT_EQ(DefaultOf(parsed, "name"), "no name");
}

TEST(FormatReport, HasALineForEachKeyEachDefaultAndAVerdict) {
  const std::string report = FormatReport(ParseConfig("log_file = x\n\nfreq = x\n", "f"));
  EXPECT_THAT(report, StartsWith("f:1: log_file = x: without meaning: records are kept in "
                                 "store_dir, not in log files\n"
                                 "f:3: freq = x: wrong: not a number, allowed: a number from 0 to "
                                 "2147483647, not 0 with incremental flush\n"
                                 "f: listen_address: not set: all addresses, IPv6 and IPv4\n"));
  EXPECT_THAT(report, EndsWith("f: name: not set: no name\n"
                               "f: refused: 0 honoured, 1 without meaning, 1 wrong\n"));
  EXPECT_THAT(FormatReport(ParseConfig("", "f")),
              EndsWith("f: good: 0 honoured, 0 without meaning, 0 wrong\n"));
}

// The example in deploy/ shows every honoured key with its default; a key whose default is
// "none" stands there as a comment.
TEST(ExampleConfig, SaysExactlyTheDefaults) {
  const std::string path = AUSPEX_SOURCE_DIR "/deploy/auspexd.conf";
  const absl::StatusOr<ParsedConfig> example = ReadConfigFile(path);
  ASSERT_TRUE(example.ok()) << example.status();
  EXPECT_TRUE(example->ok()) << FormatReport(*example);
  EXPECT_EQ(example->config, Config());

  std::vector<std::string> unset;
  for (const DefaultInForce& key : example->defaults) unset.push_back(key.key);
  EXPECT_THAT(
      unset,
      ElementsAre("listen_address", "tcp_listen_port", "tcp_client_ports", "api_listen_port",
                  "api_json_port", "api_json_origins", "api_access_file", "api_token_file",
                  "api_crl_file", "api_enroll_ca", "quota_file", "api_socket", "api_socket_group",
                  "retention_file", "backup_dir", "space_left", "admin_space_left", "name"));
  std::ifstream file(path);
  const std::string text(std::istreambuf_iterator<char>(file), {});
  for (const std::string& key : unset) EXPECT_THAT(text, HasSubstr("\n##" + key + " = "));
}

TEST(ManualPage, NamesEveryKey) {
  std::ifstream file(AUSPEX_SOURCE_DIR "/deploy/man/auspexd.conf.5");
  const std::set<std::string> words(std::istream_iterator<std::string>(file), {});
  for (const DefaultInForce& honoured : ParseConfig("", "f").defaults) {
    EXPECT_TRUE(words.contains(honoured.key)) << honoured.key;
  }
  for (const std::string_view key : kKeysWithoutMeaning) {
    EXPECT_TRUE(words.contains(std::string(key))) << key;
  }
}

TEST(ReadConfigFile, ReadsAFile) {
  const TemporaryDirectory directory;
  const std::string path = directory.Write("auspexd.conf", "tcp_listen_port = 61\n");
  const absl::StatusOr<ParsedConfig> parsed = ReadConfigFile(path);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->config.listener.tcp_listen_port, 61);
  EXPECT_EQ(FindingOn(*parsed, 1), path + ":1: tcp_listen_port = 61: honoured");
}

TEST(ReadConfigFile, SaysWhyItCannotRead) {
  const TemporaryDirectory directory;
  const absl::Status missing = ReadConfigFile(directory.path() / "none.conf").status();
  EXPECT_TRUE(absl::IsNotFound(missing));
  EXPECT_EQ(std::string(missing.message()),
            "configuration " + directory.path().string() + "/none.conf: No such file or directory");

  const absl::Status is_directory = ReadConfigFile(directory.path()).status();
  EXPECT_TRUE(absl::IsUnavailable(is_directory));
  EXPECT_THAT(std::string(is_directory.message()), EndsWith(": Is a directory"));

  const std::string path = directory.Write("auspexd.conf", "");
  EXPECT_THAT(std::string(ReadConfigFile(path + "/x").status().message()),
              EndsWith(": Not a directory"));
}

TEST(ReadConfigFile, RefusesAFileThatIsTooLong) {
  const TemporaryDirectory directory;
  const std::string path = directory.Write("auspexd.conf", "");
  std::filesystem::resize_file(path, 100 << 20);  // A hole, it takes no space.
  const absl::StatusOr<ParsedConfig> parsed = ReadConfigFile(path);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(FindingOn(*parsed, 1), path + ":1: wrong: the file is too long, allowed: 1 MB");
}

}  // namespace
}  // namespace server
