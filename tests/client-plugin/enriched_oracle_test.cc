// Compares the enrichment of records with what auditd makes of them: by the rules that it has for
// the answers of libauparse, for real logs and for records of our own; and with the tails that
// auditd itself has written in real logs.

#include <algorithm>
#include <auparse.h>
#include <cctype>
#include <cstdlib>
#include <libaudit.h>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "audit/field.h"
#include "audit/record.h"
#include "audit/record_type.h"
#include "client-plugin/enricher.h"
#include "tests/audit/log_files.h"

namespace client_plugin {
namespace {

// auditd's way through a record, by the public functions of the library.
class Oracle {
 public:
  // None, if the library does not take it for a record.
  std::optional<std::string> Enrich(const std::string& raw) {
    Load(raw + "\n");
    if (auparse_first_record(library_.get()) <= 0) return std::nullopt;
    std::string line = raw;
    do {
      if (line.size() + kRoomBytesMin >= kBufferBytes) break;
      AppendField(raw.size(), &line);
    } while (auparse_next_field(library_.get()) > 0);
    return line;
  }

 private:
  static constexpr size_t kBufferBytes = MAX_AUDIT_MESSAGE_LENGTH + 255;
  static constexpr size_t kRoomBytesMin = 24;

  struct Destroy {
    void operator()(auparse_state_t* library) const { auparse_destroy(library); }
  };

  void Load(const std::string& text) {
    if (library_ == nullptr) {
      library_.reset(auparse_init(AUSOURCE_BUFFER, text.c_str()));
      auparse_set_escape_mode(library_.get(), AUPARSE_ESC_RAW);
    } else {
      auparse_new_buffer(library_.get(), text.c_str(), text.size());
    }
  }

  void AppendField(size_t raw_bytes, std::string* line) {
    // Of words in an AVC record it may know neither, and then it must not be asked.
    if (auparse_get_field_name(library_.get()) == nullptr) return;
    const int type = auparse_get_field_type(library_.get());
    const bool is_name = type == AUPARSE_TYPE_UID || type == AUPARSE_TYPE_GID;
    if (!is_name && type != AUPARSE_TYPE_SYSCALL && type != AUPARSE_TYPE_ARCH &&
        type != AUPARSE_TYPE_SOCKADDR) {
      return;
    }
    std::string name = auparse_get_field_name(library_.get());
    std::ranges::transform(name, name.begin(), [](char letter) { return std::toupper(letter); });
    const std::string meaning = auparse_interpret_field(library_.get());
    std::string field = name + "=" + meaning;
    if (is_name) {
      char* const encoded = audit_encode_nv_string(name.c_str(), meaning.c_str(),
                                                   static_cast<unsigned>(meaning.size()));
      field = encoded;
      std::free(encoded);
    }
    const bool is_first = line->size() == raw_bytes;
    if (is_first) *line += '\x1d';
    if (field.size() + 2 >= kBufferBytes - line->size()) return;
    if (!is_first) *line += ' ';
    *line += field;
  }

  std::unique_ptr<auparse_state_t, Destroy> library_;
};

uint16_t TypeOf(std::string_view line) {
  const absl::StatusOr<audit::Record> record = audit::ParseRecord(line);
  return record.ok() ? static_cast<uint16_t>(audit::RecordTypeNumber(record->type).value_or(0)) : 0;
}

class EnrichedOracle : public testing::Test {
 protected:
  std::string Enrich(std::string line) {
    enricher_.Append(TypeOf(line), &line);
    return line;
  }

  // Whether there was something to compare.
  bool ExpectSame(const std::string& raw) {
    const std::optional<std::string> expected = oracle_.Enrich(raw);
    if (expected) {
      EXPECT_EQ(Enrich(raw), *expected);
    }
    return expected.has_value();
  }

