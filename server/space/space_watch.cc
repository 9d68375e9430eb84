#include "server/space/space_watch.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <sys/statvfs.h>
#include <syslog.h>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include <boost/asio/post.hpp>

#include "base/clock.h"
#include "server/space/space_keys.h"

namespace server {

namespace asio = boost::asio;
using base::Text;

namespace {

constexpr std::chrono::seconds kMeasureInterval{1};

// Time for a measure that sees what a drop has given.
constexpr std::chrono::seconds kAfterDrop{5};

// Days that were dropped and are still in the files, held there by somebody who reads, make no
// room: to drop more then would delete all there is for nothing. A reader ends within this.
constexpr std::chrono::hours kUntilShrunkMax{1};

// Where nothing could be dropped, something can be when a day has ended or a hold was removed.
constexpr std::chrono::seconds kAfterFailedDrop{60};

// A file system on which the reserve cannot be allocated is not asked each second.
constexpr std::chrono::seconds kAfterReserve{60};

constexpr uint64_t kMegabyte = 1 << 20;

constexpr ActionCause kCauses[] = {ActionCause::kSpaceLeft, ActionCause::kAdminSpaceLeft,
                                   ActionCause::kDiskFull, ActionCause::kDiskError,
                                   ActionCause::kMaxLogFile};

// The worst first: that is what days are dropped for.
constexpr ActionCause kDropCauses[] = {ActionCause::kDiskFull, ActionCause::kAdminSpaceLeft,
                                       ActionCause::kSpaceLeft, ActionCause::kMaxLogFile};

ActionCause CauseOf(SpaceStage condition) {
  switch (condition) {
    case SpaceStage::kSpaceLeft:
      return ActionCause::kSpaceLeft;
    case SpaceStage::kAdminSpaceLeft:
      return ActionCause::kAdminSpaceLeft;
    case SpaceStage::kFull:
      return ActionCause::kDiskFull;
    default:
      return ActionCause::kDiskError;
  }
}

// What rules that watch the system's log for auditd look for.
const char* TextOf(ActionCause cause) {
  switch (cause) {
    case ActionCause::kSpaceLeft:
      return "Audit daemon is low on disk space for logging";
    case ActionCause::kAdminSpaceLeft:
      return "Audit daemon is very low on disk space for logging";
    case ActionCause::kDiskFull:
      return "Audit daemon has no space left on logging partition";
    case ActionCause::kDiskError:
      return "Audit daemon detected an error writing an event to disk";
    case ActionCause::kMaxLogFile:
      return "Audit daemon log file is larger than max size";
  }
  return "";
}

std::string Consequence(const ChosenAction& chosen) {
  switch (chosen.action) {
    case SpaceAction::kExec:
      return absl::StrFormat(", running %s", chosen.script);
    case SpaceAction::kRotate:
      return ", dropping the oldest days";
    case SpaceAction::kSuspend:
      return ", suspending logging";
    case SpaceAction::kSingle:
      return ", changing the system to single user mode";
    case SpaceAction::kHalt:
      return ", halting the system";
    default:
      return "";
  }
}

const ChosenAction& ActionFor(const SpaceOptions& options, ActionCause cause) {
  switch (cause) {
    case ActionCause::kSpaceLeft:
      return options.space_left_action;
    case ActionCause::kAdminSpaceLeft:
      return options.admin_space_left_action;
    case ActionCause::kDiskFull:
      return options.disk_full_action;
    case ActionCause::kDiskError:
      return options.disk_error_action;
    case ActionCause::kMaxLogFile:
      break;
  }
  return options.max_log_file_action;
}

WriteOutcome OutcomeOf(const absl::Status& result) {
  if (result.ok()) return WriteOutcome::kSucceeded;
  return absl::IsResourceExhausted(result) ? WriteOutcome::kNoSpace : WriteOutcome::kFailed;
}

// 0: there is no limit.
uint64_t StoreBytesMax(const SpaceOptions& options) {
  if (!options.honour_max_log_file) return 0;
  return options.max_log_file * kMegabyte * std::max(options.num_logs, 1u);
}

}  // namespace

SpaceWatch::SpaceWatch(asio::io_context& network, Committer& committer, OwnRecords& own_records,
                       Counters& counters, const std::string& store_dir, SpaceOptions options,
                       SpaceHooks hooks, ActionRunnerOptions runner_options)
    : network_(network),
      committer_(committer),
      own_records_(own_records),
      counters_(counters),
      store_dir_(store_dir),
      options_(std::move(options)),
      hooks_(std::move(hooks)),
      tick_(network),
      runner_(std::move(runner_options)),
      reserve_(store_dir) {}

SpaceWatch::~SpaceWatch() { Stop(); }

void SpaceWatch::Start() {
  Take(MeasureNow(store_dir_, reserve_));
  WaitForTick();
}

void SpaceWatch::Stop() {
  stopped_ = true;
  tick_.cancel();
}

void SpaceWatch::WaitForTick() {
  tick_.expires_after(kMeasureInterval);
  tick_.async_wait([this](const boost::system::error_code& cancelled) {
    if (cancelled || stopped_) return;
    BeginMeasure();
    CheckStoreSize(StoreMargin());
    DropIfDue();
    if (stages_.awaits_write()) own_records_.WriteTested();
    WaitForTick();
  });
}

bool SpaceWatch::MakeRoomToOpen(const std::string& store_dir, const SpaceOptions& options) {
  ReserveFile reserve(store_dir);
  const Measured measured = MeasureNow(store_dir, reserve);
  const SpaceLimits limits = LimitsOf(options, measured.total_bytes);
  const bool is_full = measured.available_bytes < limits.full;
  return measured.reserve_bytes > 0 && is_full && reserve.GiveBack().ok();
}

SpaceWatch::Measured SpaceWatch::MeasureNow(const std::string& store_dir,
                                            const ReserveFile& reserve) {
  struct statvfs found {};
  if (statvfs(store_dir.c_str(), &found) != 0) return {};
  return {.known = true,
          .available_bytes = uint64_t{found.f_bavail} * found.f_frsize,
          .total_bytes = uint64_t{found.f_blocks} * found.f_frsize,
          .reserve_bytes = reserve.held_bytes()};
}

// One at a time: a file system that hangs does not make them pile up.
void SpaceWatch::BeginMeasure() {
  if (std::exchange(measuring_, true)) return;
  asio::post(disk_, [this] {
    const Measured measured = MeasureNow(store_dir_, reserve_);
    asio::post(network_, [this, measured] {
      measuring_ = false;
      if (!stopped_) Take(measured);
    });
  });
}

void SpaceWatch::Take(const Measured& measured) {
  if (!measured.known) {
    ++counters_.space_check_errors_total;
    if (measure_log_.Allow()) spdlog::error("space: {} does not tell its free space", store_dir_);
    return;
  }
  last_ = measured;
  limits_ = LimitsOf(options_, measured.total_bytes);
  counters_.space_free_bytes = FreeBytes(limits_, measured.available_bytes, measured.reserve_bytes);
  counters_.space_total_bytes = measured.total_bytes;
  counters_.space_reserve_bytes = measured.reserve_bytes;
  Tell(stages_.Measure(limits_, counters_.space_free_bytes, base::NowMs(),
                       std::exchange(resuming_, false)));
  KeepReserve(measured);
}

void SpaceWatch::KeepReserve(const Measured& measured) {
  const bool is_full = stages_.holds(SpaceStage::kFull);
  const uint64_t wanted = is_full ? 0 : limits_.reserve;
  if (changing_reserve_ || measured.reserve_bytes == wanted) return;
  if (wanted > 0) {
    const uint64_t needed = wanted + limits_.full + MarginOf(limits_.full);
    const bool has_room = measured.available_bytes + measured.reserve_bytes >= needed;
    if (!has_room || Clock::now() < next_reserve_) return;
    next_reserve_ = Clock::now() + kAfterReserve;
  }
  changing_reserve_ = true;
  asio::post(disk_, [this, wanted] {
    const absl::Status made = reserve_.Make(wanted);
    asio::post(network_, [this, wanted, made] {
      changing_reserve_ = false;
      if (stopped_) return;
      if (wanted == 0) next_reserve_ = {};
      if (made.ok()) return BeginMeasure();
      ++counters_.space_reserve_errors_total;
      if (reserve_log_.Allow()) spdlog::error("space: no reserve: {}", Text(made));
    });
  });
}

void SpaceWatch::Hear(const absl::Status& result) {
  if (stopped_) return;
  // Damaged data is no matter of space, and stays damaged.
  if (absl::IsDataLoss(result)) return;
  Tell(stages_.Note(OutcomeOf(result), base::NowMs()));
  if (!result.ok()) BeginMeasure();
}

void SpaceWatch::CheckStoreSize(uint64_t margin) {
  const uint64_t most = StoreBytesMax(options_);
  const uint64_t bytes = most == 0 ? 0 : hooks_.store_bytes();
  const bool was_too_large =
      std::exchange(store_too_large_, bytes > (store_too_large_ ? most - margin : most));
  if (store_too_large_ == was_too_large) return;
  spdlog::warn("space: the store has {} MB, max_log_file times num_logs is {} MB", bytes >> 20,
               most >> 20);
  if (store_too_large_) return Act(ActionCause::kMaxLogFile);
  LiftSuspension(ActionCause::kMaxLogFile);
  UpdateClients();
}

void SpaceWatch::Tell(const SpaceChange& change) {
  if (change.is_none()) return;
  ++counters_.space_changes_total;
  counters_.space_stage = static_cast<uint64_t>(change.to);
  const uint64_t free_mb = counters_.space_free_bytes >> 20;
  if (change.from != change.to) {
    spdlog::warn("space: {} (was {}) free_mb={}", NameOf(change.to), NameOf(change.from), free_mb);
    own_records_.SpaceChanged({.from = NameOf(change.from),
                               .to = NameOf(change.to),
                               .is_worse = change.to > change.from,
                               .free_bytes = counters_.space_free_bytes});
  }
  for (const SpaceStage condition : change.left) LiftSuspension(CauseOf(condition));
  for (const SpaceStage condition : change.entered) Act(CauseOf(condition));
  UpdateClients();
}

void SpaceWatch::UpdateClients() {
  const bool is_full = stages_.holds(SpaceStage::kFull);
  const bool refuses =
      is_full || std::ranges::any_of(suspended_by_, [](bool suspended) { return suspended; });
  RecordReplies replies;
  if (is_full || stages_.holds(SpaceStage::kSpaceLeft))
    replies.accepted = audit::FrameType::kDiskLow;
  if (options_.disk_full_signal == DiskFullSignal::kDiskFull) {
    if (stages_.holds(SpaceStage::kError)) replies.refused = audit::FrameType::kDiskError;
    if (is_full) replies.refused = audit::FrameType::kDiskFull;
  }
  committer_.SetReplies(replies);
  const bool refused = counters_.space_suspended != 0;
  if (refuses == refused) return;
  committer_.SetOutOfSpace(refuses);
  if (!refuses) ++counters_.space_resumed_total;
  spdlog::warn(refuses ? "space: nothing is taken in" : "space: records are taken in again");
}

// How far below its limit the store counts as not too large any more.
uint64_t SpaceWatch::StoreMargin() const { return StoreBytesMax(options_) / 10; }

bool SpaceWatch::IsCrossed(ActionCause cause) const {
  switch (cause) {
    case ActionCause::kSpaceLeft:
      return stages_.holds(SpaceStage::kSpaceLeft);
    case ActionCause::kAdminSpaceLeft:
      return stages_.holds(SpaceStage::kAdminSpaceLeft);
    case ActionCause::kDiskFull:
      return stages_.holds(SpaceStage::kFull);
    case ActionCause::kDiskError:
      return stages_.holds(SpaceStage::kError);
    case ActionCause::kMaxLogFile:
      break;
  }
  return store_too_large_;
}

void SpaceWatch::Act(ActionCause cause) {
  const ChosenAction& chosen = ActionFor(options_, cause);
  // auditd says always that the disk is full.
  if (chosen.action == SpaceAction::kIgnore && cause != ActionCause::kDiskFull) return;
  if (chosen.action == SpaceAction::kSuspend) suspended_by_[static_cast<size_t>(cause)] = true;
  if (chosen.action == SpaceAction::kKeepLogs) hooks_.seal();
  RunAction(cause);
  if (chosen.action == SpaceAction::kRotate) {
    next_drop_ = {};
    DropIfDue();
  }
  UpdateClients();
}

void SpaceWatch::RunAction(ActionCause cause) {
  const ChosenAction& chosen = ActionFor(options_, cause);
  const std::string word = NameOf(chosen.action);
  const bool is_notice = cause == ActionCause::kMaxLogFile || chosen.action == SpaceAction::kRotate;
  ActionRequest request = {.cause = cause,
                           .chosen = chosen,
                           .priority = is_notice ? LOG_NOTICE : LOG_ALERT,
                           .text = TextOf(cause) + Consequence(chosen),
                           .mail_account = options_.action_mail_acct,
                           .free_bytes = counters_.space_free_bytes};
  spdlog::error("space: {}: action={}", request.text, word);
  const auto done = [this, cause, word](const absl::Status& taken) {
    asio::post(network_, [this, cause, word, taken] {
      if (!taken.ok()) {
        ++(absl::IsDeadlineExceeded(taken) ? counters_.space_actions_timed_out_total
                                           : counters_.space_actions_failed_total);
        spdlog::error("space: action {} for {} failed: {}", word, std::string(NameOf(cause)),
                      Text(taken));
      }
      own_records_.SpaceActionEnded(NameOf(cause), word, Text(taken));
    });
  };
  if (runner_.Run(std::move(request), done)) {
    ++counters_.space_actions_started_total;
  } else {
    ++counters_.space_actions_dropped_total;
    spdlog::error("space: action {} for {} not taken: the last one goes on", word,
                  std::string(NameOf(cause)));
  }
}

// A write that found no space where the file system has some met another limit, such as a quota or
// the inodes, or an error: no reason to delete anything.
bool SpaceWatch::NeedsDrop(ActionCause cause) const {
  if (!IsCrossed(cause) || ActionFor(options_, cause).action != SpaceAction::kRotate) return false;
  return cause != ActionCause::kDiskFull ||
         counters_.space_free_bytes < limits_.full + MarginOf(limits_.full);
}

void SpaceWatch::DropIfDue() {
  if (dropping_ || stopped_ || Clock::now() < next_drop_) return;
  const auto* const cause =
      std::ranges::find_if(kDropCauses, [this](ActionCause one) { return NeedsDrop(one); });
  if (cause == std::end(kDropCauses)) return;
  const uint64_t store_bytes = hooks_.store_bytes();
  if (store_bytes > store_bytes_wanted_ && Clock::now() < shrunk_at_latest_) return;
  dropping_ = true;
  store_bytes_before_ = store_bytes;
  ++counters_.space_drops_total;
  hooks_.drop_oldest(
      BytesToDrop(*cause), [this, dropped_for = *cause](const absl::StatusOr<uint64_t>& dropped) {
        asio::post(network_, [this, dropped_for, dropped] { FinishDrop(dropped_for, dropped); });
      });
}

// So much that the limit is no longer crossed.
uint64_t SpaceWatch::BytesToDrop(ActionCause cause) const {
  if (cause == ActionCause::kMaxLogFile) {
    const uint64_t most = StoreBytesMax(options_);
    const uint64_t bytes = hooks_.store_bytes();
    return bytes - std::min(bytes, most - StoreMargin());
  }
  const uint64_t limit = cause == ActionCause::kDiskFull         ? limits_.full
                         : cause == ActionCause::kAdminSpaceLeft ? limits_.admin_space_left
                                                                 : limits_.space_left;
  const uint64_t wanted = limit + MarginOf(limit);
  return wanted - std::min(wanted - 1, counters_.space_free_bytes);
}

void SpaceWatch::FinishDrop(ActionCause cause, const absl::StatusOr<uint64_t>& dropped) {
  dropping_ = false;
  const uint64_t bytes = dropped.ok() ? *dropped : 0;
  const std::string failure = dropped.ok() ? "" : Text(dropped.status());
  counters_.space_dropped_bytes_total += bytes;
  store_bytes_wanted_ = store_bytes_before_ - std::min(store_bytes_before_, bytes / 2);
  shrunk_at_latest_ = Clock::now() + kUntilShrunkMax;
  next_drop_ = Clock::now() + (bytes > 0 ? kAfterDrop : kAfterFailedDrop);
  own_records_.DaysDropped(NameOf(cause), bytes, failure);
  spdlog::warn("space: dropped bytes={} cause={} {}", bytes, std::string(NameOf(cause)),
               bytes > 0 || !failure.empty() ? failure : "nothing may be dropped");
  if (!stopped_) BeginMeasure();
}

void SpaceWatch::LiftSuspension(ActionCause cause) {
  suspended_by_[static_cast<size_t>(cause)] = false;
}

// No action may be taken for a limit that is the new one's no more: some delete, or halt the
// system.
void SpaceWatch::Use(const SpaceOptions& options) {
  std::vector<ActionCause> crossed;
  std::ranges::copy_if(kCauses, std::back_inserter(crossed),
                       [this](ActionCause cause) { return IsCrossed(cause); });
  const SpaceOptions before = std::exchange(options_, options);
  if (last_.known) {
    // A margin is that of the limit that was crossed.
    const bool awaits_measure =
        std::exchange(resuming_, LimitsOf(options_, last_.total_bytes) != limits_);
    Take(last_);
    resuming_ = awaits_measure;
  }
  CheckStoreSize(StoreBytesMax(before) == StoreBytesMax(options_) ? StoreMargin() : 0);
  for (const ActionCause cause : crossed) {
    if (!IsCrossed(cause) || ActionFor(before, cause) == ActionFor(options_, cause)) continue;
    LiftSuspension(cause);
    Act(cause);
  }
  UpdateClients();
  BeginMeasure();
}

void SpaceWatch::Resume() {
  suspended_by_.fill(false);
  UpdateClients();
  resuming_ = true;
  BeginMeasure();
}

void SpaceWatch::Fill(auspex::v1::StatusResponse* status) const {
  if (!last_.known) return;
  auspex::v1::StatusResponse::Space& space = *status->mutable_space();
  space.set_free_bytes(counters_.space_free_bytes);
  space.set_total_bytes(counters_.space_total_bytes);
  space.set_stage(std::string(NameOf(stages_.stage())));
}

}  // namespace server
