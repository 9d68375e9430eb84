#include "cli/store_source.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "cli/checkpoint.h"
#include "cli/store_follow.h"

#include "storage/compose_report.h"
#include "storage/event_store.h"

namespace cli {

namespace {

// A cursor of a store, as text: its five numbers, with a blank between them.
std::string TextOf(const storage::SearchCursor& cursor) { return absl::StrJoin(cursor.key, " "); }

absl::StatusOr<storage::SearchCursor> CursorOf(const std::string& text,
                                               storage::SearchOrder order) {
  storage::SearchCursor cursor{.order = order};
  const std::vector<std::string> numbers = absl::StrSplit(text, ' ');
  bool is_cursor = numbers.size() == cursor.key.size();
  for (size_t i = 0; is_cursor && i < numbers.size(); ++i) {
    is_cursor = absl::SimpleAtoi(numbers[i], &cursor.key[i]);
  }
  if (!is_cursor) return absl::InvalidArgumentError(absl::StrCat("no place in a store: ", text));
  return cursor;
}

absl::StatusOr<storage::SearchRequest> RequestOf(const Question& question) {
  storage::SearchRequest request{.predicate = question.predicate,
                                 .host_patterns = question.host_patterns,
                                 .order = question.order};
  if (!question.after.empty()) {
    const absl::StatusOr<storage::SearchCursor> after = CursorOf(question.after, question.order);
    if (!after.ok()) return after.status();
    request.after = *after;
  }
  return request;
}

std::function<bool(const storage::FoundEvent&)> GiveTo(const EventSink& sink) {
  return [&sink](const storage::FoundEvent& found) {
    return sink({.origin = {.host = found.host.name,
                            .identity = storage::KindName(found.host.kind),
                            .address = found.address,
                            .received_ms = found.received_ms},
                 .event = found.event,
                 .pending = found.pending,
                 .cursor = [&found] { return TextOf(found.cursor); }});
  };
}

void Explain(const storage::SearchExplanation& explanation, std::vector<std::string>* lines) {
  for (const storage::SearchExplanation::Step& step : explanation.steps) {
    lines->push_back(absl::StrFormat("%s: %s, in %d blocks", step.condition,
                                     step.is_lookup ? "looked up" : "all terms looked through",
                                     step.blocks));
  }
  lines->push_back(absl::StrFormat(
      "%d blocks %s, %d read; %d events of them put together, %d open events looked at",
      explanation.blocks_planned,
      explanation.by_index ? "by the index" : "in the time asked for, without the index",
      explanation.blocks_read, explanation.events_read, explanation.open_events));
}

void Explain(const query::ReportQuestion& question, const storage::ReportExplanation& totals,
             const storage::SearchExplanation& rows, std::vector<std::string>* lines) {
  if (!question.has_rows()) {
    lines->push_back(absl::StrFormat(
        "%d blocks added up without opening them, %d read by their columns; %d open events "
        "looked at",
        totals.blocks_added, totals.blocks_read, totals.open_events));
  } else if (!question.by_host) {
    lines->push_back(absl::StrFormat("%d blocks %s, %d read by their columns; %d open events",
                                     rows.blocks_planned,
                                     rows.by_index ? "by the index" : "in the time asked for",
                                     rows.blocks_read, rows.open_events));
  }
}

}  // namespace

absl::StatusOr<SourcePlace> StoreSource::Place() const {
  Checkpoint place;
  if (const absl::Status set = SetPlace(path_, &place); !set.ok()) return set;
  return SourcePlace{.device = place.device, .inode = place.inode};
}

absl::Status StoreSource::Search(const Question& question, const EventSink& sink) {
  absl::StatusOr<storage::SearchRequest> request = RequestOf(question);
  if (!request.ok()) return request.status();
  storage::SearchExplanation explanation;
  if (question.explanation != nullptr) request->explanation = &explanation;
  const auto store = storage::EventStore::OpenForReading(path_);
  if (!store.ok()) return store.status();
  const absl::Status searched = (*store)->Search(*request, GiveTo(sink));
  if (!searched.ok() || question.explanation == nullptr) return searched;
  question.explanation->push_back(absl::StrCat("read the store ", path_));
  Explain(explanation, question.explanation);
  return absl::OkStatus();
}

absl::Status StoreSource::SearchMalformed(const Question& question, const LineSink& sink) {
  const absl::StatusOr<storage::SearchRequest> request = RequestOf(question);
  if (!request.ok()) return request.status();
  const auto store = storage::EventStore::OpenForReading(path_);
  if (!store.ok()) return store.status();
  return (*store)->SearchMalformed(
      *request, [&](const storage::MalformedRecord& record) { return sink(record.line); });
}

absl::Status StoreSource::Report(const query::ReportQuestion& question,
                                 std::vector<std::string>* explanation, query::ReportSink& sink) {
  const auto store = storage::EventStore::OpenForReading(path_);
  if (!store.ok()) return store.status();
  storage::ReportExplanation totals;
  storage::SearchExplanation rows;
  const absl::Status composed =
      storage::ComposeReport(**store,
                             {.question = question,
                              .totals_explanation = &totals,
                              .rows_explanation = explanation != nullptr ? &rows : nullptr},
                             sink);
  if (composed.ok() && explanation != nullptr) Explain(question, totals, rows, explanation);
  return composed;
}

absl::StatusOr<std::vector<storage::ListedHost>> StoreSource::Hosts(
    const std::vector<std::string>& host_patterns) {
  const auto store = storage::EventStore::OpenForReading(path_);
  if (!store.ok()) return store.status();
  absl::StatusOr<storage::HostList> list =
      (*store)->ListHosts({.host_patterns = host_patterns, .with_contents = true});
  if (!list.ok()) return list.status();
  return std::move(list->hosts);
}

absl::Status StoreSource::Follow(const Question& question, const EventSink& sink) {
  absl::StatusOr<storage::SearchRequest> request = RequestOf(question);
  if (!request.ok()) return request.status();
  return FollowStore(path_, *std::move(request), GiveTo(sink));
}

}  // namespace cli
