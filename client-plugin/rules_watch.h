// Loads the audit rules, and notices when the kernel's become others than those of the files: when
// somebody has run `auditctl -D`.

#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "client-plugin/agent_config.h"
#include "client-plugin/rules/rule_files.h"

namespace client_plugin {

struct RulesState {
  uint64_t checks = 0;       // Times that they were compared,
  uint64_t failures = 0;     // and times that they could not be.
  uint64_t drifts = 0;       // Times that they became others than those of the files.
  bool has_drifted = false;  // They are others now.
  std::string problem;       // What is different, or why they cannot be compared. Empty: nothing.
};

struct RulesWatchOptions {
  RulesMode mode = RulesMode::kIgnore;
  std::vector<RulePlace> places;
  std::chrono::milliseconds interval{60'000};
};

// Has a thread of its own: files and name services can be slow. For one thread, but state(), which
// is for any.
class RulesWatch {
 public:
  // Begins. `on_change` is called on the watch's thread when rules have drifted, with the end of an
  // audit record that says how; and when they agree again, with an empty text.
  RulesWatch(const RulesWatchOptions& options,
             std::function<void(const std::string& drift)> on_change);

  RulesWatch(const RulesWatch&) = delete;
  ~RulesWatch();

  // Loads, if it is to, and compares now, by these options from now on.
  void Use(const RulesWatchOptions& options);

  RulesState state() const;

 private:
  void Run();
  void Load(const std::vector<RulePlace>& places);
  void Compare(const std::vector<RulePlace>& places);
  void Note(bool has_drifted, const std::string& problem, const std::string& record);

  const std::function<void(const std::string& drift)> on_change_;
  mutable std::mutex mutex_;  // Guards what follows.
  std::condition_variable changed_;
  RulesWatchOptions options_;
  bool is_to_load_ = false;  // At the next turn, which is at once.
  bool is_to_stop_ = false;
  RulesState state_;
  std::thread thread_;
};

}  // namespace client_plugin
