#include "client-plugin/record_queue.h"

#include <latch>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace client_plugin {
namespace {

using std::chrono::steady_clock;
using testing::ElementsAre;
using testing::IsEmpty;

class RecordQueueTest : public testing::Test {
 protected:
  static void Push(RecordQueue& queue, const std::vector<std::string>& payloads) {
    RecordChunk chunk;
    for (const std::string& payload : payloads) chunk.Add(1300, payload);
    queue.Push(&chunk);
    EXPECT_EQ(chunk.record_count(), 0u);
  }

  // All that can be had without waiting.
  static std::vector<std::string> TakeAll(RecordQueue& queue) {
    std::vector<std::string> payloads;
    while (const std::optional<RecordChunk> chunk = queue.Take(steady_clock::now())) {
      chunk->ForEach([&](uint16_t type, std::string_view payload) {
        EXPECT_EQ(type, 1300);
        payloads.emplace_back(payload);
      });
    }
    return payloads;
  }

  // Of a chunk of one payload of 100 bytes.
  static constexpr size_t kBytes = 106;
  const std::string a_ = std::string(100, 'a');
  const std::string b_ = std::string(100, 'b');
  const std::string c_ = std::string(100, 'c');
};

TEST_F(RecordQueueTest, GivesOutWhatCameInItsOrder) {
  RecordQueue queue({});
  Push(queue, {"one", "", std::string("\0\n", 2)});
  Push(queue, {"two"});
  EXPECT_EQ(queue.counters().records, 4u);
  EXPECT_THAT(TakeAll(queue), ElementsAre("one", "", std::string("\0\n", 2), "two"));
  EXPECT_EQ(queue.counters().bytes, 0u);
  EXPECT_THAT(TakeAll(queue), IsEmpty());
}

TEST_F(RecordQueueTest, DropsTheNewestAtItsLimit) {
  RecordQueue queue({.bytes_max = 2 * kBytes, .when_full = QueueFull::kDropNewest});
  for (const std::string& payload : {a_, b_, c_}) Push(queue, {payload});
  EXPECT_TRUE(queue.WaitForPressure(steady_clock::now()));
  EXPECT_EQ(queue.counters().records_dropped, 1u);
  EXPECT_THAT(TakeAll(queue), ElementsAre(a_, b_));
  EXPECT_FALSE(queue.WaitForPressure(steady_clock::now()));
}

TEST_F(RecordQueueTest, DropsTheOldestAtItsLimit) {
  RecordQueue queue({.bytes_max = 2 * kBytes, .when_full = QueueFull::kDropOldest});
  for (const std::string& payload : {a_, b_, c_}) Push(queue, {payload});
  EXPECT_EQ(queue.counters().records_dropped, 1u);
  EXPECT_THAT(TakeAll(queue), ElementsAre(b_, c_));
}

TEST_F(RecordQueueTest, TakesAloneWhatIsLargerThanItsLimit) {
  for (const QueueFull policy :
       {QueueFull::kDropNewest, QueueFull::kDropOldest, QueueFull::kBlock}) {
    RecordQueue queue({.bytes_max = 1, .when_full = policy});
    Push(queue, {a_});
    EXPECT_THAT(TakeAll(queue), ElementsAre(a_));
    EXPECT_EQ(queue.counters().records_dropped, 0u);
  }
}

TEST_F(RecordQueueTest, LetsWhoPushesWaitForRoom) {
  RecordQueue queue({.bytes_max = kBytes, .when_full = QueueFull::kBlock});
  Push(queue, {a_});
  std::thread pusher([&] {
    Push(queue, {b_});
    queue.Close();
  });
  std::vector<std::string> taken;
  while (!queue.is_at_end()) {
    const auto chunk = queue.Take(steady_clock::now() + std::chrono::minutes(1));
    if (!chunk) continue;
    chunk->ForEach([&](uint16_t, std::string_view payload) { taken.emplace_back(payload); });
  }
  pusher.join();
  EXPECT_THAT(taken, ElementsAre(a_, b_));
  EXPECT_EQ(queue.counters().records_dropped, 0u);
}

TEST_F(RecordQueueTest, IsUnderNoPressureWhileWhoPushesWaits) {
  RecordQueue queue({.bytes_max = kBytes, .when_full = QueueFull::kBlock});
  Push(queue, {a_});
  EXPECT_FALSE(queue.WaitForPressure(steady_clock::now()));
  std::thread pusher([&] { Push(queue, {b_, c_}); });
  while (queue.counters().waits == 0) std::this_thread::yield();
  EXPECT_FALSE(queue.WaitForPressure(steady_clock::now()));
  queue.StopWaiting();
  pusher.join();
  EXPECT_TRUE(queue.WaitForPressure(steady_clock::now()));
  EXPECT_EQ(queue.counters().records_dropped, 2u);
  EXPECT_THAT(TakeAll(queue), ElementsAre(a_));
}

TEST_F(RecordQueueTest, TakesWhatIsTheAgentsOwnWithoutWaiting) {
  RecordQueue queue({.bytes_max = kBytes, .when_full = QueueFull::kBlock});
  Push(queue, {a_});
  queue.PushAtOnce(1300, b_);
  EXPECT_THAT(TakeAll(queue), ElementsAre(a_, b_));
  queue.Close();
  queue.PushAtOnce(1300, c_);
  EXPECT_EQ(queue.counters().records_dropped, 1u);
}

TEST_F(RecordQueueTest, TakesNothingOnceItIsClosedAndLosesNothingThatIsThere) {
  RecordQueue queue({.bytes_max = kBytes, .when_full = QueueFull::kBlock});
  Push(queue, {a_});
  std::latch is_waiting(1);
  std::thread pusher([&] {
    is_waiting.count_down();
    Push(queue, {b_, c_});
  });
  is_waiting.wait();
  queue.Close();
  pusher.join();
  EXPECT_FALSE(queue.is_at_end());
  EXPECT_THAT(TakeAll(queue), ElementsAre(a_));
  EXPECT_TRUE(queue.is_at_end());
  EXPECT_EQ(queue.counters().records_dropped, 2u);
}

}  // namespace
}  // namespace client_plugin
