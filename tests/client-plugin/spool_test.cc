#include "client-plugin/spool.h"

#include <filesystem>
#include <fstream>
#include <sys/resource.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/storage/temporary_directory.h"

namespace client_plugin {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

// A spool that is opened, closed, damaged and asked in few words.
class SpoolTest : public testing::Test {
 protected:
  SpoolTest() { options_ = {.directory = temporary_.path() + "/spool", .boot_id = "boot1"}; }

  void Open(const std::string& boot_id = "boot1") {
    spool_.reset();
    options_.boot_id = boot_id;
    auto opened = Spool::Open(options_);
    ASSERT_TRUE(opened.ok()) << opened.status();
    spool_ = *std::move(opened);
  }

  absl::Status TryAppend(const std::vector<std::string>& records) {
    SpoolBatch batch;
    for (const std::string& record : records) batch.Add(record);
    return spool_->Append(&batch);
  }

  void Append(const std::vector<std::string>& records) {
    const absl::Status appended = TryAppend(records);
    EXPECT_TRUE(appended.ok()) << appended;
  }

  // What is there of a series, that of now if none is named, as "1: a b".
  std::vector<std::string> Batches(std::string series = "", uint64_t after = 0) {
    if (series.empty()) series = spool_->CurrentSeries();
    std::vector<std::string> batches;
    for (;;) {
      const auto next = spool_->Next(series, after);
      EXPECT_TRUE(next.ok()) << next.status();
      if (!next.ok() || !*next) return batches;
      const SpoolBatch& batch = **next;
      after = batch.number();
      std::string text = std::to_string(after) + ":";
      batch.ForEachRecord([&](std::string_view record) { text.append(" ").append(record); });
      batches.push_back(text);
    }
  }

  // Of all series, the oldest first.
  std::vector<std::string> AllBatches() {
    std::vector<std::string> all;
    for (const std::string& series : spool_->PendingSeries()) {
      for (std::string& batch : Batches(series)) all.push_back(std::move(batch));
    }
    return all;
  }

  void Acknowledge(uint64_t number) { spool_->Acknowledge(spool_->CurrentSeries(), number); }

  uint64_t LastNumber() const { return spool_->LastNumber(spool_->CurrentSeries()); }

  std::vector<fs::path> Files() const {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(options_.directory)) {
      if (entry.path().extension() == ".spool") files.push_back(entry.path());
    }
    std::ranges::sort(files);
    return files;
  }

  TemporaryDirectory temporary_;
  SpoolOptions options_;
  std::unique_ptr<Spool> spool_;
};

TEST_F(SpoolTest, GivesBackWhatWasAppendedInItsOrder) {
  Open();
  EXPECT_THAT(Batches(), IsEmpty());
  Append({"a", ""});
  Append({std::string("\0\xff\n", 3)});
  EXPECT_THAT(Batches(), ElementsAre("1: a ", std::string("2: \0\xff\n", 6)));
  EXPECT_THAT(Batches("", 1), ElementsAre(std::string("2: \0\xff\n", 6)));
  EXPECT_THAT(Batches("another"), IsEmpty());
  // What comes later is found by who has read to the end, and all of it again by who begins anew.
  Append({"c"});
  EXPECT_THAT(Batches("", 2), ElementsAre("3: c"));
  EXPECT_EQ(Batches().size(), 3u);
  EXPECT_EQ(LastNumber(), 3u);
}

// Numbers never go on in a series that another process has begun: it may have come further than its
// file tells.
TEST_F(SpoolTest, BeginsASeriesAtEachStartAndKeepsThoseBefore) {
  Open();
  Append({"a"});
  const std::string first = spool_->CurrentSeries();
  Open();
  const std::string second = spool_->CurrentSeries();
  Append({"b"});
  EXPECT_THAT(first, StartsWith("boot1."));
  EXPECT_THAT(second, StartsWith("boot1."));
  EXPECT_NE(first, second);
  EXPECT_THAT(spool_->PendingSeries(), ElementsAre(first, second));
  EXPECT_THAT(AllBatches(), ElementsAre("1: a", "1: b"));
  Open();  // What nothing was appended to leaves nothing.
  Open();
  EXPECT_EQ(Files().size(), 3u);
}

