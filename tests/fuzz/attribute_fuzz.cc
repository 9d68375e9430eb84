// An event of any bytes: what its attributes are is found by its terms, and its JSON is whole
// lines.

#include <cstdint>
#include <optional>
#include <string>

#include "query/event_json.h"
#include "tests/fuzz/event_input.h"
#include "tests/fuzz/fuzz.h"
#include "tests/query/attribute_terms.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::optional<audit::Event> event = fuzz::ReadEvent(fuzz::Input(data, size));
  if (!event.has_value()) return 0;
  fuzz::Check(!query::ValueWithoutTerm(*event).has_value());
  const bool succeeds = query::Matches(query::SuccessIs{true}, *event);
  fuzz::Check(!succeeds || !query::Matches(query::SuccessIs{false}, *event));
  std::string text;
  query::AppendJson(*event, {}, &text);
  fuzz::Check(text.find('\n') == text.size() - 1);
  return 0;
}
