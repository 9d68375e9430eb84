// The numbers that agents give their batches: with them the store takes each batch once, and
// notices when one is missing.
//
// An agent counts its batches from 1, anew for each boot of its host. What it did not hear the
// receipt of it sends again, with the same number; what it has lost itself it says by the number
// that a batch follows. The last number of each boot is written with the batch that has it, to the
// column family "meta":
//
//   key   := "a" | kind u8 | name          the identity of the agent
//   value := version u8 (1) | boot*        the boot that was heard of last comes last
//   boot  := boot_id bytes | last varint

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"

#include "storage/batch.h"

namespace storage {

// Belongs to the one thread that writes to the store.
class BatchNumbers {
 public:
  // Of one agent: of an older boot nothing is on its way any more. Beyond it the one that was heard
  // of longest ago is forgotten, and its batches are taken for those of a new boot.
  static constexpr size_t kBootsMax = 64;

  // At most `agents_max` agents are known.
  explicit BatchNumbers(size_t agents_max) : agents_max_(agents_max) {}

  // What must become of a batch. The number of one that is to be stored is the last from here on.
  Receipt Take(const Identity& agent, const BatchNumber& batch);

  // The number of the last batch of a boot; 0 if there is none.
  uint64_t Last(const Identity& agent, std::string_view boot_id) const;

  // How an agent is written to the column family "meta". It must be known for its value.
  static constexpr std::string_view kKeyPrefix = "a";
  static std::string EncodeKey(const Identity& agent);
  std::string EncodeValue(const Identity& agent) const;

  // Takes an agent that was written. kDataLoss if it cannot be read.
  absl::Status Load(std::string_view key, std::string_view value);

 private:
  struct Boot {
    std::string id;
    uint64_t last = 0;
  };

  size_t agents_max_;
  absl::flat_hash_map<std::string, std::vector<Boot>> agents_;  // By EncodeKey().
};

}  // namespace storage
