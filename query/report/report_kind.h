// The reports of aureport(8): their titles, what events they are about, and what they show.
//
// One table describes all of them. What each cell means is a matter of report_rows.h and summary.h;
// how a report is printed, of report_text.h and report_export.h.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "query/report/event_tally.h"

namespace query {

// The numbers are those of the API's ReportKind: never change one, only add.
enum class ReportKind : uint8_t {
  kOverall,  // The summary of everything.
  kTimes,    // -t: from when to when each log goes.
  kAvc,
  kMac,
  kIntegrity,
  kVirtualization,
  kConfig,
  kAuthentication,
  kLogin,
  kAccount,
  kEvent,
  kFile,
  kHost,
  kPid,
  kSyscall,
  kTerminal,
  kUser,
  kExe,
  kComm,
  kAnomalies,
  kResponse,
  kCrypto,
  kKey,
  kTty,
};

enum class ReportField : uint8_t {
  kSerial,
  kType,
  kAuid,
  kSuccess,
  kAccountOrUid,  // Who wanted to be authenticated.
  kLoginUser,     // The account of a login that has failed, else the auid.
  kAccount,
  kHost,
  kTerminal,
  kExe,
  kExeOrComm,
  kComm,
  kFile,  // The first one that is not a parent.
  kSyscall,
  kPid,
  kKey,  // The first one.
  kSession,
  kKeystrokes,
  kAvcSubject,
  kAvcClass,
  kAvcPermission,
  kAvcObject,
  kAvcResult,
};

struct ReportColumn {
  ReportField field;
  std::string_view name;          // In CSV and JSON.
  bool is_escaped = false;        // By --escape. Else control bytes are, and nothing more.
  std::string_view absent = "?";  // What the text shows where there is nothing.
};

// What the values of a list are, for those who print them.
enum class ValueKind : uint8_t { kText, kEscapedText, kType, kNumber, kUser, kSyscall };

struct ReportDefinition {
  ReportKind kind;
  std::string_view name;  // For programs, and in messages: the long name of its option.

  // The text of the report itself.
  std::string_view title;
  std::string_view heading;  // Of the columns, behind "# date time ". Empty: none.
  size_t ruler;              // How many "=" stand around the heading,
  size_t ruler_below = 0;    // and how many below it, if not as many.
  std::span<const ReportColumn> columns = {};

  // Of --summary. No title: there is none.
  std::string_view summary_title = {};
  std::string_view summary_heading = {};  // Behind "total  ".
  size_t summary_ruler = 0;
  TallyList list = TallyList::kTypes;
  ValueKind value_kind = ValueKind::kType;
  uint32_t summary_classes = 0;  // Of kTypes: events of one of them. 0: all.
};

inline constexpr size_t kReportKinds = static_cast<size_t>(ReportKind::kTty) + 1;

const ReportDefinition& DefinitionOf(ReportKind kind);

// Whether there is a --summary of it.
inline bool HasTotals(ReportKind kind) { return !DefinitionOf(kind).summary_title.empty(); }

}  // namespace query
