#include "client-plugin/rules/held_process.h"

#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/client-plugin/rules/exit_status_of.h"
#include "tests/storage/temporary_directory.h"

namespace client_plugin {
namespace {

TEST(HeldProcessTest, DoesNothingUntilItMay) {
  TemporaryDirectory directory;
  const std::string file = directory.path() + "/made";
  EXPECT_EQ(ExitStatusOf([&] {
              auto process = HeldProcess::Start({"touch", file});
              if (!process.ok() || std::filesystem::exists(file)) return 101;
              if (!process->Go().ok()) return 102;
              return process->Wait().value_or(103);
            }),
            0);
  EXPECT_TRUE(std::filesystem::exists(file));
  EXPECT_EQ(ExitStatusOf([&] {
              return HeldProcess::Start({"rm", file}).ok() ? 0 : 101;  // And let it go unused.
            }),
            0);
  EXPECT_TRUE(std::filesystem::exists(file));
}

TEST(HeldProcessTest, TellsHowItHasEnded) {
  const auto run = [](const std::vector<std::string>& command) {
    return ExitStatusOf([&] {
      auto process = HeldProcess::Start(command);
      if (!process.ok()) return 101;
      const absl::Status gone = process->Go();
      if (!gone.ok()) return absl::IsNotFound(gone) ? 102 : 103;
      return process->Wait().value_or(104);
    });
  };
  EXPECT_EQ(run({"sh", "-c", "exit 7"}), 7);
  EXPECT_EQ(run({"sh", "-c", "kill -KILL $$"}), 128 + SIGKILL);
  EXPECT_EQ(run({"/no/such/program"}), 102);
  EXPECT_EQ(run({"/etc/passwd"}), 103);
}

TEST(HeldProcessTest, HandsOnWhatAsksItToEnd) {
  EXPECT_EQ(ExitStatusOf([] {
              auto process = HeldProcess::Start({"sleep", "100"});
              if (!process.ok() || !process->Go().ok()) return 101;
              kill(getpid(), SIGTERM);
              return process->Wait().value_or(102);
            }),
            128 + SIGTERM);
}

}  // namespace
}  // namespace client_plugin
