#include "client-plugin/capture.h"

#include <future>
#include <string>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "audit/record.h"
#include "client-plugin/plugin_input.h"

namespace client_plugin {
namespace {

using std::chrono::steady_clock;

class CaptureTest : public testing::Test {
 protected:
  CaptureTest() {
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    auditd_ = base::FileDescriptor(ends[1]);
    capture_.emplace(std::make_unique<PluginInput>(base::FileDescriptor(ends[0])), queue_,
                     CaptureOptions{}, [this](const absl::Status& why) { ended_.set_value(why); });
  }

  void Write(const std::string& text) {
    EXPECT_EQ(write(auditd_.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }

  // What so many records are, once they have come.
  std::string Take(size_t count) {
    std::string all;
    for (size_t had = 0; had < count;) {
      const auto chunk = queue_.Take(steady_clock::now() + std::chrono::minutes(1));
      if (!chunk) return "too few";
      had += chunk->record_count();
      chunk->ForEach([&](uint16_t, std::string_view text) { all.append(text).append(";"); });
    }
    return all;
  }

  RecordQueue queue_{{}};
  base::FileDescriptor auditd_;
  std::promise<absl::Status> ended_;
  std::optional<Capture> capture_;
};

TEST_F(CaptureTest, PutsWhatComesIntoTheQueue) {
  Write("type=A\ntype=B\n");
  EXPECT_EQ(Take(2), "type=A;type=B;");
  Write("type=C\n");
  EXPECT_EQ(Take(1), "type=C;");
  capture_->Stop();
  EXPECT_GE(capture_->counters().reads, 2u);
}

TEST_F(CaptureTest, TakesWhatHasComeBeforeItStops) {
  std::string much;
  for (int i = 0; i < 5000; ++i) much += "type=A\n";
  Write(much);
  capture_->Stop();
  EXPECT_EQ(queue_.counters().records, 5000u);
}

TEST_F(CaptureTest, CountsWhatTheSourceHasCut) {
  Write("type=" + std::string(audit::kRecordBytesMax, 'A') + "\ntype=B\n");
  EXPECT_EQ(Take(2).size(), audit::kRecordBytesMax + std::string_view(";type=B;").size());
  capture_->Stop();
  EXPECT_EQ(capture_->counters().records_cut, 1u);
}

TEST_F(CaptureTest, TellsThatTheSourceHasEnded) {
  Write("type=A\n");
  auditd_ = base::FileDescriptor();
  EXPECT_TRUE(absl::IsOutOfRange(ended_.get_future().get()));
  EXPECT_EQ(Take(1), "type=A;");
}

}  // namespace
}  // namespace client_plugin
