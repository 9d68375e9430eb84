// The Connect protocol (connectrpc.com/docs/protocol) over HTTP/1.1, as far as the JSON door speaks
// it: JSON, without compression, methods that answer with one message or with a stream of them.
//
//   one message  POST /auspex.v1.QueryService/Hosts, Content-Type: application/json
//                the message; answered with 200 and a message, or with the HTTP status of the code
//                and {"code":"not_found","message":"..."}
//   a stream     POST /auspex.v1.QueryService/Search, Content-Type: application/connect+json
//                an envelope with the message; answered with 200 and envelopes, the last of which
//                says how the call has ended: {} or {"error":{"code":...,"message":...}}
//
//   envelope := flags (1 byte; kEndOfStream with the last one) length (4, big endian) message
//
// Beside them there are GET /healthz, /readyz, /metrics and /metrics/hosts, and, for browsers,
// OPTIONS. All of this file is pure.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "server/api/method.h"

namespace server {

inline constexpr std::string_view kUnaryType = "application/json";
inline constexpr std::string_view kStreamType = "application/connect+json";

inline constexpr uint8_t kCompressed = 1;
inline constexpr uint8_t kEndOfStream = 2;

// "permission_denied".
std::string_view ConnectCode(absl::StatusCode code);

unsigned HttpStatusOf(absl::StatusCode code);

// {"code":"permission_denied","message":"..."}
std::string ErrorJson(const absl::Status& error);

void AppendEnvelope(uint8_t flags, std::string_view message, std::string* text);

// The last envelope of a stream.
void AppendEndOfStream(const absl::Status& status, std::string* text);

// The message in the one envelope that a request is; a view into it.
absl::StatusOr<std::string_view> MessageInEnvelope(std::string_view body);

// What the head of a request says that matters here. Absent fields are empty.
struct RequestHead {
  std::string_view verb = {};    // "POST".
  std::string_view target = {};  // With the query.
  bool is_http_1_1 = true;
  std::string_view content_type = {};
  std::string_view content_encoding = {};
  std::string_view connect_content_encoding = {};
  std::string_view connect_protocol_version = {};
  std::string_view connect_timeout_ms = {};
  std::string_view origin = {};
  std::string_view access_control_request_method = {};
};

using HttpFields = std::vector<std::pair<std::string_view, std::string>>;

// What is to be done about a request, as far as its head tells.
struct RequestPlan {
  enum class Kind : uint8_t {
    kRefuse,     // `http_status` and `error` answer it.
    kPreflight,  // A browser asks what it may send.
    kHealth,
    kReady,
    kMetrics,
    kHostMetrics,
    kUnary,
    kStream,
  };

  Kind kind = Kind::kRefuse;
  unsigned http_status = 0;
  absl::Status error = {};  // Of a call: it ends with this at once, if it is one.
  HttpFields fields = {};   // For the answer.

  // Of calls.
  const Method* method = nullptr;
  std::optional<std::chrono::milliseconds> timeout = {};
};

// `origins` are those whose pages may call us: "https://dashboard.example". Others are told nothing
// that would make their browsers let them see an answer.
RequestPlan PlanRequest(const RequestHead& head, const MethodTable& methods,
                        const std::vector<std::string>& origins);

}  // namespace server
