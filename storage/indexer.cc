#include "storage/indexer.h"

#include <algorithm>
#include <utility>

#include <rocksdb/write_batch.h>

namespace storage {

namespace {

// How long a host must be silent before events without a last record are taken for complete: far
// longer than the records of an event are apart, whatever the network does.
constexpr std::chrono::seconds kSilence{10};

// Above any number of events that one arrival completes.
constexpr uint32_t kRankWithoutRecord = uint32_t{1} << 31;

// How often ages are looked at.
constexpr std::chrono::seconds kAgeInterval{5};

// A full memory is sealed down to this part, so that it is not full again at once.
constexpr double kOpenBytesKept = 0.75;

// Beyond this part nothing more is read before something is sealed.
constexpr double kOpenBytesBound = 1.125;

// Hosts that are sealed before what has come meanwhile is read.
constexpr int kSealsAtOnce = 4;

// Silent hosts that are sealed for followers each time that ages are looked at.
constexpr size_t kSilentAtOnce = 16;

// Groups of the journal that are read before others may look.
constexpr size_t kReplayGroups = 512;

}  // namespace

Indexer::Indexer(std::shared_ptr<Rocks> rocks, BlockNumbers& numbers, const IndexerOptions& options,
                 WholeEvents& whole, IndexerCallbacks callbacks)
    : rocks_(std::move(rocks)),
      numbers_(numbers),
      options_(options),
      whole_(whole),
      callbacks_(std::move(callbacks)),
      limits_(options.limits),
      journal_(rocks_->db->NewIterator(rocksdb::ReadOptions(), rocks_->journal)),
      last_arrival_(options.next_arrival - 1),
      next_completed_(options.next_order),
      thread_([this] { Run(); }) {}

Indexer::~Indexer() {
  {
    const std::lock_guard lock(queue_mutex_);
    stopping_ = true;
  }
  pushed_.notify_all();
  read_.notify_all();
  thread_.join();
}

void Indexer::Push(std::vector<Group> groups) {
  {
    std::unique_lock lock(queue_mutex_);
    const auto is_not_full = [this] {
      return queue_bytes_ < options_.queue_bytes_max || stopping_ || !error_.ok();
    };
    if (!is_not_full()) ++queue_waits_;
    read_.wait(lock, is_not_full);
    pushed_groups_ += groups.size();
    // After an error nothing is read any more. The journal has it.
    if (!error_.ok()) return;
    for (Group& group : groups) {
      queue_bytes_ += group.value.bytes.size();
      queue_.push_back(std::move(group));
    }
  }
  pushed_.notify_one();
}

bool Indexer::has_room() const {
  const std::lock_guard lock(queue_mutex_);
  return 2 * queue_bytes_ < options_.queue_bytes_max || stopping_ || !error_.ok();
}

void Indexer::SealAll() {
  {
    const std::lock_guard lock(queue_mutex_);
    ++seals_wanted_;
  }
  pushed_.notify_one();
}

void Indexer::SetLimits(const SealLimits& limits) {
  {
    const std::lock_guard lock(queue_mutex_);
    new_limits_ = limits;
  }
  pushed_.notify_one();
}

absl::Status Indexer::Wait(std::stop_token stop) {
  std::unique_lock lock(queue_mutex_);
  const uint64_t groups = pushed_groups_;
  const uint64_t seals = seals_wanted_;
  read_.wait(lock, stop, [&] {
    return !error_.ok() || stopping_ ||
           (replayed_ && read_groups_ >= groups && seals_done_ >= seals);
  });
  if (!error_.ok()) return error_;
  if (stop.stop_requested() || stopping_) return absl::CancelledError("store: stopped waiting");
  return absl::OkStatus();
}

absl::StatusOr<StoreView> Indexer::View(const std::function<bool(HostId)>& wanted,
                                        std::stop_token stop) {
  const absl::Status read = Wait(std::move(stop));
  if (!read.ok()) return read;
  StoreView view{.rocks = rocks_, .snapshot = nullptr, .open = {}};
  const std::lock_guard lock(mutex_);
  view.settled = KeyBefore(NextWithoutRecord());
  const std::shared_ptr<Rocks> rocks = rocks_;
  view.snapshot = std::shared_ptr<const rocksdb::Snapshot>(
      rocks->db->GetSnapshot(),
      [rocks](const rocksdb::Snapshot* snapshot) { rocks->db->ReleaseSnapshot(snapshot); });
  for (const auto& [id, host] : hosts_) {
    if (!wanted(id) || host->open.empty()) continue;
    OpenEvents& open = view.open.emplace_back(OpenEvents{.host = id});
    for (const auto& [day, events] : host->open.complete().days) {
      open.events.insert(open.events.end(), events.begin(), events.end());
    }
    for (OpenEvent& event : host->open.CopyPending()) {
      open.events.push_back(std::make_shared<const OpenEvent>(std::move(event)));
    }
  }
  return view;
}

absl::StatusOr<WholeKey> Indexer::Settled(std::stop_token stop) {
  const absl::Status read = Wait(std::move(stop));
  if (!read.ok()) return read;
  const std::lock_guard lock(mutex_);
  return KeyBefore(NextWithoutRecord());
}

void Indexer::AddTo(StoreActivity* activity) const {
  const std::lock_guard lock(queue_mutex_);
  activity->queue_waits = queue_waits_;
  activity->open_bytes = told_.open_bytes;
  activity->open_hosts = told_.open_hosts;
  activity->open_records = told_.open_records;
  activity->seals = told_.seals;
  activity->blocks_sealed = told_.blocks_sealed;
}

// By the thread, which alone changes what it reads here.
void Indexer::TellActivity() {
  StoreActivity activity = activity_;
  activity.open_bytes = open_bytes_;
  activity.open_hosts = hosts_.size();
  activity.open_records = open_records_;
  const std::lock_guard lock(queue_mutex_);
  told_ = activity;
}

void Indexer::Run() {
  absl::Status status = Replay();
  if (!status.ok()) Fail(status);
  for (;;) {
    std::vector<Group> groups;
    uint64_t seals_wanted = 0;
    bool had_room = true;
    {
      std::unique_lock lock(queue_mutex_);
      const auto has_work = [this] {
        const bool has_some =
            !queue_.empty() || !to_seal_.empty() || new_limits_ || seals_wanted_ > seals_done_;
        return stopping_ || (error_.ok() && has_some);
      };
      pushed_.wait_for(lock, kAgeInterval, has_work);
      if (stopping_) return;
      if (!error_.ok()) continue;
      groups.assign(std::make_move_iterator(queue_.begin()), std::make_move_iterator(queue_.end()));
      queue_.clear();
      had_room = 2 * queue_bytes_ < options_.queue_bytes_max;
      queue_bytes_ = 0;
      // A seal is for what was pushed before it: all of that is in `groups`, or read already.
      seals_wanted = seals_wanted_;
      if (new_limits_) {
        limits_ = *std::exchange(new_limits_, std::nullopt);
        last_aged_ = {};  // By the new age, at once.
      }
    }
    if (!had_room) {
      read_.notify_all();
      callbacks_.on_room();
    }
    status = Read(std::move(groups));
    if (status.ok()) status = SealDue(seals_wanted);
    if (!status.ok()) Fail(status);
    read_.notify_all();
  }
}

// What cannot be read or stored ends the work: the journal keeps everything until the store is
// opened again.
void Indexer::Fail(const absl::Status& status) {
  {
    const std::lock_guard lock(queue_mutex_);
    error_ = status;
    queue_.clear();
    queue_bytes_ = 0;
  }
  read_.notify_all();
  callbacks_.on_room();
  callbacks_.on_failure(status);
}

absl::Status Indexer::Replay() {
  std::vector<Group> groups;
  absl::Status status;
  journal_->SeekToFirst();
  while (status.ok() && journal_->Valid()) {
    const absl::StatusOr<JournalKey> key = DecodeJournalKey(ToView(journal_->key()));
    if (!key.ok()) return key.status();
    groups.push_back({.key = *key, .value = {.bytes = std::string(ToView(journal_->value()))}});
    journal_->Next();
    if (groups.size() < kReplayGroups && journal_->Valid()) continue;
    status = Read(std::exchange(groups, {}));
    if (status.ok()) status = SealDue(seals_done_);
    const std::lock_guard lock(queue_mutex_);
    if (stopping_) return absl::OkStatus();
  }
  if (status.ok()) status = FromRocks(journal_->status(), "read the journal");
  journal_.reset();
  {
    const std::lock_guard lock(mutex_);
    whole_.Restart(KeyBefore(NextWithoutRecord()));
  }
  const std::lock_guard lock(queue_mutex_);
  read_groups_ = 0;  // Of those that were pushed.
  replayed_ = true;
  read_.notify_all();
  return status;
}

// Reads groups into their hosts, and seals a host as soon as it has a block, or all hold too much.
absl::Status Indexer::Read(std::vector<Group> groups) {
  // Hosts that send faster than we seal fill the queue, and then wait.
  const auto bound =
      static_cast<size_t>(kOpenBytesBound * static_cast<double>(limits_.open_bytes_max));
  for (Group& group : groups) {
    // Given back one by one: they can be much.
    const Batch::Released value = std::move(group.value);
    absl::Status status = AddToHost(group.key, value.view());
    for (bool helps = true; status.ok() && helps && open_bytes_ > bound;) {
      const size_t before = open_bytes_;
      status = SealLargest(Clock::now());
      helps = open_bytes_ < before;  // Hosts take some bytes even without a record.
    }
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Indexer::AddToHost(const JournalKey& key, std::string_view value) {
  const absl::StatusOr<Host*> found = HostOf(key.host);
  if (!found.ok()) return found.status();
  Host& host = **found;
  bool is_full = false;
  {
    const std::lock_guard lock(mutex_);
    const auto now = Clock::now();
    if (host.open.empty()) host.first_record = now;
    host.last_record = now;
    open_bytes_ -= host.open.memory_bytes();
    open_records_ -= host.open.complete_records();
    absl::Status added;
    GiveWhole(key.host, [&](CompleteEvents::Events* whole) {
      added = host.open.AddJournal(key, value, whole);
      last_arrival_ = std::max(last_arrival_, key.arrival);
    });
    open_bytes_ += host.open.memory_bytes();
    open_records_ += host.open.complete_records();
    if (!added.ok()) callbacks_.on_damage(added);
    is_full = host.open.complete_records() >= kBlockRecordsAim;
  }
  TellActivity();
  {
    const std::lock_guard lock(queue_mutex_);
    ++read_groups_;
  }
  return is_full ? Seal(key.host) : absl::OkStatus();
}

absl::StatusOr<Indexer::Host*> Indexer::HostOf(HostId id) {
  const auto found = hosts_.find(id);
  if (found != hosts_.end()) return found->second.get();
  absl::StatusOr<HostState> state = LoadHostState(*rocks_, id);
  if (!state.ok()) return state.status();
  auto host = std::make_unique<Host>(*std::move(state));
  Host* const added = host.get();
  const std::lock_guard lock(mutex_);
  hosts_.emplace(id, std::move(host));
  return added;
}

absl::Status Indexer::SealDue(uint64_t seals_wanted) {
  const auto now = Clock::now();
  if (seals_wanted > seals_done_) {
    const absl::Status sealed = SealEvery();
    if (!sealed.ok()) return sealed;
    const std::lock_guard lock(queue_mutex_);
    seals_done_ = seals_wanted;
  }
  if (now - last_aged_ >= kAgeInterval) {
    last_aged_ = now;
    absl::Status sealed = SealAged(now);
    if (sealed.ok()) sealed = SealSilent(now);
    if (!sealed.ok()) return sealed;
  }
  return open_bytes_ > limits_.open_bytes_max || !to_seal_.empty() ? SealLargest(now)
                                                                   : absl::OkStatus();
}

// Who follows need not wait for the last records of a host that has become silent. What is complete
// without a record is sealed at once: a journal that is read again would not know of it.
absl::Status Indexer::SealSilent(Clock::time_point now) {
  if (!whole_.is_watched()) return absl::OkStatus();
  std::vector<HostId> silent;
  for (const auto& [id, host] : hosts_) {
    if (silent.size() == kSilentAtOnce) break;
    if (now - host->last_record > kSilence && host->open.has_unended()) silent.push_back(id);
  }
  for (const HostId id : silent) {
    CompleteAll(id);
    const absl::Status sealed = Seal(id);
    if (!sealed.ok()) return sealed;
  }
  return absl::OkStatus();
}

absl::Status Indexer::SealEvery() {
  std::vector<HostId> ids;
  for (const auto& [id, host] : hosts_) ids.push_back(id);
  for (const HostId id : ids) {
    CompleteAll(id);
    const absl::Status sealed = Seal(id);
    if (!sealed.ok()) return sealed;
  }
  return absl::OkStatus();
}

absl::Status Indexer::SealAged(Clock::time_point now) {
  std::vector<HostId> aged;
  for (const auto& [id, host] : hosts_) {
    if (now - host->first_record >= limits_.seal_age) aged.push_back(id);
  }
  for (const HostId id : aged) {
    Host& host = *hosts_.at(id);
    if (now - host.last_record > kSilence) CompleteAll(id);
    const absl::Status sealed = Seal(id);
    if (!sealed.ok()) return sealed;
  }
  return absl::OkStatus();
}

void Indexer::CompleteAll(HostId id) {
  const std::lock_guard lock(mutex_);
  OpenHost& open = hosts_.at(id)->open;
  open_records_ -= open.complete_records();
  GiveWhole(id, [&](CompleteEvents::Events* whole) {
    open.CompleteAll(NextWithoutRecord(), whole);
    next_completed_ = std::max(next_completed_, open.state().next_order);
  });
  open_records_ += open.complete_records();
}

// Without a record that completes them, events take their places behind all that searches have
// seen: a cursor must not have passed them. With mutex_ held.
EventOrder Indexer::NextWithoutRecord() const {
  return std::max(next_completed_, {.arrival = last_arrival_, .rank = kRankWithoutRecord});
}

// Changes a host, and tells followers what is whole by that. With mutex_ held.
template <typename Change>
void Indexer::GiveWhole(HostId id, const Change& change) {
  // What the journal held comes host by host; it is in the store for followers.
  if (!replayed_ || !whole_.is_watched()) return change(nullptr);
  const WholeKey from = KeyBefore(NextWithoutRecord());
  CompleteEvents::Events whole;
  change(&whole);
  std::vector<WholeEvent> events;
  for (std::shared_ptr<const OpenEvent>& event : whole) {
    const WholeKey key = KeyOfWhole(id, *event);
    events.push_back({.key = key, .host = id, .event = std::move(event)});
  }
  std::ranges::sort(events, {}, &WholeEvent::key);
  whole_.Add(from, std::move(events), KeyBefore(NextWithoutRecord()));
}

// Seals some of the hosts that hold most, until the memory is down to what is kept.
absl::Status Indexer::SealLargest(Clock::time_point now) {
  if (to_seal_.empty()) {
    std::vector<std::pair<size_t, HostId>> sizes;
    for (const auto& [id, host] : hosts_) sizes.emplace_back(host->open.memory_bytes(), id);
    std::ranges::sort(sizes, std::greater<>());
    const auto kept =
        static_cast<size_t>(kOpenBytesKept * static_cast<double>(limits_.open_bytes_max));
    size_t left = open_bytes_;
    for (const auto& [bytes, id] : sizes) {
      if (left <= kept) break;
      left -= bytes;
      to_seal_.push_back(id);
    }
  }
  for (int i = 0; i < kSealsAtOnce && !to_seal_.empty(); ++i) {
    const HostId id = to_seal_.front();
    to_seal_.pop_front();
    const auto found = hosts_.find(id);
    if (found == hosts_.end()) continue;
    Host& host = *found->second;
    if (now - host.last_record > kSilence || host.open.complete_records() == 0) {
      CompleteAll(id);
    }
    const absl::Status sealed = Seal(id);
    if (!sealed.ok()) return sealed;
  }
  return absl::OkStatus();
}

// Moves what is complete of a host into blocks. Others see it in one place or in the other.
absl::Status Indexer::Seal(HostId id) {
  Host& host = *hosts_.at(id);
  if (host.open.complete().days.empty()) return absl::OkStatus();
  const absl::StatusOr<std::vector<SealedBlock>> blocks = sealer_.Seal(host.open.complete());
  if (!blocks.ok()) return blocks.status();
  rocksdb::WriteBatch write;
  BlockNumbers::Writing writing = numbers_.BeginWriting();
  for (const SealedBlock& sealed : *blocks) {
    const absl::StatusOr<uint32_t> number = numbers_.Next(*rocks_, id, sealed.day);
    if (!number.ok()) return number.status();
    PutBlock(*rocks_, {.host = id, .day = sealed.day, .number = *number}, sealed.block,
             sealed.index, {}, &write);
  }
  PutJournalRest(*rocks_, id, host.open, host.open.PendingRecords(), &write);
  {
    const std::lock_guard lock(mutex_);
    const absl::Status written =
        FromRocks(rocks_->db->Write(rocksdb::WriteOptions(), &write), "seal");
    if (!written.ok()) return written;
    writing.unlock();
    ++activity_.seals;
    activity_.blocks_sealed += blocks->size();
    open_bytes_ -= host.open.memory_bytes();
    open_records_ -= host.open.complete_records();
    host.open.DropComplete();
    host.first_record = Clock::now();
    open_bytes_ += host.open.memory_bytes();
    open_records_ += host.open.complete_records();
    if (host.open.empty()) hosts_.erase(id);
  }
  TellActivity();
  for (const SealedBlock& sealed : *blocks) callbacks_.on_block(id, sealed.day);
  return absl::OkStatus();
}

}  // namespace storage
