#include "query/report/report_filter.h"

#include <algorithm>
#include <array>
#include <utility>

namespace query {

namespace {

// Types by the numbers of <libaudit.h> and <linux/audit.h>: ADD_USER, ADD_GROUP, and those that add
// to lists of NetLabel and IPsec; and the opposite of each.
constexpr auto kAdding = std::to_array<uint32_t>({1114, 1116, 1407, 1409, 1411, 1413, 1416});
constexpr auto kDeleting = std::to_array<uint32_t>({1115, 1117, 1408, 1410, 1412, 1414, 1417});
constexpr uint32_t kConfigChangeType = 1305;

}  // namespace

bool ReportFilter::Matches(const EventFacts& facts) const {
  if (!nodes.empty() &&
      (facts.node.empty() || std::ranges::find(nodes, facts.node) == nodes.end())) {
    return false;
  }
  if (!Wants(facts.outcome)) return false;
  if (!facts.type_number) return true;
  const auto is_one_of = [&](const auto& types) {
    return std::ranges::find(types, *facts.type_number) != types.end();
  };
  if (without_deleted && is_one_of(kDeleting)) return false;
  if (without_added && is_one_of(kAdding)) return false;
  return !without_config || *facts.type_number != kConfigChangeType;
}

Predicate ReportFilter::predicate() const {
  AllOf all;
  if (time != TimeRange{}) all.parts.emplace_back(TimeIn{time});
  AnyOf of_nodes;
  for (const std::string& node : nodes) of_nodes.parts.emplace_back(NodeIs{node});
  if (!nodes.empty()) all.parts.emplace_back(std::move(of_nodes));
  return Predicate(std::move(all));
}

}  // namespace query
