// The compressed pieces of a block.
//
//   frames := packed bytes, one frame after the other
//
// A column of kOwnFrameBytes or more is a frame of its own, so that it can be read without the
// others. Smaller ones share frame 0: alone they would be mostly zstd's header. A frame that zstd
// does not make smaller is stored as it is.

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>
#include <zstd.h>

namespace storage {

inline constexpr size_t kOwnFrameBytes = 1024;

// What a frame, and all frames of a block, may unpack to: far more than any block that is written,
// whose records are bounded by kRecordBytesMax and the assembler's limits. A damaged or forged
// block must not take all memory.
inline constexpr uint64_t kBlockRawBytesMax = uint64_t{256} << 20;

struct FrameSize {
  uint64_t packed = 0;
  uint64_t raw = 0;
};

// Compresses. zstd's level 1: level 3 takes twice the time and saves 3 % (columns are already free
// of what a longer search would find).
class Packer {
 public:
  // Appends the packed bytes of `raw` to *out.
  FrameSize Pack(std::string_view raw, std::string* out);

 private:
  struct Free {
    void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  };
  std::unique_ptr<ZSTD_CCtx, Free> context_{ZSTD_createCCtx()};
};

// Unpacks one frame; false if it is damaged or not of these sizes.
bool Unpack(std::string_view packed, FrameSize size, std::string* raw);

// Gathers columns, and writes them as frames.
class FrameWriter {
 public:
  explicit FrameWriter(Packer& packer) : packer_(packer) {}

  // Adds a column.
  void Add(std::string_view column);

  // Ends with frame 0 in front. Sets *sizes to those of all frames.
  std::string Finish(std::vector<FrameSize>* sizes);

 private:
  Packer& packer_;
  std::string shared_;  // Frame 0, raw.
  std::string own_;     // The other frames, packed.
  std::vector<FrameSize> own_sizes_;
};

}  // namespace storage
