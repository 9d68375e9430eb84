// What the hosts of a store have lost, as their agents tell.
//
// An agent tells totals since a boot of its host, which only grow, with a batch; the batch may be
// an older one that has waited in a spool, so of two totals of one boot the higher one counts. What
// is known of a host is written with the batch that changes it, to the column family "meta":
//
//   key    := "l" | host u32
//   value  := version u8 (1) | totals | boot*     totals of the boots that are forgotten, together;
//                                                 the boot that told something new last comes last
//   boot   := boot_id bytes | totals
//   totals := varint (7 times)                    in the order of kLossCauses

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"

#include "storage/batch_numbers.h"
#include "storage/journal.h"
#include "storage/losses.h"

namespace storage {

// Belongs to the one thread that writes to the store.
class HostLosses {
 public:
  // Of one host. Beyond it the one that told nothing new for the longest time is forgotten: what it
  // has lost stays in the sum, and what it told after that would count as another boot's. An agent
  // has no batch left of a boot so old.
  static constexpr size_t kBootsMax = BatchNumbers::kBootsMax;

  // Takes what a batch of the host tells. False if that changes nothing, so that nothing is to be
  // written.
  bool Take(HostId host, const BootLosses& told);

  // What the host has lost in all boots that were ever heard of. It has told something.
  Losses Sum(HostId host) const;

  // Of all hosts that have told something, by number.
  absl::flat_hash_map<HostId, Losses> Sums() const;

  // How a host is written to the column family "meta". It has told something.
  static constexpr std::string_view kKeyPrefix = "l";
  static std::string EncodeKey(HostId host);
  std::string EncodeValue(HostId host) const;

  // Takes a host that was written. kDataLoss if it cannot be read.
  absl::Status Load(std::string_view key, std::string_view value);

 private:
  struct OfHost {
    Losses forgotten = {};
    std::vector<BootLosses> boots = {};
  };
  static Losses SumOf(const OfHost& host);

  absl::flat_hash_map<HostId, OfHost> hosts_;
};

}  // namespace storage