 private:
  NameCache names_;
  Enricher enricher_{names_};
  Oracle oracle_;
};

TEST_F(EnrichedOracle, IsTheSameForRealLogs) {
  size_t compared = 0;
  for (const std::string& file : audit::LogFiles()) {
    SCOPED_TRACE(file);
    for (const std::string& line : audit::ReadLines(file)) {
      const std::string raw = line.substr(0, line.find('\x1d'));
      // For others the library loses memory, and a kernel does not write them.
      if (!raw.starts_with("type=") || !audit::ParseRecord(raw).ok()) continue;
      if (ExpectSame(raw)) ++compared;
    }
  }
  EXPECT_GT(compared, 0u);
}

constexpr std::string_view kStamp = " msg=audit(1700000000.123:45): ";

std::string Raw(std::string_view type, std::string_view body) {
  return "type=" + std::string(type) + std::string(kStamp) + std::string(body);
}

// Types of records, and what is in them.
constexpr std::string_view kRecords[][2] = {
    {"SYSCALL",
     "arch=c000003e syscall=59 success=yes exit=0 a0=55d8 a1=55d9 a2=55da a3=8 items=2 ppid=1 "
     "pid=2 auid=4294967295 uid=0 gid=65534 euid=1 suid=2 fsuid=3 egid=4 sgid=5 fsgid=4294967294 "
     "tty=(none) ses=4294967295 comm=\"id\" exe=\"/usr/bin/id\" subj=unconfined key=(null)"},
    {"SYSCALL", "arch=c000003e syscall=9999 success=no exit=-38 a0=0 a1=0 uid=12345678"},
    {"SYSCALL", "arch=c000003e syscall=59 a0=0 a1=0 uid=0"},
    {"SYSCALL", "arch=40000003 syscall=102 success=yes exit=0 a0=3 a1=2 uid=0"},
    {"SYSCALL", "arch=40000003 syscall=102 success=yes exit=0 a0=63 a1=2 uid=0"},
    {"SYSCALL", "arch=40000003 syscall=102 per=8 success=yes exit=0 a0=3 a1=2 uid=0"},
    {"SYSCALL", "arch=40000003 syscall=117 success=yes exit=0 a0=15 a1=2 uid=0"},
    {"SYSCALL", "arch=40000003 syscall=11 success=yes exit=0 a0=15 a1=2 uid=0"},
    {"SYSCALL", "arch=c00000b7 syscall=221 success=yes exit=0 a0=15 a1=2 uid=0"},
    {"SYSCALL", "arch=80000016 syscall=11 success=yes exit=0 a0=15 a1=2 uid=0"},
    {"SYSCALL", "arch=c0000015 syscall=102 success=yes exit=0 a0=2 a1=2 uid=0"},
    {"SYSCALL", "arch=28 syscall=11 success=yes exit=0 a0=15 a1=2 uid=0"},
    {"SYSCALL", "arch=zz syscall=59 uid=0"},
    {"SYSCALL", "arch=ffffffffffffffffff syscall=59 uid=0"},
    {"SYSCALL", "success=yes arch=c000003e syscall=59"},
    {"SYSCALL", "syscall=59"},
    {"SECCOMP",
     "auid=0 uid=1 gid=1 ses=1 subj=x pid=1 comm=\"a\" exe=\"/a\" sig=31 arch=c000003e syscall=41 "
     "compat=0 ip=0x7f code=0x80000000"},
    {"SECCOMP",
     "auid=0 uid=1 gid=1 ses=1 pid=1 comm=\"a\" exe=\"/a\" sig=31 arch=40000003 syscall=41 "
     "compat=0 ip=0x7f code=0x80000000"},
    {"PATH", "item=0 name=\"/x\" inode=1 dev=08:01 mode=0100755 ouid=0 ogid=42 rdev=00:00"},
    {"IPC", "ouid=0 ogid=0 mode=0600 obj=x"},
    {"IPC_SET_PERM", "qbytes=0 ouid=33 ogid=33 mode=0600"},
    {"OBJ_PID", "opid=1 oauid=-1 ouid=0 oses=-1 ocomm=\"a\""},
    {"LOGIN", "pid=1 uid=0 old-auid=4294967295 auid=1000 tty=(none) old-ses=4294967295 ses=1"},
    {"EXECVE", "argc=4 a0=\"id\" a1=\"uid=0\" auid=0 arch=1 id=0"},
    {"CWD", "cwd=\"/root\""},
    {"EOE", "uid=0"},
    {"TRUSTED_APP", "uid=0 gid=0"},
    {"USER_LOGIN", "pid=1 uid=0 auid=0 ses=1 msg='op=login id=1 exe=\"/x\" res=success'"},
    {"USER_AUTH",
     "user pid=1 uid=0 auid=0 msg='PAM: acct=\"root\" : exe=\"/x\" (hostname=?, uid=1)'"},
    {"USER_CHAUTHTOK", "pid=1 uid=0 msg='uid=33 gid=33'"},
    {"USER_CHAUTHTOK", "pid=1 uid=0 msg='words only' gid=33, egid=33: sgid=33)"},
    {"ADD_GROUP", "pid=1 uid=0 auid=0 msg='op=add-group id=4 res=success'"},
    {"GRP_MGMT", "pid=1 uid=0 auid=0 msg='op=change id=4 res=success'"},
    {"ADD_USER", "pid=1 uid=0 auid=0 msg='op=add-user id=4 res=success'"},
    {"DAEMON_START", "op=start ver=3.0.9 format=enriched auid=0 pid=1 uid=0 ses=1 res=success"},
    {"ANOM_LINK", "op=a ppid=1 pid=2 auid=0 iuid=4 igid=4 inode_uid=1 inode_gid=1 obj_uid=1"},
    {"BPF", "obj_gid=4 new_gid=4 sauid=4 op=LOAD"},
    {"UNKNOWN[1599]", "uid=0 gid=0"},
    {"URINGOP", "uring_op=18 success=yes exit=0 items=0 ppid=1 pid=2 uid=0 gid=0"},
    {"USER", "uid=? gid=root euid=-1 suid=+1 fsuid=0x10 ouid=99999999999999999999 ogid=4294967296"},
    {"USER", "UID=0 Uid=0 (uid=1) gid= egid=: =5 uid"},
    {"AVC", "avc:  denied  { read } for  pid=1 saddr=10.0.0.1 scontext=a uid=0"},
    {"NETFILTER_PKT", "mark=0x1 saddr=10.0.0.1 daddr=10.0.0.2 proto=6"},
    {"USER_AVC", "pid=1 uid=81 msg='avc:  denied  { send_msg } for auid=0 sauid=81'"},
};

TEST_F(EnrichedOracle, IsTheSameForManyRecords) {
  for (const auto& [type, body] : kRecords)
    EXPECT_TRUE(ExpectSame(Raw(type, body)) || type == "EOE");
}

TEST_F(EnrichedOracle, IsTheSameForRecordsThatEndAnywhere) {
  for (const auto& [type, body] : kRecords) {
    for (size_t bytes = 0; bytes < body.size(); ++bytes)
      ExpectSame(Raw(type, body.substr(0, bytes)));
  }
}

TEST_F(EnrichedOracle, IsTheSameForEachSyscall) {
  for (const std::string_view arch : {"c000003e", "40000003", "c00000b7", "c0000015", "80000016"}) {
    for (int syscall = 0; syscall < 600; ++syscall) {
      ExpectSame(Raw("SYSCALL", "arch=" + std::string(arch) + " syscall=" +
                                    std::to_string(syscall) + " success=yes exit=0 a0=2 a1=3"));
    }
  }
}

// Whole addresses, from which others are made.
constexpr std::string_view kAddresses[] = {
    "0200005001020304000000000000000",
    "02000050010203040000000000000000",
    "0200FFFFFFFFFFFF0000000000000000",
    "01002F746D702F782E736F636B657400",
    "01002F746D70207861410A",
    "0100006162636400656667",
    "01000000",
    "0100",
    "0A0000500000000000000000000000000000000000000001",
    "0A0000500000000020010DB800000000000000000000000100000000",
    "0A0000500000000000000000000000000000FFFF0102030400000000",
    "0A00005000000000FE80000000000000000000000000000101000000",
    "0A00005000000000FE800000000000000000000000000001FFFF0000",
    "0A0000500000000020010DB800000000000000000000000107000000",
    "100000000000000001000000",
    "1000000000000000FFFFFFFF00000000",
    "000000000000000000000000",
    "11000300020000000000000000000000",
    "280000005704000003000000000000",
    "00",
    "0",
    "zz",
    "02zz",
    "FFFF0000",
    "01002f746d70",
    "08000000070005000600000000000000",
    "09003132333435363738390000000000000000",
    "0300"
    "41424344454647"
    "00000000"};

TEST_F(EnrichedOracle, IsTheSameForSocketAddresses) {
  for (const std::string_view digits : kAddresses) {
    // auditd makes two lines of such a path; the next test is about ours.
    if (digits.find("0A") != digits.npos && digits.starts_with("0100")) continue;
    ExpectSame(Raw("SOCKADDR", "saddr=" + std::string(digits)));
  }
}

TEST_F(EnrichedOracle, IsTheSameForSocketAddressesOfEachFamily) {
  for (unsigned family = 0; family < 300; ++family) {
    char digits[64];
    std::snprintf(digits, sizeof(digits), "%02X%02X4142434445464748000000000000", family % 256,
                  family / 256);
    ExpectSame(Raw("SOCKADDR", std::string("saddr=") + digits));
  }
}

TEST_F(EnrichedOracle, IsTheSameWhereAddressesEndAnywhere) {
  for (const std::string_view digits : kAddresses) {
    // What is read behind the end of the others is nobody's.
    const bool has_length = digits.starts_with("01") || digits.starts_with("02") ||
                            digits.starts_with("0A") || digits.starts_with("10");
    if (!has_length || digits.find("0A", 2) != digits.npos) continue;
    for (size_t count = 1; count <= digits.size(); ++count) {
      ExpectSame(Raw("SOCKADDR", "saddr=" + std::string(digits.substr(0, count))));
    }
  }
}

TEST_F(EnrichedOracle, IsTheSameWhereTheRoomEnds) {
  constexpr std::string_view kFields =
      " arch=c000003e uid=0 gid=4294967294 euid=1 saddr=02000050010203040000000000000000 uid=2";
  for (size_t bytes = 8900; bytes < 9300; ++bytes) {
    const std::string front = Raw("USER", "x=");
    std::string raw = front + std::string(bytes - front.size() - kFields.size(), 'x');
    ExpectSame(raw.append(kFields));
  }
}

// A line as auditd has written it, in two parts; empty if it has no tail.
struct Enriched {
  std::string raw;
  std::string line;
};

Enriched Split(const std::string& line) {
  // One log has lost the separators.
  for (const std::string_view separator : {"\x1d", "'UID=\""}) {
    const size_t at = line.find(separator);
    if (at == line.npos) continue;
    if (separator.size() == 1) return {.raw = line.substr(0, at), .line = line};
    std::string raw = line.substr(0, at + 1);
    return {.raw = raw, .line = raw + '\x1d' + line.substr(at + 1)};
  }
  return {};
}

// Which numbers had which names on the host, as one line tells it.
class NamesOfLine {
 public:
  NamesOfLine(uint16_t message_type, const std::string& line) {
    std::map<std::string, std::string> numbers;
    audit::FieldReader reader(line);
    for (audit::Field field; reader.Next(&field);) {
      std::string name(field.name);
      std::ranges::transform(name, name.begin(), [](char letter) { return std::toupper(letter); });
      if (field.place != audit::FieldPlace::kEnriched) {
        numbers.emplace(name, field.value);
        continue;
      }
      const uint32_t number =
          static_cast<uint32_t>(std::strtoul(numbers[name].c_str(), nullptr, 10));
      const std::string text(field.value.substr(1, field.value.size() - 2));
      if (!text.starts_with("unknown("))
        (IsGroup(message_type, name) ? groups_ : users_)[number] = text;
    }
  }

