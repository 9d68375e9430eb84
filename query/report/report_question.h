// What a report is asked for, whoever asks, and whatever it is made from.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "query/report/report_filter.h"
#include "query/report/report_kind.h"

namespace query {

struct ReportQuestion {
  ReportKind kind = ReportKind::kOverall;
  bool summary = false;  // Totals instead of rows. Always true of kOverall.
  ReportFilter filter = {};
  std::vector<std::string> host_globs = {};  // Of a store: one of them. Empty: every host.
  bool by_host = false;    // Rows host by host; of totals, one table with a host column.
  bool interpret = false;  // Numbers in words.

  // Who asks knows names for users that no host has named (UserNamingSink). With `interpret`,
  // totals of such users stay apart from those of texts that look the same; and totals of users
  // come whole, since it may join them yet: the limit is not for them.
  bool unnamed_users_apart = false;

  std::optional<uint64_t> limit = {};  // Of rows: of each host, with by_host. Of totals, of times.

  // Else it has totals, or times.
  bool has_rows() const { return !summary && kind != ReportKind::kTimes; }

  bool has_totals_of_users() const {
    return summary && DefinitionOf(kind).value_kind == ValueKind::kUser;
  }
};

}  // namespace query
