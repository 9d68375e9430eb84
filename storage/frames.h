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
#include <optional>
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

// Reads what a FrameWriter has written, frame by frame, when they are first needed.
class FrameReader {
 public:
  // Where a column lies.
  struct Place {
    size_t frame = 0;
    uint64_t begin = 0;  // In the frame.
    uint64_t bytes = 0;
  };

  // Takes the number of frames and their sizes, as PutFrameSizes() writes them, from the front of
  // *in. `frames` are all of them, and must outlive the reader. False if the sizes cannot be.
  bool Open(std::string_view* in, std::string_view frames);

  // Finds the next column of this size. They come in the order in which they were added. False if
  // there can be none.
  bool PlaceNext(uint64_t bytes, Place* place);

  // Whether all that is in the frames has its place.
  bool IsAllPlaced() const;

  // The bytes of a column; nullopt if its frame is damaged. They are valid as long as the reader.
  std::optional<std::string_view> Read(const Place& place);

  // What has been unpacked, in bytes.
  size_t memory_bytes() const { return memory_bytes_; }

 private:
  std::vector<FrameSize> sizes_;
  std::vector<std::string_view> packed_;
  std::vector<std::unique_ptr<std::string>> frames_;  // Null until unpacked.
  uint64_t shared_bytes_ = 0;                         // Placed in frame 0.
  size_t next_own_ = 1;
  size_t memory_bytes_ = 0;
};

void PutFrameSizes(const std::vector<FrameSize>& sizes, std::string* out);

}  // namespace storage
