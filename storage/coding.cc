#include "storage/coding.h"

#include <limits>

namespace storage {

namespace {

template <typename Unsigned>
void PutBigEndian(std::string* out, Unsigned value) {
  for (int shift = 8 * (sizeof(Unsigned) - 1); shift >= 0; shift -= 8) {
    out->push_back(static_cast<char>(value >> shift));
  }
}

template <typename Unsigned>
bool TakeBigEndian(std::string_view* in, Unsigned* value) {
  if (in->size() < sizeof(Unsigned)) return false;
  *value = 0;
  for (size_t i = 0; i < sizeof(Unsigned); ++i) {
    *value = static_cast<Unsigned>(*value << 8 | static_cast<unsigned char>((*in)[i]));
  }
  in->remove_prefix(sizeof(Unsigned));
  return true;
}

}  // namespace

void PutVarint(std::string* out, uint64_t value) {
  while (value >= 0x80) {
    out->push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out->push_back(static_cast<char>(value));
}

void PutFixed32(std::string* out, uint32_t value) { PutBigEndian(out, value); }
void PutFixed64(std::string* out, uint64_t value) { PutBigEndian(out, value); }

void PutBytes(std::string* out, std::string_view bytes) {
  PutVarint(out, bytes.size());
  out->append(bytes);
}

bool TakeVarint(std::string_view* in, uint64_t* value) {
  uint64_t result = 0;
  for (size_t i = 0; i < in->size() && i < 10; ++i) {
    const auto byte = static_cast<unsigned char>((*in)[i]);
    if (i == 9 && byte > 1) return false;  // More than 64 bits.
    result |= uint64_t{byte & 0x7fU} << (7 * i);
    if (byte < 0x80) {
      *value = result;
      in->remove_prefix(i + 1);
      return true;
    }
  }
  return false;
}

bool TakeVarint32(std::string_view* in, uint32_t* value) {
  std::string_view rest = *in;
  uint64_t wide = 0;
  if (!TakeVarint(&rest, &wide) || wide > std::numeric_limits<uint32_t>::max()) return false;
  *value = static_cast<uint32_t>(wide);
  *in = rest;
  return true;
}

bool TakeFixed32(std::string_view* in, uint32_t* value) { return TakeBigEndian(in, value); }
bool TakeFixed64(std::string_view* in, uint64_t* value) { return TakeBigEndian(in, value); }

bool TakeByte(std::string_view* in, uint8_t max, uint8_t* byte) {
  if (in->empty() || static_cast<uint8_t>(in->front()) > max) return false;
  *byte = static_cast<uint8_t>(in->front());
  in->remove_prefix(1);
  return true;
}

bool TakeBytes(std::string_view* in, std::string_view* bytes) {
  std::string_view rest = *in;
  uint64_t size = 0;
  if (!TakeVarint(&rest, &size) || size > rest.size()) return false;
  *bytes = rest.substr(0, size);
  *in = rest.substr(size);
  return true;
}

}  // namespace storage
