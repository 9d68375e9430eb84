// A search over one moment of the store: blocks and open events alike.
//
// Each block that may hold matches is a source, and so are the open events of each host. Sources
// are opened when their first event can be the next one, and merged by a priority queue. A source
// holds a piece of its matches in memory, put together in one go; for the next piece the block is
// read again. So the memory is bounded by pieces, however many hosts there are and however much
// they overlap.

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "storage/block_plan.h"
#include "storage/host_table.h"
#include "storage/report.h"
#include "storage/search.h"
#include "storage/store_view.h"

namespace storage {

// For one thread.
class StoreSearch {
 public:
  // `hosts` are those of the view, by number; wanted ones only. All must outlive the search.
  StoreSearch(const StoreView& view, const std::vector<std::optional<Identity>>& hosts,
              const SearchRequest& request);
  ~StoreSearch();

  // Leaves out all blocks but these.
  void OnlyBlocks(std::set<BlockId> blocks) { only_ = std::move(blocks); }

  // Leaves out all hosts but this one, and does without the index: it would be asked about all.
  void OnlyHost(HostId host) { only_host_ = host; }

  // See EventStore.
  absl::Status FindEvents(const std::function<bool(const FoundEvent&)>& sink);
  absl::Status FindMalformed(const std::function<bool(const MalformedRecord&)>& sink);

  // The facts of events that pass the filter of `facts`, read from columns. The predicate of the
  // request only helps to find them: it must match all that pass.
  absl::Status FindFacts(const FactsRequest& facts,
                         const std::function<bool(const FoundFacts&)>& sink);

 private:
  // What is made of the events that are found.
  enum class Kind : uint8_t { kEvents, kMalformed, kFacts };

  class Source;
  class BlockSource;
  class OpenSource;

  absl::Status Find(const std::function<bool(const Source&)>& sink);
  absl::Status AddSources();
  absl::Status AddBlocks();
  absl::Status AddBlock(const BlockId& id);
  void AddBlock(const BlockId& id, const BlockSummary& summary);
  bool IsWanted(HostId host) const {
    if (only_host_ && host != *only_host_) return false;
    return host < hosts_.size() && hosts_[host].has_value();
  }
  bool MayHaveTypes(const BlockSummary& summary) const;
  size_t piece_bytes() const;

  const StoreView& view_;
  const std::vector<std::optional<Identity>>& hosts_;
  const SearchRequest& request_;
  rocksdb::ReadOptions options_;
  std::optional<std::set<BlockId>> only_;
  Kind kind_ = Kind::kEvents;
  std::optional<HostId> only_host_;
  const FactsRequest* facts_ = nullptr;  // Of kFacts.
  query::TimeRange time_;
  SearchExplanation explanation_ = {};
  std::vector<std::unique_ptr<Source>> sources_;
};

}  // namespace storage