TEST_F(SpoolTest, KeepsAnEarlierBootUntilItIsAcknowledged) {
  Open("boot1");
  Append({"a"});
  Append({"b"});
  const std::string before = spool_->CurrentSeries();
  Open("boot2");
  Append({"c"});
  EXPECT_THAT(Batches(before), ElementsAre("1: a", "2: b"));
  EXPECT_THAT(Batches(), ElementsAre("1: c"));
  spool_->Acknowledge(before, 1);
  EXPECT_THAT(spool_->PendingSeries(), ElementsAre(before, spool_->CurrentSeries()));
  EXPECT_GT(spool_->PendingBytes(before), 0u);
  spool_->Acknowledge(before, 2);
  EXPECT_THAT(spool_->PendingSeries(), ElementsAre(spool_->CurrentSeries()));
  EXPECT_EQ(spool_->PendingBytes(before), 0u);
  EXPECT_EQ(Files().size(), 1u);
}

TEST_F(SpoolTest, LetsWhatIsNewOvertakeWhatIsOld) {
  Open();
  Append({"old"});
  const std::string before = spool_->CurrentSeries();
  ASSERT_TRUE(spool_->BeginSeries().ok());
  Append({"new"});
  EXPECT_THAT(Batches(), ElementsAre("1: new"));
  Acknowledge(1);
  EXPECT_THAT(spool_->PendingSeries(), ElementsAre(before));
  Append({"newer"});
  EXPECT_THAT(Batches("", 1), ElementsAre("2: newer"));
  EXPECT_THAT(Batches(before), ElementsAre("1: old"));
}

// What was lost, and how far it was in the kernel's events, an agent knows after a restart, too.
TEST_F(SpoolTest, KeepsTheMarksOfTheBoot) {
  Open();
  SpoolBatch batch;
  batch.Add("a");
  batch.set_marks(
      {.losses = {.kernel_records = 5, .missing_events = 2}, .kernel_lost = 3, .last_serial = 70});
  ASSERT_TRUE(spool_->Append(&batch).ok());
  SpoolBatch given_up;
  given_up.Add("x");
  spool_->GiveUp(given_up);
  BatchMarks marks = batch.marks();
  marks.losses.error_records = 1;
  EXPECT_EQ(spool_->marks(), marks);
  Open();
  marks.losses.error_records = 0;  // No batch has told it before the end.
  EXPECT_EQ(spool_->marks(), marks);
  for (const std::string& series : spool_->PendingSeries()) spool_->Acknowledge(series, 1);
  Open();
  EXPECT_EQ(spool_->marks(), marks);
  Open("boot2");
  EXPECT_EQ(spool_->marks(), BatchMarks());
}

TEST_F(SpoolTest, TellsWhatItHasDroppedInTheNextBatch) {
  options_.segment_bytes = 1;
  options_.bytes_max = 3000;
  Open();
  const std::string record(400, 'x');
  for (int i = 0; i < 20; ++i) Append({record});
  SpoolBatch last;
  last.Add("last");
  ASSERT_TRUE(spool_->Append(&last).ok());
  EXPECT_GT(spool_->counters().records_dropped_full, 0u);
  EXPECT_EQ(last.marks().losses.spool_records, spool_->counters().records_dropped_full);
}

TEST_F(SpoolTest, LetsGoOfFilesThatAreAcknowledged) {
  options_.segment_bytes = 1;  // Each batch has a file.
  Open();
  for (const char* record : {"a", "b", "c"}) Append({record});
  EXPECT_EQ(Files().size(), 3u);
  Acknowledge(2);
  EXPECT_THAT(Batches(), ElementsAre("3: c"));
  Acknowledge(3);
  Acknowledge(2);  // Late, and without meaning.
  Acknowledge(99);
  EXPECT_EQ(Files().size(), 1u);
  EXPECT_EQ(spool_->counters().records_dropped_full, 0u);
  Append({"d"});
  EXPECT_THAT(Batches("", 3), ElementsAre("4: d"));
}

