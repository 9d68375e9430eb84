// Who is asked about records and hosts: a store on this machine, or a collector that runs. A
// command asks, prints and ends in the same way whoever answers.

#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "audit/event.h"
#include "query/event_json.h"
#include "query/predicate.h"
#include "query/report/report_question.h"
#include "query/report/report_sink.h"
#include "storage/batch.h"
#include "storage/host_list.h"
#include "storage/search.h"

namespace cli {

struct Question {
  query::Predicate predicate = {};
  std::vector<std::string> host_patterns = {};  // As in storage::SearchRequest.
  storage::SearchOrder order = storage::SearchOrder::kReceipt;

  // FoundEvent::cursor of the same source and the same order: only events behind it. Empty: all.
  std::string after = {};

  // Filled in with lines about who was asked, and how it went about its answer, if given. Must
  // outlive the call.
  std::vector<std::string>* explanation = nullptr;
};

// Valid during the call that it is given to.
struct FoundEvent {
  query::EventOrigin origin;
  const audit::Event& event;
  bool pending;                             // Records of it may still come.
  absl::FunctionRef<std::string()> cursor;  // The place behind this event: one line of text.
};

// False ends the search.
using EventSink = std::function<bool(const FoundEvent&)>;
using LineSink = std::function<bool(std::string_view line)>;

// Tells one source from another. Neither number is 0.
struct SourcePlace {
  uint64_t device = 0;
  uint64_t inode = 0;

  friend bool operator==(const SourcePlace&, const SourcePlace&) = default;
};

// The calls fail with one line for whoever has asked; with kInvalidArgument if `after` is none of
// this source.
class Source {
 public:
  virtual ~Source() = default;

  virtual absl::StatusOr<SourcePlace> Place() const = 0;

  // Calls `sink` with the events that match, in the order asked for.
  virtual absl::Status Search(const Question& question, const EventSink& sink) = 0;

  // Likewise, with malformed records. Of the predicate only its time counts.
  virtual absl::Status SearchMalformed(const Question& question, const LineSink& sink) = 0;

  // As Search() in the order of receipt; then goes on with what comes, until `sink` is false. An
  // event is given when its last record has come, or when it has waited for more for some seconds.
  // One that grows after that is given again, as a whole.
  virtual absl::Status Follow(const Question& question, const EventSink& sink) = 0;

  // Gives the parts of a report to `sink`, and ends it. `explanation` as in Question.
  virtual absl::Status Report(const query::ReportQuestion& question,
                              std::vector<std::string>* explanation, query::ReportSink& sink) = 0;

  // All hosts whose names match one of the shell patterns, by name, with what is stored of them and
  // what they have lost. No pattern: all.
  virtual absl::StatusOr<std::vector<storage::ListedHost>> Hosts(
      const std::vector<std::string>& host_patterns) = 0;
};

}  // namespace cli
