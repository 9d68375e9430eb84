#include "server/api/query_methods.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/functional/bind_front.h"
#include "absl/strings/str_cat.h"

#include "api/event_message.h"
#include "api/host_message.h"
#include "api/predicate_message.h"
#include "api/report_message.h"
#include "storage/compose_report.h"

namespace server {

namespace {

using auspex::v1::FieldValuesRequest;
using auspex::v1::FieldValuesResponse;
using auspex::v1::GetEventRequest;
using auspex::v1::GetEventResponse;
using auspex::v1::HistogramRequest;
using auspex::v1::HistogramResponse;
using auspex::v1::HostsRequest;
using auspex::v1::HostsResponse;
using auspex::v1::ReportRequest;
using auspex::v1::ReportResponse;
using auspex::v1::SearchMalformedRequest;
using auspex::v1::SearchMalformedResponse;
using auspex::v1::SearchRequest;
using auspex::v1::SearchResponse;
using auspex::v1::TailRequest;
using auspex::v1::TailResponse;

constexpr char kService[] = "auspex.v1.QueryService";

constexpr uint32_t kValuesUsual = 1000;
constexpr uint32_t kSeriesUsual = 10;

// What a histogram can be split by that is no field of a record.
constexpr char kHostField[] = "host";

// They fit in a message that clients take (4 MB), with names of up to 255 bytes and all that is
// told of each.
constexpr uint32_t kHostsMax = 10'000;

std::vector<std::string> ToVector(const google::protobuf::RepeatedPtrField<std::string>& texts) {
  return {texts.begin(), texts.end()};
}

// A pattern of fnmatch(3) that only this name matches.
std::string PatternOf(std::string_view name) {
  std::string pattern;
  for (const char character : name) {
    if (std::string_view("*?[\\").find(character) != std::string_view::npos) pattern += '\\';
    pattern += character;
  }
  return pattern;
}

// The cursor that an answer goes on behind.
absl::StatusOr<storage::SearchCursor> AfterOf(std::string_view bytes, storage::SearchOrder order) {
  absl::StatusOr<storage::SearchCursor> after = api::CursorOf(bytes);
  if (!after.ok() || after->order == order) return after;
  return absl::InvalidArgumentError("after: the cursor is of a search with another order");
}

// Sends things that are found when they are so many bytes together.
template <typename Response>
class Gatherer {
 public:
  using Send = std::function<bool(Response&)>;

  Gatherer(size_t message_bytes, const Send& send) : message_bytes_(message_bytes), send_(send) {}

  // To be filled in with what is found; then tell Added() of that. False if nobody wants more.
  Response& response() { return response_; }
  bool Added(const google::protobuf::Message& found) {
    bytes_ += found.ByteSizeLong();
    return bytes_ < message_bytes_ || SendAll();
  }

  // Sends what is gathered, if there is anything.
  bool SendAll() {
    if (bytes_ == 0) return true;
    bytes_ = 0;
    const bool is_wanted = send_(response_);
    response_.Clear();
    return is_wanted;
  }

