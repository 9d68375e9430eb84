#include "client-plugin/rules_watch.h"

#include <future>
#include <mutex>
#include <vector>

#include <gmock/gmock.h>

#include "tests/client-plugin/rules/kernel_audit_fixture.h"

namespace client_plugin {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr char kRule[] = "-a always,exit -F path=/etc/shadow -F perm=w -F key=shadow";

class RulesWatchTest : public KernelAuditFixture {
 protected:
  void Start(RulesMode mode) {
    options_ = {.mode = mode,
                .places = {{.path = WriteRules("a.rules", std::string(kRule) + "\n")}},
                .interval = std::chrono::milliseconds(5)};
    watch_.emplace(options_, [this](const std::string& drift) {
      const std::lock_guard lock(mutex_);
      told_.push_back(drift);
    });
  }

  // One that begins after this, to its end: one may be under way, and each counts before it tells.
  void AwaitChecks() {
    const uint64_t checks = watch_->state().checks;
    while (watch_->state().checks < checks + 3) std::this_thread::yield();
  }

  std::vector<std::string> Told() {
    const std::lock_guard lock(mutex_);
    return told_;
  }

  RulesWatchOptions options_;
  std::mutex mutex_;  // Guards what follows.
  std::vector<std::string> told_;
  std::optional<RulesWatch> watch_;
};

TEST_F(RulesWatchTest, LoadsTheRulesAndTellsThatSomebodyHasTakenThemAway) {
  Start(RulesMode::kLoad);
  AwaitChecks();
  EXPECT_THAT(Texts(), ElementsAre("-w /etc/shadow -p w -k shadow"));
  EXPECT_FALSE(watch_->state().has_drifted);
  EXPECT_THAT(Told(), IsEmpty());

  Do("-D");
  AwaitChecks();
  EXPECT_TRUE(watch_->state().has_drifted);
  EXPECT_THAT(watch_->state().problem, HasSubstr("1 missing in the kernel"));
  ASSERT_THAT(Told(), ElementsAre(HasSubstr("missing=1")));
  AwaitChecks();
  EXPECT_EQ(Told().size(), 1u);  // Once.
  EXPECT_EQ(watch_->state().drifts, 1u);

  watch_->Use(options_);  // As a reload does.
  AwaitChecks();
  EXPECT_FALSE(watch_->state().has_drifted);
  EXPECT_THAT(Told(), ElementsAre(HasSubstr("missing=1"), ""));
  watch_.reset();
}

TEST_F(RulesWatchTest, ComparesWhatSomebodyElseLoads) {
  Start(RulesMode::kCheck);
  AwaitChecks();
  EXPECT_THAT(Texts(), IsEmpty());
  EXPECT_TRUE(watch_->state().has_drifted);
  Do(kRule);
  AwaitChecks();
  EXPECT_FALSE(watch_->state().has_drifted);
  watch_.reset();
}

TEST_F(RulesWatchTest, SaysWhyTheyCannotBeCompared) {
  Start(RulesMode::kCheck);
  options_.places = {{.path = directory_.path() + "/none.rules"}};
  watch_->Use(options_);
  AwaitChecks();
  EXPECT_THAT(watch_->state().problem, HasSubstr("none.rules"));
  EXPECT_GT(watch_->state().failures, 0u);
  watch_.reset();
}

}  // namespace
}  // namespace client_plugin
