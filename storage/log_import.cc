#include "storage/log_import.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <optional>
#include <utility>
#include <xxhash.h>

#include "audit/record.h"
#include "storage/coding.h"

namespace storage {

namespace {

// Text between two writes: what is lost when an import is killed, and what the blocks of it, some
// hundredth of it, take in memory until then.
constexpr uint64_t kCheckpointBytes = uint64_t{128} << 20;

// Blocks that wait to be made. Each holds some MB of events.
constexpr size_t kJobsMax = 6;

constexpr size_t kSealingThreadsMax = 4;

constexpr size_t kDigestBytes = 16;

// Of one place in a log, pieces of different length: it has grown since. Older ones are of no use.
constexpr size_t kPiecesPerPlaceMax = 8;

constexpr char kKeyPrefix = 'i';

std::string DigestOf(std::string_view bytes) {
  const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, hash);
  return {reinterpret_cast<const char*>(canonical.digest), kDigestBytes};
}

struct KnownPiece {
  uint64_t bytes = 0;
  std::string_view digest;
};

bool TakePieces(std::string_view in, std::vector<KnownPiece>* pieces) {
  while (!in.empty()) {
    KnownPiece piece;
    if (!TakeVarint(&in, &piece.bytes) || in.size() < kDigestBytes) return false;
    piece.digest = in.substr(0, kDigestBytes);
    in.remove_prefix(kDigestBytes);
    pieces->push_back(piece);
  }
  return true;
}

}  // namespace

SealingThreads::SealingThreads() {
  const size_t count =
      std::clamp<size_t>(std::thread::hardware_concurrency(), 1, kSealingThreadsMax);
  for (size_t i = 0; i < count; ++i) threads_.emplace_back([this] { Run(); });
}

SealingThreads::~SealingThreads() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void SealingThreads::Push(HostId host, CompleteEvents events) {
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return jobs_.size() < kJobsMax; });
    jobs_.push_back({.host = host, .events = std::move(events), .place = results_.size()});
    results_.emplace_back();
    ++unfinished_;
  }
  changed_.notify_all();
}

std::vector<SealingThreads::Result> SealingThreads::TakeAll() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return unfinished_ == 0; });
  std::vector<Result> all;
  for (const std::unique_ptr<Result>& result : results_) all.push_back(std::move(*result));
  results_.clear();
  return all;
}

void SealingThreads::Run() {
  Sealer sealer;
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
    if (stopping_) return;
    Job job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    changed_.notify_all();
    auto result =
        std::make_unique<Result>(Result{.host = job.host, .blocks = sealer.Seal(job.events)});
    job.events = {};
    lock.lock();
    results_[job.place] = std::move(result);
    --unfinished_;
    changed_.notify_all();
  }
}

LogImport::LogImport(ImportContext context, ImportOptions options)
    : context_(std::move(context)), options_(std::move(options)), assembler_({.at_rest = true}) {}

void LogImport::BeginLog() { chain_.clear(); }

absl::Status LogImport::Add(std::string_view piece) {
  if (piece.empty()) return absl::OkStatus();
  if (chain_.empty()) {
    // Records of another host are other records.
    chain_ = DigestOf(options_.host.name + '\n' + std::string(piece.substr(0, piece.find('\n'))));
  }
  absl::StatusOr<size_t> known = KnownBytes(piece);
  if (!known.ok()) return known.status();
  result_.known_bytes += *known;
  const absl::Status added = AddLines(piece.substr(*known));
  if (!added.ok()) return added;
  if (unwritten_bytes_ >= kCheckpointBytes) return Checkpoint(false);
  if (open_bytes_ < context_.open_bytes_max) return absl::OkStatus();
  for (auto& [id, host] : hosts_) SealHost(id, host.get());
  return Checkpoint(false);
}

