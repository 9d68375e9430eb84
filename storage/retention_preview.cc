#include "storage/retention_preview.h"

#include <limits>
#include <memory>
#include <optional>
#include <utility>

#include "storage/block_trim.h"
#include "storage/hold_list.h"

namespace storage {

namespace {

class Preview {
 public:
  Preview(const RetentionScope& scope, const RetentionPolicy& policy, std::vector<Hold> holds)
      : scope_(scope), policy_(policy), holds_(std::move(holds)), due_(scope, policy) {
    for (const RetentionRule& rule : policy.rules) effects_.push_back({.rule = rule.name});
    last_host_.resize(effects_.size());
  }

  absl::StatusOr<std::vector<RuleEffect>> Make() {
    const absl::Status looked = due_.ForEach([this](const DueDay& day) { return Look(day); });
    if (!looked.ok()) return looked;
    return std::move(effects_);
  }

 private:
  absl::Status Look(const DueDay& day) {
    const absl::StatusOr<DayContents> contents = ReadDay(scope_.rocks, scope_.options, day.of);
    if (!contents.ok()) return contents.status();
    const HostRules& rules = due_.rules(day.of.host);
    const DayVerdict verdict =
        rules.Judge(day.of.day, contents->received, scope_.today, day.no_room);
    if (verdict.kind == DayVerdict::Kind::kWhole) {
      Add(day.of, *rules.rules()[verdict.rule], *contents);
    } else if (verdict.kind == DayVerdict::Kind::kPart) {
      return LookInside(day.of, rules, verdict);
    }
    return absl::OkStatus();
  }

  absl::Status LookInside(const HostDay& of, const HostRules& rules, const DayVerdict& verdict) {
    const absl::StatusOr<std::vector<BlockId>> blocks = BlocksToTrim(
        scope_.rocks, scope_.options, of, 0, std::numeric_limits<uint32_t>::max(), rules, verdict);
    if (!blocks.ok()) return blocks.status();
    std::vector<DayContents> gone(rules.rules().size());
    for (const BlockId& id : *blocks) {
      if (scope_.stop.stop_requested()) return RetentionCancelled();
      const absl::StatusOr<std::unique_ptr<LoadedBlock>> block =
          LoadBlock(scope_.rocks, scope_.options, id);
      if (!block.ok()) return block.status();
      const absl::StatusOr<TrimmedBlock> trimmed = TrimBlock(**block, rules, verdict);
      if (!trimmed.ok()) return AtBlock(id, trimmed.status());
      for (size_t i = 0; i < gone.size(); ++i) {
        gone[i].events += trimmed->gone[i].events;
        gone[i].records += trimmed->gone[i].records;
        gone[i].bytes += trimmed->gone[i].bytes;
      }
    }
    for (size_t i = 0; i < gone.size(); ++i) {
      if (gone[i].events > 0) Add(of, *rules.rules()[i], gone[i]);
    }
    return absl::OkStatus();
  }

  void Add(const HostDay& of, const RetentionRule& rule, const DayContents& gone) {
    const auto number = static_cast<size_t>(&rule - policy_.rules.data());
    RuleEffect& effect = effects_[number];
    if (FindHold(holds_, scope_.hosts[of.host], of.day) != nullptr) {
      ++effect.held_host_days;
      effect.held_events += gone.events;
      effect.held_bytes += gone.bytes;
      return;
    }
    if (std::exchange(last_host_[number], of.host) != of.host) ++effect.hosts;
    ++effect.host_days;
    effect.events += gone.events;
    effect.records += gone.records;
    effect.bytes += gone.bytes;
  }

  const RetentionScope& scope_;
  const RetentionPolicy& policy_;
  const std::vector<Hold> holds_;
  DueDays due_;
  std::vector<RuleEffect> effects_;               // By rule of the policy,
  std::vector<std::optional<HostId>> last_host_;  // likewise: of which something goes.
};

}  // namespace

absl::StatusOr<std::vector<RuleEffect>> PreviewRetentionOf(const RetentionScope& scope,
                                                           const RetentionPolicy& policy) {
  absl::StatusOr<std::vector<Hold>> holds = LoadHolds(scope.rocks, scope.options);
  if (!holds.ok()) return holds.status();
  return Preview(scope, policy, *std::move(holds)).Make();
}

}  // namespace storage
