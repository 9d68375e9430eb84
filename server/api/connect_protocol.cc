#include "server/api/connect_protocol.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

#include "base/number.h"
#include "server/api/json_text.h"

namespace server {

namespace {

using Kind = RequestPlan::Kind;

constexpr size_t kEnvelopeHeadBytes = 5;

// The protocol's limit: 115 days.
constexpr size_t kTimeoutDigitsMax = 10;

// How long a browser need not ask again, in seconds: longer ones are cut to two hours by some.
constexpr char kPreflightAge[] = "7200";

struct NamedCode {
  absl::StatusCode code;
  std::string_view name;
  unsigned http_status;
};

constexpr NamedCode kCodes[] = {
    {absl::StatusCode::kCancelled, "canceled", 499},
    {absl::StatusCode::kUnknown, "unknown", 500},
    {absl::StatusCode::kInvalidArgument, "invalid_argument", 400},
    {absl::StatusCode::kDeadlineExceeded, "deadline_exceeded", 504},
    {absl::StatusCode::kNotFound, "not_found", 404},
    {absl::StatusCode::kAlreadyExists, "already_exists", 409},
    {absl::StatusCode::kPermissionDenied, "permission_denied", 403},
    {absl::StatusCode::kResourceExhausted, "resource_exhausted", 429},
    {absl::StatusCode::kFailedPrecondition, "failed_precondition", 400},
    {absl::StatusCode::kAborted, "aborted", 409},
    {absl::StatusCode::kOutOfRange, "out_of_range", 400},
    {absl::StatusCode::kUnimplemented, "unimplemented", 501},
    {absl::StatusCode::kInternal, "internal", 500},
    {absl::StatusCode::kUnavailable, "unavailable", 503},
    {absl::StatusCode::kDataLoss, "data_loss", 500},
    {absl::StatusCode::kUnauthenticated, "unauthenticated", 401},
};

const NamedCode& Find(absl::StatusCode code) {
  const auto* const found = std::ranges::find(kCodes, code, &NamedCode::code);
  return found == std::end(kCodes) ? Find(absl::StatusCode::kUnknown) : *found;
}

RequestPlan Refuse(unsigned http_status, absl::Status error, HttpFields fields = {}) {
  return {.kind = Kind::kRefuse,
          .http_status = http_status,
          .error = std::move(error),
          .fields = std::move(fields)};
}

RequestPlan RefuseVerb(const std::string& allowed) {
  return Refuse(405, absl::UnimplementedError(absl::StrCat("only ", allowed, " is answered here")),
                {{"Allow", allowed}});
}

bool SameWord(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, absl::ascii_tolower, absl::ascii_tolower);
}

// Whatever the parameters are, such as the character set: JSON is UTF-8.
bool IsOfType(std::string_view content_type, std::string_view type) {
  return SameWord(content_type.substr(0, content_type.find_first_of("; \t")), type);
}

bool IsIdentity(std::string_view encoding) {
  return encoding.empty() || SameWord(encoding, "identity");
}

RequestPlan PlanPreflight() {
  return {.kind = Kind::kPreflight,
          .http_status = 204,
          .fields = {{"Access-Control-Allow-Methods", "POST"},
                     {"Access-Control-Allow-Headers",
                      "Content-Type, Connect-Protocol-Version, Connect-Timeout-Ms, Authorization"},
                     {"Access-Control-Max-Age", kPreflightAge}}};
}

// Fills in what makes the call fail before it begins.
void CheckCall(const RequestHead& head, RequestPlan* plan) {
  const bool is_stream = plan->kind == Kind::kStream;
  const std::string_view encoding =
      is_stream ? head.connect_content_encoding : head.content_encoding;
  if (!IsIdentity(encoding) || (is_stream && !IsIdentity(head.content_encoding))) {
    plan->error = absl::UnimplementedError("compression is not supported: send identity");
    plan->fields.emplace_back(is_stream ? "Connect-Accept-Encoding" : "Accept-Encoding",
                              "identity");
    return;
  }
  if (!head.connect_protocol_version.empty() && head.connect_protocol_version != "1") {
    plan->error = absl::InvalidArgumentError("Connect-Protocol-Version must be 1");
    return;
  }
  if (head.connect_timeout_ms.empty()) return;
  const auto timeout = base::ParseNumber<uint64_t>(head.connect_timeout_ms);
  if (!timeout || head.connect_timeout_ms.size() > kTimeoutDigitsMax) {
    plan->error = absl::InvalidArgumentError(absl::StrCat(
        "Connect-Timeout-Ms must be a number of up to ", kTimeoutDigitsMax, " digits"));
    return;
  }
  plan->timeout = std::chrono::milliseconds(*timeout);
}

RequestPlan PlanCall(const RequestHead& head, const Method& method) {
  if (head.verb != "POST") return RefuseVerb("POST");
  const std::string type(method.is_stream ? kStreamType : kUnaryType);
  if (!IsOfType(head.content_type, type)) {
    return Refuse(415, absl::UnimplementedError(absl::StrCat("the content type must be ", type)),
                  {{"Accept-Post", type}});
  }
  // Chunks, in which a stream is sent, came with 1.1.
  if (!head.is_http_1_1) return Refuse(505, absl::UnimplementedError("only HTTP/1.1 is spoken"));
  RequestPlan plan{.kind = method.is_stream ? Kind::kStream : Kind::kUnary,
                   .http_status = 200,
                   .method = &method};
  CheckCall(head, &plan);
  return plan;
}

RequestPlan PlanByTarget(const RequestHead& head, const MethodTable& methods, bool may_preflight) {
  const std::string_view path = head.target.substr(0, head.target.find('?'));
  for (const auto& [name, kind] :
       {std::pair{"/healthz", Kind::kHealth}, std::pair{"/readyz", Kind::kReady},
        std::pair{"/metrics", Kind::kMetrics}, std::pair{"/metrics/hosts", Kind::kHostMetrics}}) {
    if (path != name) continue;
    if (head.verb != "GET") return RefuseVerb("GET");
    return {.kind = kind, .http_status = 200};
  }
  const Method* const method = methods.Find(path);
  if (method == nullptr) return Refuse(404, absl::UnimplementedError("there is no such method"));
  const bool is_preflight = head.verb == "OPTIONS" && !head.access_control_request_method.empty();
  return is_preflight && may_preflight ? PlanPreflight() : PlanCall(head, *method);
}

}  // namespace

