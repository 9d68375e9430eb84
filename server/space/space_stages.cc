#include "server/space/space_stages.h"

#include <algorithm>

namespace server {

namespace {

constexpr uint64_t kMegabyte = 1 << 20;

// What the writes of one second, the time between two measures, and those that are on their way can
// take. A sixty-fourth of small file systems, so that something is left for records.
constexpr uint64_t kFullBytesMax = 64 * kMegabyte;
constexpr uint64_t kFullPart = 64;

constexpr uint64_t kReservePart = 32;

constexpr uint64_t kSpaceLeftPercent = 5;
constexpr uint64_t kAdminSpaceLeftPercent = 2;

uint64_t Percent(uint64_t total_bytes, uint64_t percent) { return total_bytes / 100 * percent; }

uint64_t BytesOf(const SpaceLimit& limit, uint64_t total_bytes) {
  return limit.is_percent ? Percent(total_bytes, limit.number) : limit.number * kMegabyte;
}

void Compare(uint64_t free_bytes, uint64_t limit, bool resume, bool* below) {
  const uint64_t least = *below && !resume ? limit + MarginOf(limit) : limit;
  *below = free_bytes < least;
}

}  // namespace

std::string_view NameOf(SpaceStage stage) {
  switch (stage) {
    case SpaceStage::kOk:
      return "ok";
    case SpaceStage::kSpaceLeft:
      return "space_left";
    case SpaceStage::kAdminSpaceLeft:
      return "admin_space_left";
    case SpaceStage::kFull:
      return "full";
    case SpaceStage::kError:
      return "error";
  }
  return "";
}

SpaceLimits LimitsOf(const SpaceOptions& options, uint64_t total_bytes) {
  SpaceLimits limits;
  if (options.admin_space_left) {
    limits.admin_space_left = BytesOf(*options.admin_space_left, total_bytes);
  }
  // Twice the other one, unless that is half of all: a limit that is always crossed warns of
  // nothing.
  const uint64_t above = total_bytes - std::min(total_bytes, limits.admin_space_left);
  const uint64_t above_admin =
      limits.admin_space_left + std::min(limits.admin_space_left, above / 2);
  limits.space_left = options.space_left
                          ? BytesOf(*options.space_left, total_bytes)
                          : std::max(Percent(total_bytes, kSpaceLeftPercent), above_admin);
  if (!options.admin_space_left) {
    limits.admin_space_left =
        std::min(Percent(total_bytes, kAdminSpaceLeftPercent), limits.space_left / 2);
  }
  limits.full = std::min(kFullBytesMax, total_bytes / kFullPart);
  if (limits.admin_space_left > 0) limits.full = std::min(limits.full, limits.admin_space_left / 2);
  limits.reserve = std::min(options.reserve_space * kMegabyte, total_bytes / kReservePart);
  return limits;
}

uint64_t MarginOf(uint64_t limit) { return std::max(limit / 10, kMegabyte); }

uint64_t FreeBytes(const SpaceLimits& limits, uint64_t available_bytes, uint64_t reserve_held) {
  const uint64_t missing = limits.reserve - std::min(limits.reserve, reserve_held);
  return available_bytes - std::min(available_bytes, missing);
}

SpaceChange SpaceStages::Measure(const SpaceLimits& limits, uint64_t free_bytes, uint64_t now_ms,
                                 bool resume) {
  const Conditions before = Held();
  Compare(free_bytes, limits.space_left, resume, &below_space_left_);
  Compare(free_bytes, limits.admin_space_left, resume, &below_admin_space_left_);
  Compare(free_bytes, limits.full, resume, &below_full_);
  EndFailures(now_ms);
  return ChangeSince(before);
}

SpaceChange SpaceStages::Note(WriteOutcome outcome, uint64_t now_ms) {
  const Conditions before = Held();
  if (outcome == WriteOutcome::kSucceeded) {
    written_since_failure_ = true;
    EndFailures(now_ms);
  } else {
    // What fails after a failure may only say that it is too early to try again.
    if (outcome == WriteOutcome::kNoSpace) write_found_no_space_ = true;
    if (outcome == WriteOutcome::kFailed && !awaits_write()) write_failed_ = true;
    last_failure_ms_ = now_ms;
    written_since_failure_ = false;
  }
  return ChangeSince(before);
}

void SpaceStages::EndFailures(uint64_t now_ms) {
  if (!written_since_failure_ || now_ms < last_failure_ms_ + kQuietMs) return;
  write_found_no_space_ = false;
  write_failed_ = false;
}

SpaceStages::Conditions SpaceStages::Held() const {
  return {false, below_space_left_, below_admin_space_left_, below_full_ || write_found_no_space_,
          write_failed_};
}

SpaceStage SpaceStages::stage() const {
  const Conditions held = Held();
  for (size_t i = kConditions; i > 1; --i) {
    if (held[i - 1]) return static_cast<SpaceStage>(i - 1);
  }
  return SpaceStage::kOk;
}

bool SpaceStages::holds(SpaceStage condition) const {
  return Held()[static_cast<size_t>(condition)];
}

SpaceChange SpaceStages::ChangeSince(const Conditions& before) const {
  SpaceChange change{.to = stage(), .entered = {}, .left = {}};
  const Conditions held = Held();
  for (size_t i = 1; i < kConditions; ++i) {
    const auto condition = static_cast<SpaceStage>(i);
    if (before[i]) change.from = condition;
    if (held[i] && !before[i]) change.entered.push_back(condition);
    if (!held[i] && before[i]) change.left.push_back(condition);
  }
  return change;
}

}  // namespace server
