#include "storage/block_merger.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <map>
#include <sys/resource.h>
#include <unistd.h>

#include <rocksdb/write_batch.h>

namespace storage {

namespace {

// How long after its end a day is taken for over: late records still come for a while.
constexpr uint64_t kDayGraceMs = uint64_t{10} * 60 * 1000;

// How often days that were not over are looked at again.
constexpr std::chrono::minutes kLookAgain{5};

constexpr int kLowestPriority = 19;

// Blocks of one tier differ by less than the width.
size_t TierOf(uint32_t records) {
  size_t tier = 0;
  while (records >= kMergeWidth) {
    records /= kMergeWidth;
    ++tier;
  }
  return tier;
}

bool IsFull(uint32_t records) { return records >= kBlockRecordsAim; }

// As many of `candidates` as fit in one block.
std::vector<size_t> TakeOneBlock(const std::vector<size_t>& candidates,
                                 const std::vector<uint32_t>& record_counts) {
  std::vector<size_t> taken;
  uint64_t records = 0;
  for (const size_t place : candidates) {
    taken.push_back(place);
    records += record_counts[place];
    if (records >= kBlockRecordsAim) break;
  }
  return taken;
}

// An event of one of the blocks that are joined.
struct Place {
  EventOrder order;
  size_t block;
  uint32_t event;
};

}  // namespace

std::vector<size_t> ChooseBlocksToMerge(const std::vector<uint32_t>& record_counts, bool is_over) {
  std::vector<size_t> small;
  std::map<size_t, std::vector<size_t>> tiers;
  for (size_t place = 0; place < record_counts.size(); ++place) {
    if (IsFull(record_counts[place])) continue;
    small.push_back(place);
    tiers[TierOf(record_counts[place])].push_back(place);
  }
  for (const auto& [tier, places] : tiers) {
    if (places.size() >= kMergeWidth) return TakeOneBlock(places, record_counts);
  }
  if (!is_over || small.size() < 2) return {};
  return TakeOneBlock(small, record_counts);
}

BlockMerger::BlockMerger(std::shared_ptr<Rocks> rocks, BlockNumbers& numbers,
                         std::mutex& blocks_mutex, std::function<uint64_t()> now_ms,
                         std::function<void(const absl::Status&)> on_error)
    : rocks_(std::move(rocks)),
      numbers_(numbers),
      blocks_mutex_(blocks_mutex),
      now_ms_(std::move(now_ms)),
      on_error_(std::move(on_error)),
      thread_([this] { Run(); }) {}

BlockMerger::~BlockMerger() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void BlockMerger::Notice(HostId host, Day day) {
  {
    const std::lock_guard lock(mutex_);
    to_look_at_.insert({.host = host, .day = day});
  }
  changed_.notify_all();
}

absl::Status BlockMerger::Wait(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  const bool done =
      changed_.wait(lock, stop, [this] { return stopping_ || (!working_ && to_look_at_.empty()); });
  if (!done || stopping_) return absl::CancelledError("store: stopped waiting");
  return absl::OkStatus();
}

void BlockMerger::AddTo(StoreActivity* activity) const {
  const std::lock_guard lock(mutex_);
  activity->merges = merges_;
  activity->blocks_merged = blocks_merged_;
}

void BlockMerger::Run() {
  // Acknowledgements and searches go first. If the kernel refuses, merges are only less polite.
  setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kLowestPriority);
  absl::Status status = NoticeAll();
  if (!status.ok()) on_error_(status);
  for (;;) {
    HostDay next;
    {
      std::unique_lock lock(mutex_);
      working_ = false;
      if (to_look_at_.empty()) changed_.notify_all();
      const auto has_work = [this] { return stopping_ || !to_look_at_.empty(); };
      if (!changed_.wait_for(lock, kLookAgain, has_work)) {
        to_look_at_ = std::exchange(unfinished_, {});
        continue;
      }
      if (stopping_) return;
      working_ = true;
      next = *to_look_at_.begin();
      to_look_at_.erase(to_look_at_.begin());
    }
    status = MergeDay(next);
    if (!status.ok()) on_error_(status);
  }
}

