#include "server/commit_queue.h"

#include <utility>

namespace server {

void CommitQueue::Push(PendingDelivery pending) {
  if (!pending.is_large) {
    ++small_pushed_;
    small_.push_back(std::move(pending));
    return;
  }
  std::deque<Large>& waiting = large_[pending.sender];
  if (waiting.empty()) turns_.push_back(pending.sender);
  waiting.push_back({.pending = std::move(pending), .behind_small = small_pushed_});
}

std::vector<PendingDelivery> CommitQueue::TakeGroup(bool may_take_large) {
  std::vector<PendingDelivery> group;
  group.reserve(small_.size());
  const bool take_large = may_take_large && (small_.empty() || small_went_alone_);
  TakeSmall(&group);
  if (take_large) TakeLarge(&group);
  small_went_alone_ = !take_large && !group.empty();
  return group;
}

void CommitQueue::TakeSmall(std::vector<PendingDelivery>* group) {
  for (size_t bytes = 0; !small_.empty() && bytes < limits_.group_bytes_max; ++small_taken_) {
    bytes += small_.front().bytes;
    group->push_back(std::move(small_.front()));
    small_.pop_front();
  }
}

// A turn ends when its sender has nothing more, or the group is full. Where small ones are left,
// whoever has some among them cannot go on: they come first.
void CommitQueue::TakeLarge(std::vector<PendingDelivery>* group) {
  size_t bytes = 0;
  for (size_t turns = turns_.size(); turns > 0 && bytes < limits_.group_large_bytes_max; --turns) {
    const storage::Identity sender = std::move(turns_.front());
    turns_.pop_front();
    const auto found = large_.find(sender);
    std::deque<Large>& waiting = found->second;
    while (!waiting.empty() && bytes < limits_.group_large_bytes_max &&
           waiting.front().behind_small <= small_taken_) {
      bytes += waiting.front().pending.bytes;
      group->push_back(std::move(waiting.front().pending));
      waiting.pop_front();
    }
    if (waiting.empty()) {
      large_.erase(found);
    } else {
      turns_.push_back(sender);
    }
  }
}

}  // namespace server
