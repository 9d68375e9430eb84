// The rows of a report: one for each event that it is about; of -a, one for each access vector.

#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"

#include "query/report/event_facts.h"
#include "query/report/report_kind.h"
#include "query/report/report_names.h"

namespace query {

struct ReportCell {
  std::string_view text = {};  // Not escaped.
  bool is_known = true;        // Else the text is what aureport shows instead.
  bool is_number = false;

  // A user in words whom no host has named: the text is a number, or what it is everywhere. Who
  // knows users by other means may name it.
  std::optional<uint32_t> unnamed_user = {};
};

// Views are valid during the call that it is given to.
struct ReportRow {
  uint64_t time_ms = 0;
  std::string_view host = {};
  std::span<const ReportCell> cells = {};  // As the columns of the report's definition.
};

// The roles that facts must have for the rows of a report.
RoleSet RolesOfRows(ReportKind kind);

// A report is about events with one of these classes in a record only; 0: about any.
uint32_t ClassesOfRows(ReportKind kind);

// For one thread at a time.
class ReportRowMaker {
 public:
  // `names` must outlive it, and so must `libauparse`, which is held while that library is asked;
  // null if no other thread asks it. Not for kOverall and kTimes.
  ReportRowMaker(ReportKind kind, ReportNames& names, std::mutex* libauparse = nullptr);
  ~ReportRowMaker();

  // Calls `sink` with each row of the event, if the report is about it, until it returns false.
  // Returns false then.
  bool Make(const EventFacts& facts, std::string_view host,
            absl::FunctionRef<bool(const ReportRow&)> sink);

 private:
  bool IsAbout(const EventFacts& facts) const;
  ReportCell Cell(const ReportColumn& column, const EventFacts& facts, const AccessVector* vector);
  ReportCell AccountCell(const EventFacts& facts, std::optional<uint32_t> uid, const FactText& name,
                         bool is_account);
  std::string_view Keep(std::string text);

  const ReportDefinition& definition_;
  ReportNames& names_;
  std::vector<ReportCell> cells_;
  std::vector<std::string> texts_;  // Of the row being made.
  size_t texts_used_ = 0;

  class Keystrokes;
  std::unique_ptr<Keystrokes> keystrokes_;
};

}  // namespace query
