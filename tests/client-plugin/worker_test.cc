#include "client-plugin/worker.h"

#include <filesystem>
#include <libaudit.h>
#include <optional>
#include <thread>
#include <vector>

#include "absl/strings/str_format.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "audit/record.h"
#include "client-plugin/source.h"
#include "tests/storage/temporary_directory.h"

namespace client_plugin {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

// A worker between a queue and a spool.
class WorkerTest : public testing::Test {
 protected:
  void Start() {
    options_.losses_interval = std::chrono::milliseconds(0);
    auto spool = Spool::Open(spool_options_);
    ASSERT_TRUE(spool.ok()) << spool.status();
    spool_ = *std::move(spool);
    queue_.emplace(queue_options_);
    auto lines = LineMaker::Make({.is_enriched = false, .has_container_ids = false});
    ASSERT_TRUE(lines.ok()) << lines.status();
    worker_.emplace(*queue_, *spool_, own_records_, *std::move(lines), options_, [] {});
  }

  // Gives the queue a message of the kernel, or a line.
  void Push(uint16_t type, const std::string& payload) {
    RecordChunk chunk;
    chunk.Add(type, payload);
    queue_->Push(&chunk);
  }

  void PushEvent(uint32_t serial, uint64_t seconds = 1'626'611'363) {
    Push(AUDIT_SYSCALL, absl::StrFormat("audit(%d.000:%d): arch=c000003e", seconds, serial));
    Push(AUDIT_EOE, absl::StrFormat("audit(%d.000:%d): ", seconds, serial));
  }

  // Ends the worker, and closes the spool. Returns the records that it has, the oldest first.
  std::vector<std::string> Finish() {
    queue_->Close();
    worker_.reset();
    std::vector<std::string> records;
    for (const std::string& series : spool_->PendingSeries()) {
      for (uint64_t after = 0;;) {
        const auto next = spool_->Next(series, after);
        if (!next.ok() || !*next) break;
        const SpoolBatch* const batch = &**next;
        after = batch->number();
        marks_ = batch->marks();
        batch->ForEachRecord([&](std::string_view record) { records.emplace_back(record); });
      }
    }
    spool_counters_ = spool_->counters();
    spool_.reset();
    return records;
  }

