// The header of a frame: what is accepted is what we would have written, and only that.

#include <algorithm>
#include <array>

#include "audit/frame.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  audit::FrameBytes bytes{};
  std::copy_n(data, std::min(size, bytes.size()), bytes.begin());
  const auto header = audit::DecodeFrameHeader(bytes);
  if (!header.ok()) {
    fuzz::Check(header.status().code() == absl::StatusCode::kInvalidArgument);
    return 0;
  }
  fuzz::Check(header->body_bytes <= audit::kFrameBodyBytesMax);
  fuzz::Check(audit::EncodeFrameHeader(*header) == bytes);
  return 0;
}
