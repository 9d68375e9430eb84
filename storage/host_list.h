// The hosts of a store, and what is known of each.

#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "storage/batch.h"
#include "storage/host_pace.h"
#include "storage/losses.h"

namespace storage {

struct HostListRequest {
  std::vector<std::string> host_patterns = {};  // As in SearchRequest,
  std::vector<std::string> visible_hosts = {};  // likewise.

  // Only hosts whose names come behind it, byte by byte.
  std::string after = {};

  // Of hosts. Those of one name stay together, so some more may come.
  size_t hosts_max = std::numeric_limits<size_t>::max();

  // Set ListedHost::contents. That takes a look at the summary of each block.
  bool with_contents = false;

  std::stop_token stop = {};  // Ends it with kCancelled.
};

// What is stored of a host.
struct HostContents {
  uint64_t records = 0;  // Malformed ones included.

  // Of what is in blocks, on the disk, without the index.
  uint64_t bytes = 0;

  // The lowest and the highest time of an event, of a malformed record that of its receipt. None:
  // there is no event.
  std::optional<uint64_t> first_ms = {};
  std::optional<uint64_t> last_ms = {};

  // Of the sender of the last event, in the order of receipt. Empty for the collector's own, and
  // imports.
  std::string address = {};

  friend bool operator==(const HostContents&, const HostContents&) = default;
};

struct ListedHost {
  Identity host;
  std::optional<HostContents> contents = {};  // If it was asked for.
  std::optional<Losses> losses = {};          // In all its boots. None: it has told none.
  std::optional<HostPace> pace = {};          // None: nothing came since the store was opened.

  friend bool operator==(const ListedHost&, const ListedHost&) = default;
};

struct HostList {
  std::vector<ListedHost> hosts = {};  // By name.
  bool more = false;                   // There are more behind the last one.
};

}  // namespace storage
