// The hosts of a store and their numbers.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"

#include "storage/batch.h"
#include "storage/journal.h"

namespace storage {

// Numbers are given in order from 0, and never again to another host. Not thread-safe.
class HostTable {
 public:
  std::optional<HostId> Find(const Identity& host) const;

  // By number, the hosts whose name matches one of the shell patterns (fnmatch(3)), and one of
  // those in `visible`: all do, if there are none. The others are empty.
  std::vector<std::optional<Identity>> Matching(const std::vector<std::string>& patterns,
                                                const std::vector<std::string>& visible) const;

  // Whether a host is one of those.
  bool Matches(HostId id, const std::vector<std::string>& patterns,
               const std::vector<std::string>& visible) const;

  // Adds a host that is not there.
  HostId Add(const Identity& host);

  // `id` is below size().
  const Identity& identity(HostId id) const { return hosts_[id]; }
  size_t size() const { return hosts_.size(); }

  // Takes a host that was written earlier, in the order of the numbers. kDataLoss if it cannot be
  // read.
  absl::Status Load(std::string_view key, std::string_view value);

  void Clear();

  // How a host is written in the column family "meta": the key holds its number behind the prefix,
  // the value its identity.
  static constexpr std::string_view kKeyPrefix = "h";
  static std::string EncodeKey(HostId id);
  static std::string EncodeValue(const Identity& host);

 private:
  std::vector<Identity> hosts_;
  absl::flat_hash_map<std::string, HostId> ids_;  // By EncodeValue().
};

}  // namespace storage
