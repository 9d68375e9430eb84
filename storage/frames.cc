#include "storage/frames.h"

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

}  // namespace storage
