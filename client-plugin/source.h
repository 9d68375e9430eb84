// Where records come from: the kernel's audit socket, or an auditd that has started us.

#pragma once

#include <cstdint>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"

namespace client_plugin {

// The types of a message that is a whole line already, "type=... msg=...", no types of the
// kernel's: one that has come from auditd, or one of the agent's own.
inline constexpr uint16_t kWholeLine = 0;
inline constexpr uint16_t kOwnLine = 1;

// For one thread at a time.
class Source {
 public:
  virtual ~Source() = default;

  // Of the kernel's messages, or whole lines. The payload is valid during the call.
  using Sink = absl::FunctionRef<void(uint16_t message_type, std::string_view payload)>;

  // What to wait for with poll(2).
  virtual int descriptor() const = 0;

  // Calls `sink` with each record that has come, up to a batch of them, and does not wait. False if
  // there was none. kOutOfRange when there will be no more, kUnavailable if it is broken.
  virtual absl::StatusOr<bool> Read(Sink sink) = 0;

  // Lets nothing more come, as far as that is in our hands. What has come can still be read.
  virtual void Leave() = 0;

  // How often more has come than may wait: records were lost then, nobody knows how many.
  virtual uint64_t overruns() const { return 0; }

  // Records that were longer than any may be (audit::kRecordBytesMax), of which the beginning is
  // given.
  virtual uint64_t records_cut() const { return 0; }
};

}  // namespace client_plugin
