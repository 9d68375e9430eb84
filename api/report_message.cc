#include "api/report_message.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

#include "base/number.h"

namespace api {

namespace {

namespace v1 = auspex::v1;
using google::protobuf::Message;
using query::ReportKind;
using query::ReportQuestion;
using v1::ReportResponse;

absl::Status Wrong(const std::string& what) {
  return absl::InvalidArgumentError("report: " + what);
}

absl::StatusOr<query::ReportFilter> FilterOf(const v1::ReportFilter& message) {
  query::ReportFilter filter{.without_deleted = message.without_deleted(),
                             .without_added = message.without_added(),
                             .without_config = message.without_config()};
  if (message.time().has_from_ms()) filter.time.from_ms = message.time().from_ms();
  if (message.time().has_to_ms()) filter.time.to_ms = message.time().to_ms();
  if (message.nodes_size() > kReportNodesMax) {
    return Wrong(absl::StrCat("more than ", kReportNodesMax, " nodes"));
  }
  filter.nodes.assign(message.nodes().begin(), message.nodes().end());
  if (filter.without_deleted && filter.without_added) {
    return Wrong("without what was deleted and without what was added: one of them");
  }
  switch (message.outcome()) {
    case v1::ReportFilter::OUTCOME_ANY:
      return filter;
    case v1::ReportFilter::OUTCOME_SUCCEEDED:
      filter.outcome = query::Outcome::kSucceeded;
      return filter;
    case v1::ReportFilter::OUTCOME_FAILED:
      filter.outcome = query::Outcome::kFailed;
      return filter;
    default:
      return Wrong(
          absl::StrCat("outcome ", static_cast<int>(message.outcome()), " is not defined"));
  }
}

void Fill(const query::ReportFilter& filter, v1::ReportFilter* message) {
  const query::TimeRange all;
  if (filter.time.from_ms != all.from_ms) message->mutable_time()->set_from_ms(filter.time.from_ms);
  if (filter.time.to_ms != all.to_ms) message->mutable_time()->set_to_ms(filter.time.to_ms);
  for (const std::string& node : filter.nodes) message->add_nodes(node);
  if (filter.outcome == query::Outcome::kSucceeded) {
    message->set_outcome(v1::ReportFilter::OUTCOME_SUCCEEDED);
  } else if (filter.outcome == query::Outcome::kFailed) {
    message->set_outcome(v1::ReportFilter::OUTCOME_FAILED);
  }
  message->set_without_deleted(filter.without_deleted);
  message->set_without_added(filter.without_added);
  message->set_without_config(filter.without_config);
}

// ---- Cells ----

void Fill(const query::ReportCell& cell, ReportResponse::Cell* message) {
  const auto number =
      cell.is_number ? base::ParseNumber<int64_t>(cell.text) : std::optional<int64_t>();
  if (number) {
    message->set_number(*number);
  } else {
    message->set_text(cell.text.data(), cell.text.size());
  }
  message->set_unknown(!cell.is_known);
  if (cell.unnamed_user) message->set_unnamed_user(*cell.unnamed_user);
}

// `number` keeps the text of a number as long as the cell is used.
query::ReportCell CellOf(const ReportResponse::Cell& message, std::string* number) {
  query::ReportCell cell{.text = message.text(), .is_known = !message.unknown()};
  if (message.has_number()) {
    *number = absl::StrCat(message.number());
    cell.text = *number;
    cell.is_number = true;
  }
  if (message.has_unnamed_user()) cell.unnamed_user = message.unnamed_user();
  return cell;
}

// ---- Counts ----

// The fields of Counts have the numbers of query::OverallCount, counted from 1; those of Host are
// query::kOverviewCounts, counted from 2.
constexpr int kFirstCountOfHost = 2;

uint64_t GetCount(const Message& message, int number) {
  return message.GetReflection()->GetUInt64(message,
                                            message.GetDescriptor()->FindFieldByNumber(number));
}

void SetCount(uint64_t value, int number, Message* message) {
  message->GetReflection()->SetUInt64(message, message->GetDescriptor()->FindFieldByNumber(number),
                                      value);
}

void Fill(const query::HostOverview& host, ReportResponse::Host* message) {
  message->set_name(host.host);
  int number = kFirstCountOfHost;
  for (const query::OverallCount count : query::kOverviewCounts) {
    SetCount(host.counts[static_cast<size_t>(count)], number++, message);
  }
  message->set_lost(host.lost);
  if (host.last_ms) message->set_last_event_ms(*host.last_ms);
}

query::HostOverview HostOf(const ReportResponse::Host& message) {
  query::HostOverview host{.host = message.name(), .lost = message.lost()};
  int number = kFirstCountOfHost;
  for (const query::OverallCount count : query::kOverviewCounts) {
    host.counts[static_cast<size_t>(count)] = GetCount(message, number++);
  }
  if (message.has_last_event_ms()) host.last_ms = message.last_event_ms();
  return host;
}

query::OverallReport OverallOf(const ReportResponse::Overall& message) {
  query::OverallReport overall{.log_begin_ms = message.first_record_ms(),
                               .last_ms = message.last_event_ms()};
  for (size_t i = 0; i < overall.counts.size(); ++i) {
    overall.counts[i] = GetCount(message.counts(), static_cast<int>(i) + 1);
  }
  return overall;
}

query::ReportTotal TotalOf(const ReportResponse::Total& message) {
  std::string number;
  const query::ReportCell value = CellOf(message.value(), &number);
  return {.host = message.host(),
          .row = {.total = message.total(),
                  .value = std::string(value.text),
                  .is_number = value.is_number,
                  .unnamed_user = value.unnamed_user,
                  .place = message.place()}};
}

}  // namespace

absl::StatusOr<ReportQuestion> QuestionOf(const v1::ReportRequest& message) {
  if (message.kind() < 0 || message.kind() >= static_cast<int>(query::kReportKinds)) {
    return Wrong(absl::StrCat("kind ", static_cast<int>(message.kind()), " is not defined"));
  }
  absl::StatusOr<query::ReportFilter> filter = FilterOf(message.filter());
  if (!filter.ok()) return filter.status();
  ReportQuestion question{.kind = static_cast<ReportKind>(message.kind()),
                          .summary = message.summary(),
                          .filter = *std::move(filter),
                          .host_globs = {message.hosts().begin(), message.hosts().end()},
                          .by_host = message.by_host(),
                          .interpret = message.interpret(),
                          .unnamed_users_apart = message.unnamed_users_apart()};
  if (question.kind == ReportKind::kOverall) question.summary = true;
  if (message.limit() > 0) question.limit = message.limit();
  if (question.summary && !query::HasTotals(question.kind)) {
    return Wrong(absl::StrCat("there are no totals of ", v1::ReportKind_Name(message.kind())));
  }
  if (question.by_host && question.kind == ReportKind::kTimes) {
    return Wrong("REPORT_KIND_TIMES is by host already");
  }
  return question;
}

v1::ReportRequest MessageOf(const ReportQuestion& question) {
  v1::ReportRequest message;
  message.set_kind(static_cast<v1::ReportKind>(question.kind));
  message.set_summary(question.summary);
  Fill(question.filter, message.mutable_filter());
  for (const std::string& host : question.host_globs) message.add_hosts(host);
  message.set_by_host(question.by_host);
  message.set_interpret(question.interpret);
  message.set_unnamed_users_apart(question.unnamed_users_apart);
  message.set_limit(question.limit.value_or(0));
  return message;
}

ReportMessages::ReportMessages(const ReportQuestion& question, size_t message_bytes,
                               std::function<bool(ReportResponse&)> send)
    : question_(question), message_bytes_(message_bytes), send_(std::move(send)) {
  if (!question.has_rows()) return;
  for (const query::ReportColumn& column : query::DefinitionOf(question.kind).columns) {
    gathered_.add_columns(std::string(column.name));
  }
}

bool ReportMessages::TakeRow(const query::ReportRow& row) {
  ReportResponse::Row& message = *gathered_.add_rows();
  message.set_time_ms(row.time_ms);
  message.set_host(row.host.data(), row.host.size());
  for (const query::ReportCell& cell : row.cells) Fill(cell, message.add_cells());
  return Added(message);
}

bool ReportMessages::TakeTotal(const query::ReportTotal& total) {
  ReportResponse::Total& message = *gathered_.add_totals();
  message.set_total(total.row.total);
  message.set_host(total.host);
  Fill({.text = total.row.value,
        .is_number = total.row.is_number,
        .unnamed_user = total.row.unnamed_user},
       message.mutable_value());
  message.set_place(total.row.place);
  return Added(message);
}

bool ReportMessages::TakeTimes(const query::ReportTimes& times) {
  ReportResponse::Times& message = *gathered_.add_times();
  message.set_host(times.name);
  if (times.first_ms) message.set_first_ms(*times.first_ms);
  message.set_last_ms(times.last_ms);
  return Added(message);
}

bool ReportMessages::TakeOverall(const query::OverallReport& overall) {
  ReportResponse::Overall& message = *gathered_.mutable_overall();
  message.set_first_record_ms(overall.log_begin_ms);
  message.set_last_event_ms(overall.last_ms);
  for (size_t i = 0; i < overall.counts.size(); ++i) {
    SetCount(overall.counts[i], static_cast<int>(i) + 1, message.mutable_counts());
  }
  return Added(message);
}

bool ReportMessages::TakeHost(const query::HostOverview& host) {
  ReportResponse::Host& message = *gathered_.add_hosts();
  Fill(host, &message);
  return Added(message);
}

bool ReportMessages::TakeSum(uint64_t host_count, const query::HostOverview& sum) {
  ReportResponse::Sum& message = *gathered_.mutable_sum();
  message.set_host_count(host_count);
  Fill(sum, message.mutable_sum());
  return true;
}

void ReportMessages::End() {
  if (gathered_.ByteSizeLong() > 0) send_(gathered_);
}

bool ReportMessages::Added(const Message& part) {
  ++parts_;
  gathered_bytes_ += part.ByteSizeLong();
  if (gathered_bytes_ < message_bytes_) return true;
  gathered_bytes_ = 0;
  const bool wanted = send_(gathered_);
  gathered_.Clear();
  return wanted;
}

bool GiveParts(const ReportResponse& message, const ReportQuestion& question,
               query::ReportSink& sink) {
  // As many cells as there are columns here, whatever the collector knows.
  std::vector<query::ReportCell> cells(query::DefinitionOf(question.kind).columns.size());
  std::vector<std::string> numbers(cells.size());
  for (const ReportResponse::Row& row : message.rows()) {
    for (size_t i = 0; i < cells.size(); ++i) {
      cells[i] = i < static_cast<size_t>(row.cells_size())
                     ? CellOf(row.cells(static_cast<int>(i)), &numbers[i])
                     : query::ReportCell{.is_known = false};
    }
    if (!sink.TakeRow({.time_ms = row.time_ms(), .host = row.host(), .cells = cells})) return false;
  }
  for (const ReportResponse::Total& total : message.totals()) {
    if (!sink.TakeTotal(TotalOf(total))) return false;
  }
  for (const ReportResponse::Times& times : message.times()) {
    query::ReportTimes given{.name = times.host(), .last_ms = times.last_ms()};
    if (times.has_first_ms()) given.first_ms = times.first_ms();
    if (!sink.TakeTimes(given)) return false;
  }
  if (message.has_overall() && !sink.TakeOverall(OverallOf(message.overall()))) return false;
  for (const ReportResponse::Host& host : message.hosts()) {
    if (!sink.TakeHost(HostOf(host))) return false;
  }
  return !message.has_sum() ||
         sink.TakeSum(message.sum().host_count(), HostOf(message.sum().sum()));
}

}  // namespace api