// How much of the piece was imported before. Notes that all of it is now, and goes behind it.
absl::StatusOr<size_t> LogImport::KnownBytes(std::string_view piece) {
  const std::string key = kKeyPrefix + chain_;
  std::string stored;
  if (const auto found = digests_.find(key); found != digests_.end()) {
    stored = found->second;
  } else {
    const rocksdb::Status got =
        context_.rocks->db->Get(rocksdb::ReadOptions(), context_.rocks->meta, key, &stored);
    if (!got.ok() && !got.IsNotFound()) return FromRocks(got, "read what was imported");
  }
  std::vector<KnownPiece> pieces;
  if (!TakePieces(stored, &pieces)) return absl::DataLossError("meta: a digest is cut off");
  const std::string digest = DigestOf(piece);
  size_t known = 0;
  for (const KnownPiece& one : pieces) {
    if (one.bytes <= known || one.bytes > piece.size()) continue;
    if (DigestOf(piece.substr(0, one.bytes)) == one.digest) known = one.bytes;
  }
  if (known < piece.size()) {
    // A line that was not whole then is whole now: it is another record.
    if (known > 0 && piece[known - 1] != '\n') known = piece.rfind('\n', known - 1) + 1;
    std::string value;
    const size_t skipped = pieces.size() < kPiecesPerPlaceMax ? 0 : 1;
    for (size_t i = skipped; i < pieces.size(); ++i) {
      PutVarint(&value, pieces[i].bytes);
      value.append(pieces[i].digest);
    }
    PutVarint(&value, piece.size());
    value.append(digest);
    write_.Put(context_.rocks->meta, key, value);
    digests_[key] = std::move(value);
  }
  chain_ = DigestOf(chain_ + digest);
  return known;
}

absl::Status LogImport::AddLines(std::string_view lines) {
  if (lines.empty()) return absl::OkStatus();
  const uint64_t arrival = context_.next_arrival();
  result_.bytes += lines.size();
  unwritten_bytes_ += lines.size();
  while (!lines.empty()) {
    const auto* const newline =
        static_cast<const char*>(std::memchr(lines.data(), '\n', lines.size()));
    const size_t bytes =
        newline == nullptr ? lines.size() : static_cast<size_t>(newline - lines.data());
    if (bytes > 0) {
      const absl::Status added = AddLine(arrival, lines.substr(0, bytes));
      if (!added.ok()) return added;
    }
    lines.remove_prefix(std::min(bytes + 1, lines.size()));
  }
  return absl::OkStatus();
}

absl::Status LogImport::AddLine(uint64_t arrival, std::string_view line) {
  const absl::StatusOr<audit::Record> record = audit::ParseRecord(line);
  const std::string_view node = record.ok() ? record->node : std::string_view();
  const absl::StatusOr<Host*> host = HostOf(node);
  if (!host.ok()) return host.status();
  OpenHost& open = (*host)->open;
  (*host)->touched = true;
  open_bytes_ -= open.memory_bytes();
  if (record.ok()) {
    const uint64_t place = open.AddPlace(arrival, options_.received_ms, line.size());
    assembler_.Add(line, *record, place);
  } else {
    open.AddRecord(arrival, options_.received_ms, {}, line, record);
    ++result_.malformed;
  }
  open_bytes_ += open.memory_bytes();
  ++result_.records;
  return AddComplete(arrival);
}

// Gives complete events to their hosts.
absl::Status LogImport::AddComplete(uint64_t arrival) {
  while (std::optional<audit::Event> event = assembler_.Take()) {
    const absl::StatusOr<Host*> host = HostOf(event->node());
    if (!host.ok()) return host.status();
    if (arrival > next_order_.arrival) next_order_ = {.arrival = arrival};
    OpenHost& open = (*host)->open;
    open_bytes_ -= open.memory_bytes();
    open.AddEvent(*std::move(event), next_order_);
    open_bytes_ += open.memory_bytes();
    (*host)->touched = true;
    ++next_order_.rank;
    if (open.complete_records() >= kBlockRecordsAim) SealHost(last_id_, *host);
  }
  return absl::OkStatus();
}

