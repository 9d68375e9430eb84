#include "cli/remote/remote_source.h"

#include <cstdint>
#include <limits>
#include <memory>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

#include "api/event_message.h"
#include "api/host_message.h"
#include "api/predicate_message.h"
#include "api/report_message.h"
#include "proto/auspex/v1/query.grpc.pb.h"

namespace cli {

namespace {

using auspex::v1::Event;
using auspex::v1::HostsRequest;
using auspex::v1::HostsResponse;
using auspex::v1::ReportResponse;
using auspex::v1::SearchMalformedRequest;
using auspex::v1::SearchMalformedResponse;
using auspex::v1::SearchRequest;
using auspex::v1::TailRequest;

// The device of all collectors: no file system has it.
constexpr uint64_t kCollectorDevice = std::numeric_limits<uint64_t>::max();

// FNV-1a, which is the same everywhere and always.
uint64_t HashOf(const std::string& text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char character : text) {
    hash = (hash ^ static_cast<unsigned char>(character)) * 0x100000001b3;
  }
  return hash;
}

template <typename Request>
void AddHosts(const Question& question, Request* request) {
  for (const std::string& pattern : question.host_patterns) request->add_hosts(pattern);
}

void Explain(const ServerChoice& choice, const google::protobuf::Message& request,
             std::vector<std::string>* lines) {
  lines->push_back(absl::StrCat("asked ", choice.address, " (", choice.named_by,
                                "): ", request.ShortDebugString()));
}

// Calls `take` with each message of an answer until it is false, and tells how the call has ended.
template <typename Response>
grpc::Status ReadAll(grpc::ClientContext& context, grpc::ClientReader<Response>& reader,
                     const std::function<bool(const Response&)>& take) {
  bool wanted = true;
  for (Response response; wanted && reader.Read(&response);) wanted = take(response);
  if (!wanted) context.TryCancel();
  const grpc::Status status = reader.Finish();
  return wanted ? status : grpc::Status::OK;
}

}  // namespace

absl::StatusOr<SourcePlace> RemoteSource::Place() const {
  return SourcePlace{.device = kCollectorDevice, .inode = HashOf(connection_.choice().address)};
}

// Gives the events of a message to `sink`. kDataLoss if one cannot be read; kCancelled once no more
// are wanted.
absl::Status RemoteSource::GiveEvents(const google::protobuf::RepeatedPtrField<Event>& events,
                                      const EventSink& sink) const {
  for (const Event& message : events) {
    const absl::StatusOr<audit::Event> event = api::EventOf(message);
    if (!event.ok()) {
      return absl::DataLossError(
          absl::StrCat(connection_.choice().address, ": ", event.status().message()));
    }
    const bool wanted =
        sink({.origin = {.host = message.host(),
                         .identity = storage::KindName(api::IdentityKindOf(message.identity())),
                         .address = message.address(),
                         .received_ms = message.received_ms()},
              .event = *event,
              .pending = message.pending(),
              .cursor = [&message] { return absl::BytesToHexString(message.cursor()); }});
    if (!wanted) return absl::CancelledError();
  }
  return absl::OkStatus();
}

// Reads the answer to a call to its end, or until no more events are wanted.
template <typename Response>
absl::Status RemoteSource::ReadEvents(grpc::ClientContext& context,
                                      grpc::ClientReader<Response>& reader,
                                      const EventSink& sink) const {
  absl::Status given;
  const grpc::Status status = ReadAll<Response>(context, reader, [&](const Response& response) {
    given = GiveEvents(response.events(), sink);
    return given.ok();
  });
  return given.ok() || absl::IsCancelled(given) ? connection_.StatusOf(status) : given;
}