  TemporaryDirectory temporary_;
  SpoolOptions spool_options_ = {.directory = temporary_.path() + "/spool", .boot_id = "boot1"};
  RecordQueueOptions queue_options_;
  WorkerOptions options_;
  OwnRecords own_records_;
  std::unique_ptr<Spool> spool_;
  std::optional<RecordQueue> queue_;
  std::optional<Worker> worker_;
  BatchMarks marks_;  // Of the last batch of the last Finish().
  SpoolCounters spool_counters_;
};

TEST_F(WorkerTest, StoresTheLinesThatAuditdWouldWrite) {
  Start();
  PushEvent(7);
  Push(kWholeLine, "node=web1 type=CWD msg=audit(1626611363.000:7): cwd=\"/\"");
  Push(kWholeLine, "no record");
  EXPECT_THAT(Finish(), ElementsAre("type=SYSCALL msg=audit(1626611363.000:7): arch=c000003e",
                                    "node=web1 type=CWD msg=audit(1626611363.000:7): cwd=\"/\"",
                                    "no record"));
  EXPECT_EQ(marks_.last_serial, 7u);
}

// A collector refuses the batch of a record that breaks its contract, again and again.
TEST_F(WorkerTest, MakesOfALineWhatACollectorTakes) {
  Start();
  Push(kWholeLine, "two\nlines");
  Push(kWholeLine, std::string(20'000, 'x'));
  Push(kWholeLine, "");
  const std::vector<std::string> records = Finish();
  EXPECT_THAT(records, ElementsAre("two lines", SizeIs(audit::kRecordBytesMax)));
}

TEST_F(WorkerTest, TellsOfEventsThatNeverCame) {
  Start();
  PushEvent(7);
  PushEvent(10, 1'626'611'364);
  PushEvent(11, 1'626'611'400);
  const std::vector<std::string> records = Finish();
  ASSERT_THAT(records, SizeIs(4));
  EXPECT_THAT(records[3], HasSubstr("type=DAEMON_ERR"));
  EXPECT_THAT(records[3], HasSubstr(" missing_events=2 "));
  EXPECT_EQ(marks_.losses.missing_events, 2u);
  EXPECT_EQ(marks_.last_serial, 11u);
}

TEST_F(WorkerTest, KnowsAfterARestartWhatWasLostBeforeAndMeanwhile) {
  Start();
  PushEvent(7);
  worker_->SetKernelLost(5);
  worker_->SetOverruns(2);
  Finish();
  EXPECT_EQ(marks_.losses.kernel_records, 5u);
  Start();
  EXPECT_EQ(worker_->losses().kernel_records, 5u);
  worker_->SetKernelLost(6);
  worker_->SetKernelLost(1);  // Someone has set it back.
  PushEvent(9);
  PushEvent(10, 1'626'611'400);
  Finish();
  const Losses losses{.kernel_records = 7, .overruns = 2, .missing_events = 1};
  EXPECT_EQ(marks_.losses, losses);
  // Another boot has lost nothing.
  spool_options_.boot_id = "boot2";
  Start();
  EXPECT_EQ(worker_->losses(), Losses());
  PushEvent(1);
  Finish();
  EXPECT_EQ(marks_.losses, Losses());
}

TEST_F(WorkerTest, TakesForMissingWhatItWaitedForWhenItEnded) {
  Start();
  PushEvent(7);
  PushEvent(10, 1'626'611'364);
  Finish();
  EXPECT_EQ(marks_.losses.missing_events, 0u);
  EXPECT_EQ(marks_.awaited_events, 2u);
  Start();
  EXPECT_EQ(worker_->losses().missing_events, 2u);
  PushEvent(11, 1'626'611'364);
  const std::vector<std::string> records = Finish();
  EXPECT_THAT(records.back(), HasSubstr(" missing_events=2 "));
  EXPECT_EQ(marks_.awaited_events, 0u);
}

TEST_F(WorkerTest, TellsWhatTheQueueHasDropped) {
  queue_options_.bytes_max = 1;
  Start();
  // Without the worker's thread in the way of the queue, nothing is dropped for certain.
  while (queue_->counters().records_dropped == 0) PushEvent(7);
  const std::vector<std::string> records = Finish();
  EXPECT_THAT(records.back(), HasSubstr("type=DAEMON_ERR"));
  EXPECT_EQ(marks_.losses.queue_records, queue_->counters().records_dropped);
}

// While it is told to go on it keeps what the disk does not take.
TEST_F(WorkerTest, GivesUpWhatItCannotWriteBeforeItEndsAndCountsIt) {
  spool_options_.segment_bytes = 1;  // Each batch has a file.
  options_.batch_age = std::chrono::milliseconds(0);
  Start();
  PushEvent(7);
  while (spool_->marks().last_serial != 7) std::this_thread::yield();
  std::filesystem::remove_all(spool_options_.directory);  // No file can be made any more.
  PushEvent(8);
  while (worker_->state().spool_failures < 2) std::this_thread::yield();
  EXPECT_THAT(worker_->state().problem, HasSubstr(spool_options_.directory));
  EXPECT_EQ(worker_->losses(), Losses());
  Finish();
  EXPECT_EQ(spool_counters_.records_given_up, 2u);  // It, and the one that tells of it.
}

TEST_F(WorkerTest, StoresWhatTheDiskTakesAgain) {
  spool_options_.segment_bytes = 1;
  options_.retry_after = std::chrono::milliseconds(1);
  Start();
  PushEvent(7);
  while (spool_->marks().last_serial != 7) std::this_thread::yield();
  const std::string aside = spool_options_.directory + "-aside";
  std::filesystem::rename(spool_options_.directory, aside);
  PushEvent(8);
  while (worker_->state().spool_failures == 0) std::this_thread::yield();
  std::filesystem::rename(aside, spool_options_.directory);
  while (spool_->marks().last_serial != 8) std::this_thread::yield();
  while (!worker_->state().problem.empty()) std::this_thread::yield();
  EXPECT_THAT(Finish(), SizeIs(2));
}

// Who waits for room has asked for no loss.
TEST_F(WorkerTest, GivesNothingUpWhileTheQueueLetsAuditdWait) {
  queue_options_ = {.bytes_max = 1, .when_full = QueueFull::kBlock};
  spool_options_.segment_bytes = 1;
  options_.batch_age = std::chrono::milliseconds(0);
  options_.retry_after = std::chrono::milliseconds(1);
  Start();
  PushEvent(7);
  while (spool_->marks().last_serial != 7) std::this_thread::yield();
  const std::string aside = spool_options_.directory + "-aside";
  std::filesystem::rename(spool_options_.directory, aside);
  std::thread auditd([this] {
    for (uint32_t serial = 8; serial < 12; ++serial) PushEvent(serial);
  });
  while (queue_->counters().waits == 0 || worker_->state().spool_failures < 3) {
    std::this_thread::yield();
  }
  std::filesystem::rename(aside, spool_options_.directory);
  auditd.join();
  EXPECT_THAT(Finish(), SizeIs(5));
  EXPECT_EQ(spool_counters_.records_given_up, 0u);
}

}  // namespace
}  // namespace client_plugin