  NameCacheOptions Options() const {
    return {.find_user = [this](uint32_t id) { return Find(users_, id); },
            .find_group = [this](uint32_t id) { return Find(groups_, id); },
            .files = {}};
  }

 private:
  using Names = std::map<uint32_t, std::string>;

  static bool IsGroup(uint16_t message_type, std::string_view name) {
    return name.ends_with("GID") || (name == "ID" && message_type == AUDIT_ADD_GROUP);
  }

  static std::optional<std::string> Find(const Names& names, uint32_t id) {
    const auto found = names.find(id);
    return found == names.end() ? std::nullopt : std::optional(found->second);
  }

  Names users_;
  Names groups_;
};

TEST(Enriched, IsWhatHostsHaveWritten) {
  size_t compared = 0;
  for (const std::string& file : audit::LogFiles()) {
    SCOPED_TRACE(file);
    if (file.find("/tests/data/") != file.npos) continue;  // Made by hand.
    for (const std::string& line : audit::ReadLines(file)) {
      const Enriched enriched = Split(line);
      if (!enriched.raw.starts_with("type=")) continue;
      const NamesOfLine names_of_line(TypeOf(enriched.raw), enriched.line);
      NameCache names(names_of_line.Options());
      Enricher enricher(names);
      std::string ours = enriched.raw;
      enricher.Append(TypeOf(enriched.raw), &ours);
      EXPECT_EQ(ours, enriched.line);
      ++compared;
    }
  }
  if (compared == 0) GTEST_SKIP() << "no enriched logs beside the source";
}

}  // namespace
}  // namespace client_plugin
