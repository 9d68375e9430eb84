// What the tests of reports say: a report of some lines, as text.

#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "audit/assembler.h"
#include "query/report/event_facts.h"
#include "query/report/report_export.h"
#include "query/report/report_names.h"
#include "query/report/report_options.h"
#include "query/report/report_rows.h"
#include "query/report/report_text.h"
#include "query/report/summary.h"

namespace query {

inline std::vector<audit::Event> EventsOf(std::initializer_list<std::string_view> lines) {
  audit::Assembler assembler({.at_rest = true});
  std::vector<audit::Event> events;
  for (const std::string_view line : lines) {
    assembler.Add(line, *audit::ParseRecord(line));
    while (std::optional<audit::Event> event = assembler.Take())
      events.push_back(*std::move(event));
  }
  assembler.Flush();
  while (std::optional<audit::Event> event = assembler.Take()) events.push_back(*std::move(event));
  return events;
}

struct ReportOf {
  ReportKind kind;
  ReportFilter filter = {};
  ReportNamesOptions names = {};
  EscapeMode escape = EscapeMode::kTty;
  ReportFormat format = ReportFormat::kText;

  // The rows, without the title.
  std::string Rows(std::initializer_list<std::string_view> lines) const {
    ReportNames of_numbers(names);
    ReportRowMaker maker(kind, of_numbers);
    ReportText printer(kind, escape, absl::UTCTimeZone());
    const ReportExport exporter(kind, format);
    std::string text;
    if (format != ReportFormat::kText) exporter.AppendRowHeader(&text);
    EventFactsBuilder builder;
    for (const audit::Event& event : EventsOf(lines)) {
      const EventFacts& facts = FactsOf(event, &builder);
      if (!filter.time.Contains(facts.time_ms) || !filter.Matches(facts)) continue;
      maker.Make(facts, facts.node, [&](const ReportRow& row) {
        if (format == ReportFormat::kText) {
          printer.AppendRow(row, &text);
        } else {
          exporter.AppendRow(row, &text);
        }
        return true;
      });
    }
    return text;
  }

  EventTally Tally(std::initializer_list<std::string_view> lines) const {
    EventTally tally;
    EventFactsBuilder builder;
    uint64_t number = 0;
    for (const audit::Event& event : EventsOf(lines)) {
      const EventFacts& facts = FactsOf(event, &builder);
      const OrderKey place = {number++};
      tally.Notice(facts, place, kSerialsToo);
      tally.Add(facts, place, kAllTallyLists);
    }
    return tally;
  }

  // The totals, without the title.
  std::string Summary(std::initializer_list<std::string_view> lines) const {
    ReportNames of_numbers(names);
    std::string text;
    const ReportText printer(kind, escape, absl::UTCTimeZone());
    for (SummaryRow& row : SummarizeList(kind, Tally(lines), filter, of_numbers)) {
      printer.AppendTotal({.host = "", .row = std::move(row)}, false, &text);
    }
    return text;
  }

  uint64_t Count(OverallCount count, std::initializer_list<std::string_view> lines) const {
    return SummarizeAll(Tally(lines), filter)[static_cast<size_t>(count)];
  }
};

}  // namespace query