absl::Status RemoteSource::Search(const Question& question, const EventSink& sink) {
  SearchRequest request;
  *request.mutable_predicate() = api::MessageOf(question.predicate);
  AddHosts(question, &request);
  request.set_order(api::MessageOf(question.order));
  request.set_after(absl::HexStringToBytes(question.after));
  if (question.explanation != nullptr) {
    Explain(connection_.choice(), request, question.explanation);
  }
  const auto stub = auspex::v1::QueryService::NewStub(connection_.channel());
  grpc::ClientContext context;
  connection_.Prepare(&context);
  const auto reader = stub->Search(&context, request);
  return ReadEvents(context, *reader, sink);
}

absl::Status RemoteSource::SearchMalformed(const Question& question, const LineSink& sink) {
  SearchMalformedRequest request;
  *request.mutable_time() = api::MessageOf(question.predicate.time_bounds());
  AddHosts(question, &request);
  request.set_order(api::MessageOf(question.order));
  if (question.explanation != nullptr) {
    Explain(connection_.choice(), request, question.explanation);
  }

  const auto stub = auspex::v1::QueryService::NewStub(connection_.channel());
  grpc::ClientContext context;
  connection_.Prepare(&context);
  const auto reader = stub->SearchMalformed(&context, request);
  const auto take = [&](const SearchMalformedResponse& response) {
    for (const auspex::v1::MalformedRecord& record : response.records()) {
      if (!sink(record.line())) return false;
    }
    return true;
  };
  return connection_.StatusOf(ReadAll<SearchMalformedResponse>(context, *reader, take));
}

absl::Status RemoteSource::Follow(const Question& question, const EventSink& sink) {
  if (!question.after.empty()) {
    return absl::InvalidArgumentError("a collector cannot be followed from a checkpoint");
  }
  TailRequest request;
  *request.mutable_predicate() = api::MessageOf(question.predicate);
  AddHosts(question, &request);
  // From the first event on.
  request.set_after(api::MessageOf(storage::SearchCursor{.order = storage::SearchOrder::kWhole}));
  if (question.explanation != nullptr) {
    Explain(connection_.choice(), request, question.explanation);
  }
  const auto stub = auspex::v1::QueryService::NewStub(connection_.channel());
  grpc::ClientContext context;
  connection_.Prepare(&context);
  const auto reader = stub->Tail(&context, request);
  return ReadEvents(context, *reader, sink);
}

absl::Status RemoteSource::Report(const query::ReportQuestion& question,
                                  std::vector<std::string>* explanation, query::ReportSink& sink) {
  const auspex::v1::ReportRequest request = api::MessageOf(question);
  if (explanation != nullptr) Explain(connection_.choice(), request, explanation);
  const auto stub = auspex::v1::QueryService::NewStub(connection_.channel());
  grpc::ClientContext context;
  connection_.Prepare(&context);
  const auto reader = stub->Report(&context, request);
  const grpc::Status status = ReadAll<ReportResponse>(
      context, *reader,
      [&](const ReportResponse& response) { return api::GiveParts(response, question, sink); });
  if (status.ok()) sink.End();
  return connection_.StatusOf(status);
}

absl::StatusOr<std::vector<storage::ListedHost>> RemoteSource::Hosts(
    const std::vector<std::string>& host_patterns) {
  HostsRequest request;
  for (const std::string& pattern : host_patterns) request.add_hosts(pattern);
  request.set_with_contents(true);
  const auto stub = auspex::v1::QueryService::NewStub(connection_.channel());
  std::vector<storage::ListedHost> hosts;
  for (bool more = true; more;) {
    grpc::ClientContext context;
    connection_.Prepare(&context);
    HostsResponse response;
    const grpc::Status status = stub->Hosts(&context, request, &response);
    if (!status.ok()) return connection_.StatusOf(status);
    for (const HostsResponse::Host& host : response.hosts()) hosts.push_back(api::HostOf(host));
    more = response.more() && response.hosts_size() > 0;
    if (more) request.set_after(hosts.back().host.name);
  }
  return hosts;
}

}  // namespace cli