std::string_view ConnectCode(absl::StatusCode code) { return Find(code).name; }

unsigned HttpStatusOf(absl::StatusCode code) { return Find(code).http_status; }

std::string ErrorJson(const absl::Status& error) {
  std::string text = absl::StrCat("{\"code\":\"", std::string(ConnectCode(error.code())), "\"");
  if (!error.message().empty()) {
    text += ",\"message\":";
    AppendJsonString({error.message().data(), error.message().size()}, &text);
  }
  return text + "}";
}

void AppendEnvelope(uint8_t flags, std::string_view message, std::string* text) {
  text->push_back(static_cast<char>(flags));
  for (const int shift : {24, 16, 8, 0}) {
    text->push_back(static_cast<char>(message.size() >> shift & 0xff));
  }
  *text += message;
}

void AppendEndOfStream(const absl::Status& status, std::string* text) {
  AppendEnvelope(kEndOfStream, status.ok() ? "{}" : "{\"error\":" + ErrorJson(status) + "}", text);
}

absl::StatusOr<std::string_view> MessageInEnvelope(std::string_view body) {
  if (body.empty()) return absl::UnimplementedError("request: there is no message");
  if (body.size() < kEnvelopeHeadBytes) {
    return absl::InvalidArgumentError("request: the envelope is cut off");
  }
  const auto flags = static_cast<uint8_t>(body[0]);
  if ((flags & kCompressed) != 0) {
    return absl::InvalidArgumentError("request: a compressed message, and no encoding is named");
  }
  if (flags != 0) return absl::InvalidArgumentError("request: unknown flags of the envelope");
  size_t size = 0;
  for (size_t i = 1; i < kEnvelopeHeadBytes; ++i) size = size << 8 | static_cast<uint8_t>(body[i]);
  const std::string_view message = body.substr(kEnvelopeHeadBytes);
  if (message.size() < size) {
    return absl::InvalidArgumentError("request: the envelope is longer than the body");
  }
  if (message.size() > size) {
    return absl::UnimplementedError("request: more than one message");
  }
  return message;
}

RequestPlan PlanRequest(const RequestHead& head, const MethodTable& methods,
                        const std::vector<std::string>& origins) {
  const bool is_welcome =
      !head.origin.empty() && std::ranges::find(origins, head.origin) != origins.end();
  RequestPlan plan = PlanByTarget(head, methods, is_welcome);
  if (!origins.empty()) plan.fields.emplace_back("Vary", "Origin");
  if (!is_welcome) return plan;
  plan.fields.emplace_back("Access-Control-Allow-Origin", std::string(head.origin));
  // A certificate is a credential: without this, browsers would not show it.
  plan.fields.emplace_back("Access-Control-Allow-Credentials", "true");
  return plan;
}

}  // namespace server