// Days that a crash left behind.
absl::Status BlockMerger::NoticeAll() {
  const std::unique_ptr<rocksdb::Iterator> entry(
      rocks_->db->NewIterator(rocksdb::ReadOptions(), rocks_->summaries));
  BlockId last;
  bool is_first = true;
  for (entry->SeekToFirst(); entry->Valid(); entry->Next()) {
    const absl::StatusOr<BlockId> id = DecodeBlockKey(ToView(entry->key()));
    if (!id.ok()) return id.status();
    const bool same_day = !is_first && id->host == last.host && id->day == last.day;
    is_first = false;
    last = *id;
    const std::lock_guard lock(mutex_);
    if (stopping_) return absl::OkStatus();
    // One block alone has nothing to be joined with.
    if (same_day) to_look_at_.insert({.host = id->host, .day = id->day});
  }
  return FromRocks(entry->status(), "read summaries");
}

absl::Status BlockMerger::MergeDay(HostDay of) {
  const auto [host, day] = of;
  const bool is_over = now_ms_() > (uint64_t{day} + 1) * kDayMs + kDayGraceMs;
  for (;;) {
    const std::lock_guard blocks_lock(blocks_mutex_);
    std::vector<std::pair<EventOrder, BlockId>> found;
    std::vector<uint32_t> record_counts;
    std::vector<std::tuple<EventOrder, BlockId, uint32_t>> blocks;
    const absl::Status read =
        ForEachBlock(*rocks_, rocksdb::ReadOptions(), host, day, day,
                     [&](const BlockId& id, const BlockSummary& summary) {
                       blocks.emplace_back(summary.order_min, id, summary.record_count);
                       return true;
                     });
    if (!read.ok()) return read;
    std::ranges::sort(blocks);
    for (const auto& block : blocks) record_counts.push_back(std::get<uint32_t>(block));
    const std::vector<size_t> chosen = ChooseBlocksToMerge(record_counts, is_over);
    if (chosen.empty()) break;
    std::vector<BlockId> ids;
    for (const size_t place : chosen) ids.push_back(std::get<BlockId>(blocks[place]));
    const absl::Status merged = Merge(ids);
    if (!merged.ok()) return merged;
    const std::lock_guard lock(mutex_);
    if (stopping_) return absl::OkStatus();
  }
  if (!is_over) {
    const std::lock_guard lock(mutex_);
    unfinished_.insert(of);
  }
  return absl::OkStatus();
}

absl::Status BlockMerger::Merge(const std::vector<BlockId>& ids) {
  std::vector<std::unique_ptr<LoadedBlock>> blocks;
  std::vector<Place> places;
  for (const BlockId& id : ids) {
    absl::StatusOr<std::unique_ptr<LoadedBlock>> block =
        LoadBlock(*rocks_, rocksdb::ReadOptions(), id);
    if (!block.ok()) return block.status();
    for (uint32_t event = 0; event < (*block)->reader->event_count(); ++event) {
      places.push_back(
          {.order = (*block)->reader->head(event).order, .block = blocks.size(), .event = event});
    }
    blocks.push_back(*std::move(block));
  }
  std::ranges::sort(places, {}, &Place::order);
  BlockWriter writer;
  for (const Place& place : places) {
    const absl::Status copied = CopyEvent(*blocks[place.block]->reader, place.event, &writer);
    if (!copied.ok()) return copied;
  }
  const EncodedBlock merged = writer.Finish();
  const absl::StatusOr<BlockIndex> index = IndexOf(merged);
  if (!index.ok()) return index.status();
  const BlockNumbers::Writing writing = numbers_.BeginWriting();
  const absl::StatusOr<uint32_t> number = numbers_.Next(*rocks_, ids[0].host, ids[0].day);
  if (!number.ok()) return number.status();
  rocksdb::WriteBatch write;
  PutBlock(*rocks_, {.host = ids[0].host, .day = ids[0].day, .number = *number}, merged, *index,
           ids, &write);
  const absl::Status written =
      FromRocks(rocks_->db->Write(rocksdb::WriteOptions(), &write), "merge blocks");
  if (!written.ok()) return written;
  const std::lock_guard lock(mutex_);
  ++merges_;
  blocks_merged_ += ids.size();
  return absl::OkStatus();
}

}  // namespace storage