absl::StatusOr<LogImport::Host*> LogImport::HostOf(std::string_view node) {
  if (last_host_ != nullptr && node == last_node_) return last_host_;
  const Identity identity = node.empty()
                                ? options_.host
                                : Identity{.kind = IdentityKind::kNode, .name = std::string(node)};
  const HostId id = context_.host_for(identity, &write_);
  std::unique_ptr<Host>& host = hosts_[id];
  if (host == nullptr) {
    absl::StatusOr<HostState> state = LoadHostState(*context_.rocks, id);
    if (!state.ok()) return state.status();
    host = std::make_unique<Host>(*std::move(state));
  }
  last_host_ = host.get();
  last_id_ = id;
  last_node_ = node;
  return last_host_;
}

void LogImport::SealHost(HostId id, Host* host) {
  if (host->open.complete_records() == 0) return;
  open_bytes_ -= host->open.memory_bytes();
  CompleteEvents events = host->open.complete();
  host->open.DropComplete();
  open_bytes_ += host->open.memory_bytes();
  host->touched = true;
  sealing_.Push(id, std::move(events));
}

// Writes all blocks that were made, and what is in no block yet as the hosts' journal.
absl::Status LogImport::Checkpoint(bool sync) {
  std::vector<std::pair<HostId, Day>> days;
  TermBatch terms;
  const std::vector<SealingThreads::Result> sealed_hosts = sealing_.TakeAll();
  const BlockNumbers::Writing writing = context_.numbers.BeginWriting();
  for (const SealingThreads::Result& result : sealed_hosts) {
    if (!result.blocks.ok()) return result.blocks.status();
    for (const SealedBlock& sealed : *result.blocks) {
      const absl::StatusOr<uint32_t> number =
          context_.numbers.Next(*context_.rocks, result.host, sealed.day);
      if (!number.ok()) return number.status();
      const BlockId id{.host = result.host, .day = sealed.day, .number = *number};
      PutColumns(*context_.rocks, id, sealed.block, sealed.index.tally, &write_);
      terms.Add(id, sealed.index.terms);
      days.emplace_back(result.host, sealed.day);
    }
  }
  terms.Put(*context_.rocks, &write_);
  absl::Status put = absl::OkStatus();
  absl::flat_hash_map<HostId, std::vector<KeptRecord>> pending;
  assembler_.VisitPending([&](const audit::Event& event) {
    const absl::StatusOr<Host*> host = HostOf(event.node());
    if (host.ok()) (*host)->open.AddRecords(event, &pending[last_id_]);
    put.Update(host.status());
  });
  if (!put.ok()) return put;
  for (auto& [id, host] : hosts_) {
    if (!std::exchange(host->touched, false)) continue;
    std::vector<KeptRecord> records = host->open.AllRecords();
    std::ranges::copy(pending[id], std::back_inserter(records));
    std::ranges::sort(records, {}, &KeptRecord::position);
    PutJournalRest(*context_.rocks, id, host->open, records, &write_);
  }
  rocksdb::WriteOptions how;
  how.sync = sync;
  const absl::Status written = FromRocks(context_.rocks->db->Write(how, &write_), "import");
  if (!written.ok()) return written;
  write_.Clear();
  digests_.clear();
  unwritten_bytes_ = 0;
  for (const auto& [host, day] : days) context_.on_block(host, day);
  return absl::OkStatus();
}

absl::StatusOr<ImportResult> LogImport::Finish() {
  assembler_.Flush();
  const absl::Status added = AddComplete(context_.next_arrival());
  if (!added.ok()) return added;
  for (auto& [id, host] : hosts_) SealHost(id, host.get());
  const absl::Status written = Checkpoint(true);
  if (!written.ok()) return written;
  return result_;
}

}  // namespace storage
