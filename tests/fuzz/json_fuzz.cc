// What the JSON door reads from the wire: heads of requests, envelopes, messages as JSON. What is
// taken for a message is printed as it was meant.

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include <google/protobuf/stubs/logging.h>

#include "proto/auspex/v1/query.pb.h"
#include "server/api/connect_protocol.h"
#include "server/api/json_text.h"
#include "tests/fuzz/fuzz.h"

namespace {

using google::protobuf::Message;
using server::RequestPlan;

void CheckMessage(std::string_view json, const Message& type) {
  const std::unique_ptr<Message> message(type.New());
  const absl::Status parsed = server::ParseJson(json, message.get());
  if (!parsed.ok()) return fuzz::Check(absl::IsInvalidArgument(parsed));
  const std::unique_ptr<Message> again(type.New());
  fuzz::Check(server::ParseJson(server::PrintJson(*message), again.get()).ok());
  fuzz::Check(again->SerializeAsString() == message->SerializeAsString());
}

void CheckEnvelope(std::string_view body) {
  const absl::StatusOr<std::string_view> message = server::MessageInEnvelope(body);
  if (!message.ok()) return;
  std::string envelope;
  server::AppendEnvelope(0, *message, &envelope);
  fuzz::Check(envelope == body);
}

// Each line is a field of a head.
void CheckPlan(std::string_view input) {
  static const server::MethodTable methods = [] {
    server::MethodTable table;
    table.Add({{.service = "a", .name = "One", .answer = {}},
               {.service = "a", .name = "Many", .is_stream = true, .answer = {}}});
    return table;
  }();
  std::array<std::string_view, 9> fields;
  for (std::string_view& field : fields) {
    field = input.substr(0, input.find('\n'));
    input.remove_prefix(std::min(field.size() + 1, input.size()));
  }
  const RequestPlan plan = server::PlanRequest({.verb = fields[0],
                                                .target = fields[1],
                                                .content_type = fields[2],
                                                .content_encoding = fields[3],
                                                .connect_content_encoding = fields[4],
                                                .connect_protocol_version = fields[5],
                                                .connect_timeout_ms = fields[6],
                                                .origin = fields[7],
                                                .access_control_request_method = fields[8]},
                                               methods, {"https://a.example"});
  const bool is_call =
      plan.kind == RequestPlan::Kind::kUnary || plan.kind == RequestPlan::Kind::kStream;
  fuzz::Check(is_call == (plan.method != nullptr));
  fuzz::Check(!is_call || fields[0] == "POST");
  fuzz::Check(plan.http_status >= 200 && plan.http_status < 600);
  fuzz::Check((plan.kind == RequestPlan::Kind::kRefuse) == (plan.http_status >= 400));
  for (const auto& [name, value] : plan.fields) {
    fuzz::Check(value.find_first_of("\r\n") == std::string::npos);
    fuzz::Check(name != "Access-Control-Allow-Origin" || value == "https://a.example");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  [[maybe_unused]] static const auto silenced = google::protobuf::SetLogHandler(nullptr);
  const std::string input = fuzz::Input(data, size);
  CheckEnvelope(input);
  CheckPlan(input);
  CheckMessage(input, auspex::v1::SearchRequest::default_instance());
  CheckMessage(input, auspex::v1::GetEventRequest::default_instance());
  CheckMessage(input, auspex::v1::SearchResponse::default_instance());
  // Whatever the bytes are, as a string they are JSON.
  std::string request = "{\"hosts\":[";
  server::AppendJsonString(input, &request);
  auspex::v1::HostsRequest hosts;
  fuzz::Check(server::ParseJson(request + "]}", &hosts).ok());
  return 0;
}
