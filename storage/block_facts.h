// What reports tell of the events of a block, read from the columns that it takes: see
// query/report/event_facts.h.

#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"

#include "query/report/event_facts.h"
#include "storage/block_reader.h"

namespace storage {

// For one thread at a time.
class BlockFacts {
 public:
  // Reads the columns of these roles; others tell nothing. `block` must outlive it.
  static absl::StatusOr<std::unique_ptr<BlockFacts>> Open(BlockReader& block, query::RoleSet roles);

  ~BlockFacts();

  // The facts of an event, which is not malformed. They are valid until the next Read(), and the
  // codes of their texts as long as the object.
  absl::StatusOr<const query::EventFacts*> Read(uint32_t event);

 private:
  class RoleColumn;
  class Values;

  // A template, as far as its records are asked for anything.
  struct Template {
    std::string_view type;
    query::RecordLayout layout;
    std::array<RoleColumn*, query::kRoles> columns = {};
  };

  explicit BlockFacts(BlockReader& block);

  absl::Status ReadTemplate(const BlockTemplate& one, query::RoleSet roles);
  uint32_t CodeOf(std::string_view text);
  std::string_view Keep(std::string_view text);

  BlockReader& block_;
  std::vector<Template> templates_;
  std::vector<std::unique_ptr<RoleColumn>> columns_;
  absl::flat_hash_map<std::string_view, uint32_t> codes_;
  std::deque<std::string> decoded_;  // Texts that stand in no column, as long as the object;
  std::deque<std::string> texts_;    // and those of the event being read.
  size_t texts_used_ = 0;
  std::string line_;
  query::EventFactsBuilder builder_;
};

}  // namespace storage