// To whatever collector it goes, none needs it once more.
TEST_F(SpoolTest, GivesBackNothingThatIsAcknowledged) {
  Open();
  for (const char* record : {"a", "b", "c"}) Append({record});
  const std::string series = spool_->CurrentSeries();
  spool_->Acknowledge(series, 2);
  EXPECT_THAT(Batches(series), ElementsAre("3: c"));
  spool_->Acknowledge(series, 3);
  EXPECT_THAT(Batches(series), IsEmpty());
}

// Whatever is left of a file, all whole batches of it are there.
TEST_F(SpoolTest, SurvivesTruncation) {
  Open();
  Append({"first"});
  const auto first_end = fs::file_size(Files()[0]);
  Append({"second", "more"});
  spool_.reset();
  const fs::path file = Files()[0];
  std::string whole(fs::file_size(file), '\0');
  std::ifstream(file).read(whole.data(), static_cast<std::streamsize>(whole.size()));
  for (size_t size = first_end; size < whole.size(); ++size) {
    std::ofstream(file, std::ios::trunc) << whole.substr(0, size);
    Open();
    Append({"third"});
    EXPECT_THAT(AllBatches(), ElementsAre("1: first", "1: third")) << size;
    while (Files().size() > 1) fs::remove(Files().back());
  }
  for (size_t size = 0; size < first_end; ++size) {
    for (const fs::path& old : Files()) fs::remove(old);
    std::ofstream(file, std::ios::trunc) << whole.substr(0, size);
    Open();
    Append({"third"});
    EXPECT_THAT(AllBatches(), ElementsAre("1: third")) << size;
  }
}

// A changed byte ends the file, or is that of a head that cannot be read: nothing else is believed.
TEST_F(SpoolTest, BelievesNoDamagedBatch) {
  Open();
  Append({"first"});
  Append({"second"});
  spool_.reset();
  const fs::path file = Files()[0];
  std::string whole(fs::file_size(file), '\0');
  std::ifstream(file).read(whole.data(), static_cast<std::streamsize>(whole.size()));
  for (size_t i = 0; i < whole.size(); ++i) {
    std::string damaged = whole;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x10);
    for (const fs::path& old : Files()) fs::remove(old);
    std::ofstream(file, std::ios::trunc) << damaged;
    Open();
    const std::vector<std::string> batches = AllBatches();
    ASSERT_LT(batches.size(), 2u) << i;
    EXPECT_TRUE(batches.empty() || batches[0] == "1: first") << i;
  }
}

TEST_F(SpoolTest, GoesOnBehindAFileThatIsDamagedLaterAndCountsWhatIsLost) {
  options_.segment_bytes = 1;  // Each batch has a file.
  Open();
  for (const char* record : {"a", "b", "c"}) Append({record, "more"});
  fs::resize_file(Files()[1], fs::file_size(Files()[1]) - 1);
  EXPECT_THAT(Batches(), ElementsAre("1: a more", "3: c more"));
  EXPECT_EQ(spool_->counters().segments_damaged, 1u);
  EXPECT_EQ(spool_->marks().losses.error_records, 2u);
  EXPECT_THAT(Batches(), ElementsAre("1: a more", "3: c more"));
  EXPECT_EQ(spool_->marks().losses.error_records, 2u);
}

