// An event of any bytes: printed in words without a crash, whole lines only, and in all modes but
// raw without a byte that gives orders to a terminal.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "audit/event.h"
#include "query/interpreter.h"
#include "tests/fuzz/event_input.h"
#include "tests/fuzz/fuzz.h"

using fuzz::Check;

namespace {

void CheckSafe(std::string_view text) {
  for (const char character : text) {
    Check(static_cast<unsigned char>(character) >= 0x20 || character == '\n');
  }
  Check(text.empty() || text.ends_with('\n'));
}

void CheckInterpreter(query::Interpreter& interpreter, const audit::Event& event, bool is_raw) {
  using Append = void (query::Interpreter::*)(const audit::Event&, std::string*);
  constexpr Append kFormats[] = {&query::Interpreter::AppendInterpreted,
                                 &query::Interpreter::AppendCsv,
                                 &query::Interpreter::AppendSentence};
  for (const Append append : kFormats) {
    std::string text;
    (interpreter.*append)(event, &text);
    if (!is_raw) CheckSafe(text);
  }
}

query::InterpreterOptions WithExtraColumns() {
  query::InterpreterOptions options;
  options.extra_keys = options.extra_labels = options.extra_obj2 = options.extra_time = true;
  return options;
}

query::InterpreterOptions WithMode(query::EscapeMode mode) {
  query::InterpreterOptions options;
  options.escape_mode = mode;
  options.local_names = true;
  return options;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // They remember what they have seen, as they do in a program.
  static query::Interpreter with_columns(WithExtraColumns());
  static query::Interpreter quoting(WithMode(query::EscapeMode::kShellQuote));
  static query::Interpreter raw(WithMode(query::EscapeMode::kRaw));

  const std::optional<audit::Event> event = fuzz::ReadEvent(fuzz::Input(data, size));
  if (!event.has_value()) return 0;
  CheckInterpreter(with_columns, *event, false);
  CheckInterpreter(quoting, *event, false);
  CheckInterpreter(raw, *event, true);
  return 0;
}
