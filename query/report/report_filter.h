// Which events a report is about, whatever it reports.

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "query/predicate.h"
#include "query/report/event_facts.h"
#include "query/time_range.h"

namespace query {

struct ReportFilter {
  TimeRange time = {};
  std::vector<std::string> nodes = {};  // One of them. Empty: any.
  std::optional<Outcome> outcome = {};  // --success and --failed.

  // --add leaves out what was deleted from lists that are also added to: users, groups, labels;
  // --delete what was added.
  bool without_deleted = false;
  bool without_added = false;

  bool without_config = false;  // -nc: no CONFIG_CHANGE.

  // Whether the event passes, but for its time. Needs the facts of kOutcomeRoles.
  bool Matches(const EventFacts& facts) const;

  // Whether a tally of events can tell those that pass: by outcome, and by node if all of them
  // have the same.
  bool FitsTallies() const { return !without_deleted && !without_added && !without_config; }

  // Whether an outcome passes.
  bool Wants(Outcome one) const { return !outcome || *outcome == one; }

  // Matches every event that passes, and others.
  Predicate predicate() const;
};

}  // namespace query