 private:
  const size_t message_bytes_;
  const Send& send_;
  Response response_;
  size_t bytes_ = 0;  // Of what was found since the last message.
};

}  // namespace

std::vector<Method> QueryMethods::All() {
  Method tail = StreamMethod<TailRequest, TailResponse>(
      kService, "Tail", Role::kViewer, absl::bind_front(&QueryMethods::Tail, this));
  tail.is_endless = true;
  return {
      StreamMethod<SearchRequest, SearchResponse>(kService, "Search", Role::kViewer,
                                                  absl::bind_front(&QueryMethods::Search, this)),
      StreamMethod<SearchMalformedRequest, SearchMalformedResponse>(
          kService, "SearchMalformed", Role::kViewer,
          absl::bind_front(&QueryMethods::SearchMalformed, this)),
      UnaryMethod<GetEventRequest, GetEventResponse>(
          kService, "GetEvent", Role::kViewer, absl::bind_front(&QueryMethods::GetEvent, this)),
      UnaryMethod<HostsRequest, HostsResponse>(kService, "Hosts", Role::kViewer,
                                               absl::bind_front(&QueryMethods::Hosts, this)),
      UnaryMethod<FieldValuesRequest, FieldValuesResponse>(
          kService, "FieldValues", Role::kViewer,
          absl::bind_front(&QueryMethods::FieldValues, this)),
      StreamMethod<ReportRequest, ReportResponse>(kService, "Report", Role::kViewer,
                                                  absl::bind_front(&QueryMethods::Report, this)),
      UnaryMethod<HistogramRequest, HistogramResponse>(
          kService, "Histogram", Role::kViewer, absl::bind_front(&QueryMethods::Histogram, this)),
      std::move(tail),
  };
}

absl::Status QueryMethods::Search(Call& call, const SearchRequest& request,
                                  const SendEvents& send) const {
  absl::StatusOr<query::Predicate> predicate = api::PredicateOf(request.predicate());
  if (!predicate.ok()) return predicate.status();
  const absl::StatusOr<storage::SearchOrder> order = api::OrderOf(request.order());
  if (!order.ok()) return order.status();
  storage::SearchRequest search{.predicate = *std::move(predicate),
                                .host_patterns = ToVector(request.hosts()),
                                .visible_hosts = call.caller.grant.hosts,
                                .order = *order,
                                .stop = call.stop,
                                .memory_bytes_max = limits_.search_bytes_max};
  if (request.limit() > 0) search.limit = request.limit();
  if (!request.after().empty()) {
    const absl::StatusOr<storage::SearchCursor> after = AfterOf(request.after(), *order);
    if (!after.ok()) return after.status();
    search.after = *after;
  }
  Gatherer<SearchResponse> gatherer(limits_.message_bytes, send);
  const absl::Status searched = store_.Search(search, [&](const storage::FoundEvent& found) {
    auspex::v1::Event& event = *gatherer.response().add_events();
    api::Fill(found, &event);
    ++call.results;
    return gatherer.Added(event);
  });
  if (searched.ok()) gatherer.SendAll();
  return searched;
}

absl::Status QueryMethods::SearchMalformed(
    Call& call, const SearchMalformedRequest& request,
    const std::function<bool(SearchMalformedResponse&)>& send) const {
  const absl::StatusOr<storage::SearchOrder> order = api::OrderOf(request.order());
  if (!order.ok()) return order.status();
  storage::SearchRequest search{
      .predicate = query::Predicate(query::TimeIn{api::TimeRangeOf(request.time())}),
      .host_patterns = ToVector(request.hosts()),
      .visible_hosts = call.caller.grant.hosts,
      .order = *order,
      .stop = call.stop,
      .memory_bytes_max = limits_.search_bytes_max};
  if (request.limit() > 0) search.limit = request.limit();
  Gatherer<SearchMalformedResponse> gatherer(limits_.message_bytes, send);
  const absl::Status searched =
      store_.SearchMalformed(search, [&](const storage::MalformedRecord& found) {
        auspex::v1::MalformedRecord& record = *gatherer.response().add_records();
        api::Fill(found, &record);
        ++call.results;
        return gatherer.Added(record);
      });
  if (searched.ok()) gatherer.SendAll();
  return searched;
}

absl::Status QueryMethods::Tail(Call& call, const TailRequest& request,
                                const SendTail& send) const {
  absl::StatusOr<query::Predicate> predicate = api::PredicateOf(request.predicate());
  if (!predicate.ok()) return predicate.status();
  storage::FollowRequest follow{.predicate = *std::move(predicate),
                                .host_patterns = ToVector(request.hosts()),
                                .visible_hosts = call.caller.grant.hosts,
                                .beat = limits_.tail_beat,
                                .memory_bytes_max = limits_.search_bytes_max,
                                .stop = call.stop};
  if (!request.after().empty()) {
    const absl::StatusOr<storage::SearchCursor> after =
        AfterOf(request.after(), storage::SearchOrder::kWhole);
    if (!after.ok()) return after.status();
    follow.after = *after;
  }
  TailResponse gathered;
  size_t gathered_bytes = 0;
  std::optional<std::chrono::steady_clock::time_point> last_sent;
  const auto send_up_to = [&](const storage::SearchCursor& cursor) {
    gathered.set_cursor(api::MessageOf(cursor));
    gathered_bytes = 0;
    last_sent = std::chrono::steady_clock::now();
    const bool wanted = send(gathered);
    gathered.Clear();
    return wanted;
  };
  const auto add = [&](const storage::FoundEvent& found) {
    auspex::v1::Event& event = *gathered.add_events();
    api::Fill(found, &event);
    ++call.results;
    gathered_bytes += event.ByteSizeLong();
    return gathered_bytes < limits_.message_bytes || send_up_to(found.cursor);
  };
  const auto reached = [&](const storage::SearchCursor& cursor) {
    const bool is_due = gathered.events_size() > 0 || !last_sent ||
                        std::chrono::steady_clock::now() - *last_sent >= limits_.tail_beat;
    return !is_due || send_up_to(cursor);
  };
  return store_.Follow(follow, {.event = add, .reached = reached});
}

absl::Status QueryMethods::GetEvent(Call& call, const GetEventRequest& request,
                                    GetEventResponse* response) {
  const query::TimeRange time{.from_ms = request.time_ms(), .to_ms = request.time_ms()};
  const storage::SearchRequest search{
      .predicate =
          query::Predicate(query::AllOf{{query::Predicate(query::TimeIn{time}),
                                         query::Predicate(query::SerialIs{request.serial()})}}),
      .host_patterns = {PatternOf(request.host())},
      .visible_hosts = call.caller.grant.hosts,
      .limit = limits_.stamp_events_max,
      .stop = call.stop,
      .memory_bytes_max = limits_.search_bytes_max};
  size_t bytes = 0;
  const absl::Status searched = store_.Search(search, [&](const storage::FoundEvent& found) {
    GetEventResponse::Found& message = *response->add_events();
    api::Fill(found, message.mutable_event());
    bytes += found.event.bytes();
    if (bytes > limits_.stamp_bytes_max) return false;
    const std::lock_guard lock(mutex_);
    for (size_t i = 0; i < found.event.record_count(); ++i) {
      api::Fill(found.event.record(i), fields_, message.add_records());
    }
    return true;
  });
  if (!searched.ok()) return searched;
  if (bytes > limits_.stamp_bytes_max) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "the event is longer than ", limits_.stamp_bytes_max, " bytes: search for it"));
  }
  if (response->events_size() == 0) return absl::NotFoundError("there is no such event");
  call.results = static_cast<uint64_t>(response->events_size());
  return absl::OkStatus();
}

