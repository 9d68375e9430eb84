#include "storage/compose_report.h"

#include "query/report/event_class.h"

namespace storage {

namespace {

using query::ReportKind;
using query::ReportQuestion;

absl::Status AddRows(const EventStore& store, const ReportRequest& request,
                     query::ReportComposer& composer) {
  const ReportQuestion& question = request.question;
  return store.ReadFacts(
      {.filter = question.filter,
       .host_patterns = question.host_globs,
       .visible_hosts = request.visible_hosts,
       .roles = query::RolesOfRows(question.kind),
       .types = query::RecordTypesOf(query::ClassesOfRows(question.kind)),
       .by_host = question.by_host,
       .stop = request.stop,
       .memory_bytes_max = request.events_bytes_max,
       .explanation = request.rows_explanation},
      [&](const FoundFacts& found) { return composer.AddEvent(found.facts, found.host.name); });
}

absl::Status AddTallies(const EventStore& store, const ReportRequest& request,
                        query::ReportComposer& composer) {
  const ReportQuestion& question = request.question;
  return store.Tally({.filter = question.filter,
                      .host_patterns = question.host_globs,
                      .visible_hosts = request.visible_hosts,
                      .lists = composer.lists(),
                      .by_host = question.by_host || question.kind == ReportKind::kTimes,
                      .with_first_record = question.kind == ReportKind::kOverall,
                      .stop = request.stop,
                      .memory_bytes_max = request.values_bytes_max,
                      .explanation = request.totals_explanation},
                     [&](const FoundTally& found) {
                       return composer.AddTally(found.host == nullptr ? "" : found.host->name,
                                                found.tally, found.first_record_ms);
                     });
}

}  // namespace

absl::Status ComposeReport(const EventStore& store, const ReportRequest& request,
                           query::ReportSink& sink) {
  query::ReportComposer composer(request.question, request.composer, sink);
  const absl::Status added = request.question.has_rows() ? AddRows(store, request, composer)
                                                         : AddTallies(store, request, composer);
  return added.ok() ? composer.Finish() : added;
}

}  // namespace storage
