// An event of any bytes: what its attributes are is found by its terms, its JSON is whole lines,
// and so are the rows of reports.

#include <cstdint>
#include <optional>
#include <string>

#include "query/event_json.h"
#include "query/report/report_rows.h"
#include "query/report/report_text.h"
#include "tests/fuzz/event_input.h"
#include "tests/fuzz/fuzz.h"
#include "tests/query/attribute_terms.h"

namespace {

void CheckReports(const audit::Event& event) {
  query::EventFactsBuilder builder;
  const query::EventFacts& facts = query::FactsOf(event, &builder);
  fuzz::Check(facts.time_ms == event.stamp().time_ms);
  query::ReportNames names({.interpret = true});
  for (const query::ReportKind kind :
       {query::ReportKind::kAvc, query::ReportKind::kFile, query::ReportKind::kTty,
        query::ReportKind::kAuthentication, query::ReportKind::kKey}) {
    query::ReportRowMaker maker(kind, names);
    query::ReportText printer(kind, query::EscapeMode::kTty, absl::UTCTimeZone());
    maker.Make(query::KeptFacts(facts).facts(), "h", [&](const query::ReportRow& row) {
      std::string text;
      printer.AppendRow(row, &text);
      fuzz::Check(text.find('\n') == text.size() - 1);
      return true;
    });
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::optional<audit::Event> event = fuzz::ReadEvent(fuzz::Input(data, size));
  if (!event.has_value()) return 0;
  fuzz::Check(!query::ValueWithoutTerm(*event).has_value());
  const bool succeeds = query::Matches(query::SuccessIs{true}, *event);
  fuzz::Check(!succeeds || !query::Matches(query::SuccessIs{false}, *event));
  std::string text;
  query::AppendJson(*event, {}, &text);
  fuzz::Check(text.find('\n') == text.size() - 1);
  CheckReports(*event);
  return 0;
}
