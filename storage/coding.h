// Numbers and byte strings as the store writes them. Varints are LEB128: seven bits a byte,
// least significant first, the high bit set on all but the last. Fixed numbers in keys are
// big-endian, so that keys sort by number.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace storage {

void PutVarint(std::string* out, uint64_t value);
void PutFixed32(std::string* out, uint32_t value);
void PutFixed64(std::string* out, uint64_t value);

// A varint length and the bytes.
void PutBytes(std::string* out, std::string_view bytes);

// A difference as a number that is small if the difference is, of either sign.
constexpr uint64_t ZigZag(uint64_t difference) {
  return difference << 1 ^ (difference >> 63 == 0 ? 0 : ~uint64_t{0});
}
constexpr uint64_t UnZigZag(uint64_t code) {
  return code >> 1 ^ ((code & 1) == 0 ? 0 : ~uint64_t{0});
}

// The Take functions remove something from the front of *in. When it is not there whole they
// return false and leave *in alone.
bool TakeVarint(std::string_view* in, uint64_t* value);
bool TakeVarint32(std::string_view* in, uint32_t* value);  // False if it does not fit, too.
bool TakeFixed32(std::string_view* in, uint32_t* value);
bool TakeFixed64(std::string_view* in, uint64_t* value);

// False if it is more than `max`, too.
bool TakeByte(std::string_view* in, uint8_t max, uint8_t* byte);

// The bytes are a view into *in.
bool TakeBytes(std::string_view* in, std::string_view* bytes);

}  // namespace storage
