// Events in words for people: -i, --format csv and --format text of ausearch(8).

#pragma once

#include <memory>
#include <string>

#include "absl/time/time.h"

#include "audit/event.h"
#include "query/escape.h"

namespace query {

struct InterpreterOptions {
  EscapeMode escape_mode = EscapeMode::kTty;
  // Looks up users and groups of records without an enriched tail on this machine, as ausearch
  // does. Right for its own records only. Otherwise their numbers stay, save 0 (root) and -1
  // (unset).
  bool local_names = false;
  // Columns of CSV: --extra-keys, --extra-labels, --extra-obj2, --extra-time.
  bool extra_keys = false;
  bool extra_labels = false;
  bool extra_obj2 = false;
  bool extra_time = false;
  absl::TimeZone zone;
};

// The names of the columns, with a newline.
std::string CsvHeader(const InterpreterOptions& options);

// Appends to *text what ausearch prints for an event. Any record that audit::ParseRecord() takes is
// safe. Dates are in the words of the process's locale. Remembers what it has looked up, of limited
// size: one object for many events is much faster than one for each.
//
// libauparse keeps state per process: all objects of a process are for one thread at a time.
class Interpreter {
 public:
  explicit Interpreter(const InterpreterOptions& options);
  ~Interpreter();
  Interpreter(const Interpreter&) = delete;
  Interpreter& operator=(const Interpreter&) = delete;

  // -i: "----", then the records, the last one first: see interpreted_text.h.
  void AppendInterpreted(const audit::Event& event, std::string* text);

  // A line under CsvHeader(). Values are not quoted, even if they hold commas. An event that
  // libauparse makes nothing of has empty columns.
  void AppendCsv(const audit::Event& event, std::string* text);

  // A sentence, e.g. "At 12:26:40 09/13/20 root successfully opened-file /etc/shadow using
  // /usr/bin/cat".
  void AppendSentence(const audit::Event& event, std::string* text);

 private:
  struct Parts;

  std::unique_ptr<Parts> parts_;
};

}  // namespace query