absl::Status QueryMethods::Hosts(Call& call, const HostsRequest& request,
                                 HostsResponse* response) const {
  const uint32_t limit = request.limit() == 0 ? kHostsMax : std::min(request.limit(), kHostsMax);
  const absl::StatusOr<storage::HostList> list =
      store_.ListHosts({.host_patterns = ToVector(request.hosts()),
                        .visible_hosts = call.caller.grant.hosts,
                        .after = request.after(),
                        .hosts_max = limit,
                        .with_contents = request.with_contents(),
                        .stop = call.stop});
  if (!list.ok()) return list.status();
  for (const storage::ListedHost& host : list->hosts) api::Fill(host, response->add_hosts());
  response->set_more(list->more);
  call.results = static_cast<uint64_t>(response->hosts_size());
  return absl::OkStatus();
}

absl::Status QueryMethods::FieldValues(Call& call, const FieldValuesRequest& request,
                                       FieldValuesResponse* response) const {
  const auto field = query::ParseTermField(request.field());
  if (!field || !query::IsIndexed(*field)) {
    return absl::InvalidArgumentError(absl::StrCat("no indexed field \"", request.field(), "\""));
  }
  absl::StatusOr<query::Predicate> predicate = api::PredicateOf(request.predicate());
  if (!predicate.ok()) return predicate.status();
  const auto values = store_.Count({.field = *field,
                                    .predicate = *std::move(predicate),
                                    .host_patterns = ToVector(request.hosts()),
                                    .visible_hosts = call.caller.grant.hosts,
                                    .stop = call.stop,
                                    .values_max = limits_.values_max});
  if (!values.ok()) return values.status();
  response->set_value_count(values->size());
  const size_t limit = request.limit() == 0 ? kValuesUsual : request.limit();
  for (size_t i = 0; i < std::min(limit, values->size()); ++i) {
    FieldValuesResponse::Value& message = *response->add_values();
    message.set_value((*values)[i].value);
    message.set_events((*values)[i].events);
  }
  call.results = static_cast<uint64_t>(response->values_size());
  return absl::OkStatus();
}

