#include "client-plugin/rules_watch.h"

#include <utility>

#include "absl/strings/str_cat.h"

#include "base/log.h"
#include "client-plugin/rules/rule_drift.h"
#include "client-plugin/rules/rule_load.h"

namespace client_plugin {

namespace {

// A line for people: how many of each, and one of them.
std::string Summary(const RuleDrift& drift) {
  std::string text =
      absl::StrCat(drift.missing.size(), " missing in the kernel, ", drift.unexpected.size(),
                   " that no file has, ", drift.settings.size(), " settings that differ, ",
                   drift.refused.size(), " lines refused");
  if (drift.is_reordered) text += ", in another order";
  if (!drift.missing.empty()) text += ": missing " + drift.missing.front();
  if (!drift.refused.empty()) text += ": " + drift.refused.front().Message();
  return text;
}

}  // namespace

RulesWatch::RulesWatch(const RulesWatchOptions& options,
                       std::function<void(const std::string&)> on_change)
    : on_change_(std::move(on_change)), options_(options), is_to_load_(true) {
  thread_ = std::thread([this] { Run(); });
}

RulesWatch::~RulesWatch() {
  {
    const std::lock_guard lock(mutex_);
    is_to_stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void RulesWatch::Use(const RulesWatchOptions& options) {
  {
    const std::lock_guard lock(mutex_);
    options_ = options;
    is_to_load_ = true;
  }
  changed_.notify_all();
}

RulesState RulesWatch::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

void RulesWatch::Run() {
  std::unique_lock lock(mutex_);
  while (!is_to_stop_) {
    const RulesWatchOptions options = options_;
    const bool is_to_load = std::exchange(is_to_load_, false);
    if (options.mode != RulesMode::kIgnore) {
      lock.unlock();
      if (is_to_load && options.mode == RulesMode::kLoad) Load(options.places);
      Compare(options.places);
      lock.lock();
    }
    changed_.wait_for(lock, options.interval, [this] { return is_to_load_ || is_to_stop_; });
  }
}

void RulesWatch::Load(const std::vector<RulePlace>& places) {
  const absl::StatusOr<RuleLoad> loaded = LoadRules(places);
  if (!loaded.ok()) {
    spdlog::error("rules: {}", std::string(loaded.status().message()));
    return;
  }
  for (const RefusedRule& refused : loaded->refused) {
    spdlog::error("rules: {}", refused.Message());
  }
  for (const RefusedRule& warning : loaded->warnings) {
    spdlog::warn("rules: {}", warning.Message());
  }
  spdlog::info("rules: {} lines loaded, {} refused, {} left out", loaded->accepted,
               loaded->refused.size(), loaded->left_out);
}

void RulesWatch::Compare(const std::vector<RulePlace>& places) {
  const absl::StatusOr<RuleDrift> drift = CheckDrift(places, {});
  {
    const std::lock_guard lock(mutex_);
    ++state_.checks;
    if (!drift.ok()) ++state_.failures;
  }
  if (!drift.ok()) {
    // Whether they have drifted is not known; what is known of it stays.
    const bool was = state().has_drifted;
    return Note(was, std::string(drift.status().message()), "");
  }
  const bool is_well = drift->empty() && drift->refused.empty();
  Note(!drift->empty(), is_well ? "" : Summary(*drift), drift->RecordText());
}

void RulesWatch::Note(bool has_drifted, const std::string& problem, const std::string& record) {
  bool is_new_problem = false;
  bool has_changed = false;
  {
    const std::lock_guard lock(mutex_);
    is_new_problem = std::exchange(state_.problem, problem) != problem;
    has_changed = std::exchange(state_.has_drifted, has_drifted) != has_drifted;
    // One drift can follow another.
    if (has_drifted && is_new_problem && !record.empty()) has_changed = true;
    if (has_drifted && has_changed) ++state_.drifts;
  }
  if (is_new_problem && !problem.empty()) spdlog::warn("rules: {}", problem);
  if (is_new_problem && problem.empty()) spdlog::info("rules: they are those of the files");
  if (has_changed) on_change_(has_drifted ? record : "");
}

}  // namespace client_plugin
