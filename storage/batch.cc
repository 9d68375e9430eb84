#include "storage/batch.h"

#include <cassert>
#include <utility>

#include "audit/record.h"
#include "storage/coding.h"

namespace storage {

namespace {

// Most batches have one record, and most of these are shorter.
constexpr size_t kUsualRecordBytes = 400;

}  // namespace

std::string_view KindName(IdentityKind kind) {
  switch (kind) {
    case IdentityKind::kCollector:
      return "collector";
    case IdentityKind::kAddress:
      return "address";
    case IdentityKind::kNode:
      return "node";
    case IdentityKind::kCertificate:
      return "certificate";
  }
  return "";
}

Batch::Batch(Identity host, std::string address)
    : host_(std::move(host)),
      address_(std::move(address)),
      offset_(kHeaderBytesMax + address_.size()) {
  encoded_.reserve(offset_ + kUsualRecordBytes);
  encoded_.resize(offset_);
}

Batch::Released Batch::ReleaseBehind(std::string_view header) && {
  assert(header.size() <= offset_);
  const size_t begin = offset_ - header.size();
  header.copy(encoded_.data() + begin, header.size());
  return {.bytes = std::move(encoded_), .begin = begin};
}

void Batch::Add(std::string_view line) {
  PutVarint(&encoded_, line.size());
  last_offset_ = encoded_.size();
  encoded_.append(line);
  ++record_count_;
}

void Batch::AddMalformed(std::string_view line) {
  ++malformed_count_;
  Add(line);
}

std::string_view Batch::first() const {
  assert(record_count_ > 0);
  std::string_view rest = encoded();
  std::string_view line;
  TakeBytes(&rest, &line);
  return line;
}

void Batch::RemoveFirst() {
  const std::string_view line = first();
  offset_ = static_cast<size_t>(line.data() + line.size() - encoded_.data());
  --record_count_;
  if (malformed_count_ > 0 && !audit::ParseRecord(line).ok()) --malformed_count_;
}

}  // namespace storage
