// Prints what a search has found to standard output.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "cli/output_writer.h"

#include "audit/event.h"
#include "query/ausearch_options.h"
#include "query/event_json.h"
#include "query/interpreter.h"

namespace cli {

// Gathers text and writes it in large pieces, or event by event with --line-buffered and --follow.
class EventPrinter {
 public:
  // `options` must outlive it.
  EventPrinter(const query::AusearchOptions& options, const absl::TimeZone& zone);
  ~EventPrinter();

  EventPrinter(const EventPrinter&) = delete;
  EventPrinter& operator=(const EventPrinter&) = delete;

  // False once nobody reads the output, or the limit is reached: nothing more is wanted. An EOE
  // record that has lost its event is nothing to print, as in ausearch.
  bool Print(const audit::Event& event, const query::EventOrigin& origin);
  bool PrintLine(std::string_view line);

  // Writes what is gathered, and waits for it. False once nobody reads it.
  bool Flush();

  // Fails if something could not be written, unless it is that nobody reads it.
  absl::Status output_status() { return writer_.status(); }

  uint64_t printed() const { return printed_; }

 private:
  bool Finish();
  bool HandOver();

  const query::AusearchOptions& options_;
  const absl::TimeZone zone_;
  const query::InterpreterOptions interpreter_options_;
  query::Interpreter interpreter_;
  std::string text_;
  OutputWriter writer_;
  uint64_t printed_ = 0;
};

}  // namespace cli