// Damage in the file that is written to does not hide what comes behind it.
TEST_F(SpoolTest, GoesOnBehindDamageOfTheFileThatItWritesTo) {
  Open();
  for (const char* record : {"a", "b", "c"}) Append({record});
  const fs::path file = Files()[0];
  std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
  stream.seekp(static_cast<std::streamoff>(fs::file_size(file)) - 1).put('x');
  stream.close();
  EXPECT_THAT(Batches(), ElementsAre("1: a", "2: b"));
  Append({"d"});
  EXPECT_THAT(Batches(), ElementsAre("1: a", "2: b", "4: d"));
  EXPECT_EQ(spool_->marks().losses.error_records, 1u);
}

// A file is gone only when its loss is on the disk.
TEST_F(SpoolTest, KnowsAfterAKillWhatItHasDropped) {
  options_.segment_bytes = 1;
  options_.bytes_max = 3000;
  Open();
  const std::string record(400, 'x');
  for (int i = 0; i < 20; ++i) Append({record});
  const uint64_t dropped = spool_->counters().records_dropped_full;
  EXPECT_GT(dropped, 0u);
  Open();
  EXPECT_EQ(spool_->marks().losses.spool_records, dropped);
}

TEST_F(SpoolTest, WaitsWhereItCannotReadForNow) {
  Open();
  Append({"a"});
  const std::string series = spool_->CurrentSeries();
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{.rlim_cur = 0, .rlim_max = before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  const absl::Status refused = spool_->Next(series, 0).status();
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_TRUE(absl::IsUnavailable(refused)) << refused;
  EXPECT_THAT(Batches(), ElementsAre("1: a"));
  EXPECT_EQ(spool_->marks().losses, Losses());
}

TEST_F(SpoolTest, DropsTheOldestForWantOfRoomAndCountsThem) {
  options_.segment_bytes = 1000;
  options_.bytes_max = 5000;
  Open();
  const std::string record(400, 'x');
  for (int i = 0; i < 100; ++i) Append({record, record});
  const std::vector<std::string> left = Batches();
  const SpoolCounters counters = spool_->counters();
  EXPECT_LE(counters.bytes, 5000u);
  EXPECT_EQ(left.back().substr(0, 4), "100:");
  EXPECT_EQ(counters.records_dropped_full + 2 * left.size(), 200u);
  EXPECT_EQ(counters.records_refused_full, 0u);
  // What was acknowledged is not lost.
  Acknowledge(100);
  for (int i = 0; i < 3; ++i) Append({record});
  EXPECT_EQ(spool_->counters().records_dropped_full, counters.records_dropped_full);
}

TEST_F(SpoolTest, RefusesTheNewestForWantOfRoomIfItIsTo) {
  options_.segment_bytes = 1000;
  options_.bytes_max = 5000;
  options_.when_full = WhenFull::kDropNewest;
  Open();
  const std::string record(400, 'x');
  uint64_t refused = 0;
  for (int i = 0; i < 100; ++i) {
    if (absl::IsResourceExhausted(TryAppend({record, record}))) ++refused;
  }
  EXPECT_GT(refused, 0u);
  EXPECT_EQ(spool_->counters().records_refused_full, 2 * refused);
  EXPECT_EQ(Batches().size(), 100 - refused);
  Acknowledge(100 - refused);
  Append({record});
  EXPECT_EQ(LastNumber(), 101 - refused);
}

TEST_F(SpoolTest, DropsWhatNobodyFetchesInTime) {
  options_.age_max = std::chrono::hours(1);
  Open("boot1");
  Append({"a", "b"});
  spool_.reset();
  fs::last_write_time(Files()[0], fs::file_time_type::clock::now() - std::chrono::hours(2));
  Open("boot2");
  Append({"c"});
  EXPECT_THAT(AllBatches(), ElementsAre("1: c"));
  EXPECT_EQ(spool_->counters().records_dropped_aged, 2u);
}

TEST_F(SpoolTest, BelongsToOneProcess) {
  Open();
  const auto second = Spool::Open(options_);
  EXPECT_TRUE(absl::IsFailedPrecondition(second.status())) << second.status();
  EXPECT_THAT(std::string(second.status().message()), HasSubstr(options_.directory));
}

}  // namespace
}  // namespace client_plugin