absl::Status QueryMethods::Report(Call& call, const ReportRequest& request,
                                  const SendReport& send) {
  absl::StatusOr<query::ReportQuestion> question = api::QuestionOf(request);
  if (!question.ok()) return question.status();
  api::ReportMessages messages(*question, limits_.message_bytes, send);
  const absl::Status composed = storage::ComposeReport(
      store_,
      {.question = *question,
       .visible_hosts = call.caller.grant.hosts,
       .stop = call.stop,
       .events_bytes_max = limits_.search_bytes_max,
       .values_bytes_max = limits_.report_bytes_max,
       .composer = {.memory_bytes_max = limits_.report_bytes_max, .libauparse = &mutex_}},
      messages);
  call.results = messages.parts();
  return composed;
}

absl::Status QueryMethods::Histogram(Call& call, const HistogramRequest& request,
                                     HistogramResponse* response) const {
  absl::StatusOr<query::Predicate> predicate = api::PredicateOf(request.predicate());
  if (!predicate.ok()) return predicate.status();
  const uint32_t limit = request.limit() == 0 ? kSeriesUsual : request.limit();
  if (limit > limits_.series_max) {
    return absl::InvalidArgumentError(absl::StrCat("limit: more than ", limits_.series_max));
  }
  storage::HistogramRequest counted{
      .predicate = *std::move(predicate),
      .host_patterns = ToVector(request.hosts()),
      .visible_hosts = call.caller.grant.hosts,
      .time = {.from_ms = request.from_ms(), .to_ms = request.to_ms()},
      .bucket_ms = request.bucket_ms(),
      .field = std::nullopt,
      .by_host = request.field() == kHostField,
      .series_max = limit,
      .stop = call.stop,
      .counts_max = limits_.values_max};
  if (!request.field().empty() && !counted.by_host) {
    counted.field = query::ParseTermField(request.field());
    if (!counted.field || !query::IsIndexed(*counted.field)) {
      return absl::InvalidArgumentError(absl::StrCat("no indexed field \"", request.field(), "\""));
    }
  }
  if (request.bucket_ms() > 0 && request.from_ms() <= request.to_ms()) {
    const uint64_t buckets = (request.to_ms() - request.from_ms()) / request.bucket_ms() + 1;
    const uint64_t rows = request.field().empty() ? 1 : uint64_t{limit} + 2;
    if (buckets > limits_.counts_max / rows) {
      return absl::InvalidArgumentError(absl::StrCat("more than ", limits_.counts_max,
                                                     " counts: ask for longer buckets, or less"));
    }
  }
  const absl::StatusOr<storage::Histogram> histogram = store_.CountOverTime(counted);
  if (!histogram.ok()) return histogram.status();
  const auto fill = [](const storage::HistogramSeries& series, HistogramResponse::Series* message) {
    message->set_value(series.value);
    message->set_total(series.total);
    message->mutable_events()->Add(series.events.begin(), series.events.end());
  };
  response->mutable_events()->Add(histogram->events.begin(), histogram->events.end());
  for (const storage::HistogramSeries& series : histogram->series) {
    fill(series, response->add_series());
  }
  if (histogram->others.total > 0) fill(histogram->others, response->mutable_others());
  response->set_value_count(histogram->value_count);
  call.results = histogram->value_count;
  return absl::OkStatus();
}

}  // namespace server
