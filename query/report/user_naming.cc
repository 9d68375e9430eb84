#include "query/report/user_naming.h"

#include <algorithm>
#include <tuple>

namespace query {

bool UserNamingSink::TakeRow(const ReportRow& row) {
  const auto is_unnamed = [](const ReportCell& cell) { return cell.unnamed_user.has_value(); };
  if (std::ranges::none_of(row.cells, is_unnamed)) return next_.TakeRow(row);
  cells_.assign(row.cells.begin(), row.cells.end());
  texts_.resize(cells_.size());
  for (size_t i = 0; i < cells_.size(); ++i) {
    if (!cells_[i].unnamed_user) continue;
    texts_[i] = names_.User(*cells_[i].unnamed_user, {});
    cells_[i].text = texts_[i];
  }
  return next_.TakeRow({.time_ms = row.time_ms, .host = row.host, .cells = cells_});
}

bool UserNamingSink::TakeTotal(const ReportTotal& total) {
  if (!question_.has_totals_of_users()) return next_.TakeTotal(total);
  std::string value = total.row.unnamed_user ? std::string(names_.User(*total.row.unnamed_user, {}))
                                             : total.row.value;
  const auto [found, is_new] = places_.try_emplace({total.host, value}, totals_.size());
  if (is_new) {
    totals_.push_back(total);
    totals_.back().row.value = std::move(value);
  } else {
    SummaryRow& row = totals_[found->second].row;
    row.total += total.row.total;
    row.place = std::min(row.place, total.row.place);
  }
  return true;
}

void UserNamingSink::End() {
  std::ranges::sort(totals_, [](const ReportTotal& a, const ReportTotal& b) {
    if (a.row.total != b.row.total) return a.row.total > b.row.total;
    return std::tie(a.host, a.row.place) < std::tie(b.host, b.row.place);
  });
  uint64_t given = 0;
  for (const ReportTotal& total : totals_) {
    if (question_.limit && given++ >= *question_.limit) break;
    if (!next_.TakeTotal(total)) break;
  }
  next_.End();
}

}  // namespace query
