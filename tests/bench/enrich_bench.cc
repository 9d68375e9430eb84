// enrich_bench: how long it takes to enrich a record, beside libauparse, which auditd uses.
//
//   enrich_bench [LOG]
//
// LOG is a log without nodes; what is enriched in it already is taken off. It should be of this
// host: libauparse asks for a number without a name again each time. Without a log, it makes the
// events of a busy host up. Prints nanoseconds of CPU time per record, and microseconds per event
// of execve(2), of which the log's own are taken: with a warm cache, medians of several runs.

#include <algorithm>
#include <auparse.h>
#include <ctime>
#include <fstream>
#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"

#include "audit/record.h"
#include "audit/record_type.h"
#include "client-plugin/enricher.h"

namespace {

constexpr int kRuns = 9;
constexpr size_t kRecordsMax = 50'000;

struct Record {
  uint16_t type = 0;
  std::string line;
  audit::Stamp stamp;
};

using Records = std::vector<Record>;

// None if it is not a record.
void Add(std::string line, Records* records) {
  line.resize(std::min(line.size(), line.find('\x1d')));
  const absl::StatusOr<audit::Record> record = audit::ParseRecord(line);
  if (!record.ok() || !record->node.empty()) return;
  const uint32_t type = audit::RecordTypeNumber(record->type).value_or(0);
  const audit::Stamp stamp = record->stamp;
  records->push_back({static_cast<uint16_t>(type), std::move(line), stamp});
}

Records ReadLog(const char* path) {
  Records records;
  std::ifstream file(path, std::ios::binary);
  for (std::string line; records.size() < kRecordsMax && std::getline(file, line);) {
    Add(line, &records);
  }
  return records;
}

// Each is an execve of one argument, with the six records that it has.
Records MakeRecords() {
  Records records;
  for (int serial = 1; serial <= 5000; ++serial) {
    const std::string stamp = absl::StrCat(" msg=audit(1700000000.123:", serial, "): ");
    const std::string path = "inode=1187 dev=fe:00 mode=0100755 ouid=0 ogid=0 rdev=00:00 ";
    constexpr char kNoCapabilities[] =
        "nametype=NORMAL cap_fp=0 cap_fi=0 cap_fe=0 cap_fver=0 cap_frootid=0";
    Add(absl::StrCat("type=SYSCALL", stamp,
                     "arch=c000003e syscall=59 success=yes exit=0 a0=55d81a2b a1=55d81a2c "
                     "a2=55d81a2d a3=8 items=2 ppid=812 pid=",
                     serial,
                     " auid=1000 uid=1 gid=1 euid=1 suid=1 fsuid=1 egid=1 sgid=1 fsgid=1 tty=pts0 "
                     "ses=3 comm=\"sed\" exe=\"/usr/bin/sed\" subj=unconfined key=\"exec\""),
        &records);
    Add(absl::StrCat("type=EXECVE", stamp, "argc=3 a0=\"sed\" a1=\"-e\" a2=\"s/a/b/\""), &records);
    Add(absl::StrCat("type=CWD", stamp, "cwd=\"/usr/src\""), &records);
    for (const char* const name :
         {"item=0 name=\"/usr/bin/sed\" ", "item=1 name=\"/lib64/ld-linux-x86-64.so.2\" "}) {
      Add(absl::StrCat("type=PATH", stamp, name, path, kNoCapabilities), &records);
    }
    Add(absl::StrCat("type=PROCTITLE", stamp, "proctitle=736564002D6500732F612F622F"), &records);
  }
  return records;
}

// The records of events that have an EXECVE record.
Records TakeExecutions(const Records& records) {
  Records executions;
  for (size_t begin = 0; begin < records.size();) {
    size_t end = begin;
    bool is_execution = false;
    for (; end < records.size() && records[end].stamp == records[begin].stamp; ++end) {
      is_execution |= records[end].line.starts_with("type=EXECVE ");
    }
    if (is_execution) {
      executions.insert(executions.end(), records.begin() + static_cast<ptrdiff_t>(begin),
                        records.begin() + static_cast<ptrdiff_t>(end));
    }
    begin = end;
  }
  return executions;
}

size_t EventCount(const Records& records) {
  size_t count = 0;
  for (size_t i = 0; i < records.size(); ++i) {
    count += i == 0 || records[i].stamp != records[i - 1].stamp ? 1 : 0;
  }
  return count;
}

double CpuSeconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

// Gives the bytes that it has written for a record.
using Enrich = std::function<size_t(const Record& record)>;

// Median of the runs, in seconds for all records.
double Measure(const Records& records, const Enrich& enrich, size_t* bytes) {
  std::vector<double> times;
  for (int run = 0; run <= kRuns; ++run) {
    const double start = CpuSeconds();
    *bytes = 0;
    for (const Record& record : records) *bytes += enrich(record);
    if (run > 0) times.push_back(CpuSeconds() - start);  // The first one fills the caches.
  }
  std::ranges::sort(times);
  return times[times.size() / 2];
}

void Print(std::string_view who, const Records& records, const Records& executions,
           const Enrich& enrich) {
  size_t bytes = 0;
  const double all = Measure(records, enrich, &bytes);
  std::cout << who << ": " << all * 1e9 / static_cast<double>(records.size()) << " ns a record, "
            << bytes << " bytes";
  if (!executions.empty()) {
    const double some = Measure(executions, enrich, &bytes);
    std::cout << ", " << some * 1e6 / static_cast<double>(EventCount(executions))
              << " us an event of execve";
  }
  std::cout << "\n";
}

// What auditd asks the library for each record.
class Library {
 public:
  size_t Enrich(const Record& record) {
    text_ = record.line;
    text_ += '\n';
    if (library_ == nullptr) {
      library_.reset(auparse_init(AUSOURCE_BUFFER, text_.c_str()));
      auparse_set_escape_mode(library_.get(), AUPARSE_ESC_RAW);
    } else {
      auparse_new_buffer(library_.get(), text_.c_str(), text_.size());
    }
    size_t bytes = record.line.size();
    if (auparse_first_record(library_.get()) <= 0) return bytes;
    do {
      const int type = auparse_get_field_type(library_.get());
      const bool is_name = type == AUPARSE_TYPE_UID || type == AUPARSE_TYPE_GID;
      if (!is_name && type != AUPARSE_TYPE_SYSCALL && type != AUPARSE_TYPE_ARCH &&
          type != AUPARSE_TYPE_SOCKADDR) {
        continue;
      }
      const std::string_view name = auparse_get_field_name(library_.get());
      const std::string_view meaning = auparse_interpret_field(library_.get());
      bytes += 2 + name.size() + meaning.size() + (is_name ? 2 : 0);
    } while (auparse_next_field(library_.get()) > 0);
    return bytes;
  }

 private:
  struct Destroy {
    void operator()(auparse_state_t* library) const { auparse_destroy(library); }
  };

  std::unique_ptr<auparse_state_t, Destroy> library_;
  std::string text_;
};

}  // namespace

int main(int argc, char** argv) {
  const Records records = argc > 1 ? ReadLog(argv[1]) : MakeRecords();
  if (records.empty()) {
    std::cerr << "no records\n";
    return 1;
  }
  const Records executions = TakeExecutions(records);
  std::cout << records.size() << " records, " << EventCount(executions) << " events of execve with "
            << executions.size() << "\n";

  client_plugin::NameCache names;
  client_plugin::Enricher enricher(names);
  std::string line;
  const auto copy = [&](const Record& record) {
    line = record.line;
    return line.size();
  };
  Print("copying alone", records, executions, copy);
  Print("enricher", records, executions, [&](const Record& record) {
    line = record.line;
    enricher.Append(record.type, &line);
    return line.size();
  });
  Library library;
  Print("libauparse", records, executions,
        [&](const Record& record) { return library.Enrich(record); });
}
