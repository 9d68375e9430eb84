// What reports may ask of a store, and what it answers. What they mean is query/report's matter.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "query/report/event_facts.h"
#include "query/report/event_tally.h"
#include "query/report/report_filter.h"
#include "storage/batch.h"
#include "storage/search.h"

namespace storage {

// How the store went about its answer.
struct ReportExplanation {
  uint64_t blocks_added = 0;  // Whole, by their tallies, without opening them.
  uint64_t blocks_read = 0;   // By their columns.
  uint64_t open_events = 0;   // Looked at that are in no block yet.
};

struct TallyRequest {
  query::ReportFilter filter = {};
  std::vector<std::string> host_patterns = {};  // As in SearchRequest,
  std::vector<std::string> visible_hosts = {};  // likewise.
  query::TallyLists lists = 0;
  bool by_host = false;
  bool with_first_record = false;  // Set FoundTally::first_record_ms, unless it is by_host.
  std::stop_token stop = {};       // Ends it with kCancelled.
  size_t memory_bytes_max = size_t{3} << 29;  // Of one tally; kResourceExhausted beyond it.
  ReportExplanation* explanation = nullptr;   // Filled in, if given. Must outlive the request.
};

// Valid during the call that it is given to.
struct FoundTally {
  const Identity* host;  // Null for the tally of all.
  const query::EventTally& tally;

  // The time of the first record that the hosts have sent, as it is told, whatever else was asked
  // for; none if there is no record.
  std::optional<uint64_t> first_record_ms = {};
};

struct FactsRequest {
  query::ReportFilter filter = {};
  std::vector<std::string> host_patterns = {};
  std::vector<std::string> visible_hosts = {};  // Likewise.
  query::RoleSet roles = 0;  // That are wanted, beside those that the filter asks for.

  // Only events with a record of one of these types are wanted; empty: any. A hint: others come,
  // too.
  std::vector<uint32_t> types = {};

  bool by_host = false;  // Host by host, by their names; each in the order of receipt.
  std::stop_token stop = {};
  size_t memory_bytes_max = size_t{64} << 20;  // For events that wait for their turn, about.
  SearchExplanation* explanation = nullptr;    // As in SearchRequest. Not with by_host.
};

// Valid during the call that it is given to.
struct FoundFacts {
  const Identity& host;
  const query::EventFacts& facts;
};

}  // namespace storage
