// What fuzz targets have in common.

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

// Runs one input. Defined by each target, called by libFuzzer or replay_main.cc.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace fuzz {

// A copy of the input that ends where its memory does, so that sanitizers see the first byte
// that is read behind it.
inline std::string Input(const uint8_t* data, size_t size) {
  std::string input;
  input.reserve(size);
  input.append(reinterpret_cast<const char*>(data), size);
  return input;
}

// Ends the program where a property does not hold: that is how a fuzzer is told.
inline void Check(bool holds) {
  if (!holds) std::abort();
}

}  // namespace fuzz
