#include "storage/frames.h"

#include "storage/coding.h"

namespace storage {

namespace {

constexpr int kLevel = 1;

}  // namespace

FrameSize Packer::Pack(std::string_view raw, std::string* out) {
  const size_t begin = out->size();
  // One byte less than `raw`: a result that is not smaller is an error, and stored as it is.
  out->resize(begin + raw.size());
  const size_t packed = raw.empty()
                            ? 0
                            : ZSTD_compressCCtx(context_.get(), out->data() + begin, raw.size() - 1,
                                                raw.data(), raw.size(), kLevel);
  if (ZSTD_isError(packed) != 0) {
    raw.copy(out->data() + begin, raw.size());
    return {.packed = raw.size(), .raw = raw.size()};
  }
  out->resize(begin + packed);
  return {.packed = packed, .raw = raw.size()};
}

bool Unpack(std::string_view packed, FrameSize size, std::string* raw) {
  if (packed.size() != size.packed || size.raw > kBlockRawBytesMax) return false;
  if (size.packed == size.raw) {
    raw->assign(packed);
    return true;
  }
  raw->resize(size.raw);
  return ZSTD_decompress(raw->data(), raw->size(), packed.data(), packed.size()) == size.raw;
}

void FrameWriter::Add(std::string_view column) {
  if (column.size() < kOwnFrameBytes) {
    shared_.append(column);
  } else {
    own_sizes_.push_back(packer_.Pack(column, &own_));
  }
}

std::string FrameWriter::Finish(std::vector<FrameSize>* sizes) {
  std::string frames;
  sizes->assign(1, packer_.Pack(shared_, &frames));
  sizes->insert(sizes->end(), own_sizes_.begin(), own_sizes_.end());
  frames.append(own_);
  return frames;
}

void PutFrameSizes(const std::vector<FrameSize>& sizes, std::string* out) {
  PutVarint(out, sizes.size());
  for (const FrameSize& size : sizes) {
    PutVarint(out, size.packed);
    PutVarint(out, size.raw);
  }
}

bool FrameReader::Open(std::string_view* in, std::string_view frames) {
  uint32_t count = 0;
  if (!TakeVarint32(in, &count) || count == 0 || count > in->size()) return false;
  sizes_.resize(count);
  uint64_t raw_bytes = 0;
  for (FrameSize& size : sizes_) {
    if (!TakeVarint(in, &size.packed) || !TakeVarint(in, &size.raw)) return false;
    if (size.packed > frames.size() || size.raw > kBlockRawBytesMax) return false;
    packed_.push_back(frames.substr(0, size.packed));
    frames.remove_prefix(size.packed);
    raw_bytes += size.raw;
  }
  frames_.resize(count);
  return frames.empty() && raw_bytes <= kBlockRawBytesMax;
}

bool FrameReader::PlaceNext(uint64_t bytes, Place* place) {
  *place = {.bytes = bytes};
  if (bytes < kOwnFrameBytes) {
    place->begin = shared_bytes_;
    shared_bytes_ += bytes;
    return true;
  }
  if (next_own_ == sizes_.size() || sizes_[next_own_].raw != bytes) return false;
  place->frame = next_own_++;
  return true;
}

bool FrameReader::IsAllPlaced() const {
  return next_own_ == sizes_.size() && shared_bytes_ == sizes_[0].raw;
}

std::optional<std::string_view> FrameReader::Read(const Place& place) {
  std::unique_ptr<std::string>& frame = frames_[place.frame];
  if (frame == nullptr) {
    auto raw = std::make_unique<std::string>();
    if (!Unpack(packed_[place.frame], sizes_[place.frame], raw.get())) return std::nullopt;
    memory_bytes_ += raw->size();
    frame = std::move(raw);
  }
  return std::string_view(*frame).substr(place.begin, place.bytes);
}

}  // namespace storage
