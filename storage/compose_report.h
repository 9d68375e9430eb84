// A report over a store.

#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"

#include "query/report/report_composer.h"
#include "storage/event_store.h"

namespace storage {

struct ReportRequest {
  query::ReportQuestion question = {};
  std::vector<std::string> visible_hosts = {};  // As in SearchRequest.
  std::stop_token stop = {};

  // What it may hold, about: events that wait for their turn, and the values of a tally. What is
  // made of a tally to be shown comes on top of that, and takes as much at most.
  size_t events_bytes_max = size_t{64} << 20;
  size_t values_bytes_max = size_t{3} << 29;

  query::ReportComposerOptions composer = {};

  // How it was made; filled in, if given: of totals and times, and of rows.
  ReportExplanation* totals_explanation = nullptr;
  SearchExplanation* rows_explanation = nullptr;
};

// Gives the parts of the report to `sink`, and ends it. Sees what EventStore::Search() would see.
// Fails as EventStore::Tally() and ReadFacts() do.
absl::Status ComposeReport(const EventStore& store, const ReportRequest& request,
                           query::ReportSink& sink);

}  // namespace storage
