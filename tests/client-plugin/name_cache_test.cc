#include "client-plugin/name_cache.h"

#include <fstream>
#include <map>
#include <unistd.h>

#include <gtest/gtest.h>

#include "tests/storage/temporary_directory.h"

namespace client_plugin {
namespace {

using std::chrono::seconds;

// A cache with names and a time of our own.
class NameCacheTest : public testing::Test {
 protected:
  NameCacheTest() {
    options_.find_user = [this](uint32_t id) { return Answer(users_, id); };
    options_.find_group = [this](uint32_t id) { return Answer(groups_, id); };
    options_.files = {file_};
    options_.now = [this] { return now_; };
  }

  void Pass(NameCache& cache, seconds time) {
    now_ += time;
    cache.Refresh();
  }

  using Names = std::map<uint32_t, std::string>;

  std::optional<std::string> Answer(const Names& names, uint32_t id) {
    now_ += answer_time_;
    const auto found = names.find(id);
    return found == names.end() ? std::nullopt : std::optional(found->second);
  }

  const TemporaryDirectory directory_;
  const std::string file_ = directory_.path() + "/passwd";
  Names users_ = {{5, "games"}, {1000, "alice"}};
  Names groups_ = {{5, "tty"}};
  std::chrono::steady_clock::time_point now_;
  seconds answer_time_{0};
  NameCacheOptions options_;
};

TEST_F(NameCacheTest, HasNamesAsRecordsHaveThem) {
  users_[6] = "with blank";
  users_[7] = "\xc3\xa4";
  users_[8] = "\"";
  users_[9] = std::string(100, 'x');
  NameCache cache(options_);
  EXPECT_EQ(cache.User(5), "\"games\"");
  EXPECT_EQ(cache.Group(5), "\"tty\"");
  EXPECT_EQ(cache.User(6), "7769746820626C616E6B");
  EXPECT_EQ(cache.User(7), "C3A4");
  EXPECT_EQ(cache.User(8), "22");
  EXPECT_EQ(cache.User(9), "\"" + std::string(63, 'x') + "\"");
  EXPECT_EQ(cache.User(10), "\"unknown(10)\"");
  EXPECT_EQ(cache.Group(4294967294), "\"unknown(-2)\"");
}

TEST_F(NameCacheTest, DoesNotAskForRootAndForNobodyAtAll) {
  NameCache cache(options_);
  EXPECT_EQ(cache.User(0), "\"root\"");
  EXPECT_EQ(cache.Group(0), "\"root\"");
  EXPECT_EQ(cache.User(UINT32_MAX), "\"unset\"");
  EXPECT_EQ(cache.Group(UINT32_MAX), "\"unset\"");
  EXPECT_EQ(cache.counters().lookups, 0u);
}

TEST_F(NameCacheTest, AsksOnce) {
  NameCache cache(options_);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(cache.User(5), "\"games\"");
    EXPECT_EQ(cache.User(77), "\"unknown(77)\"");
    Pass(cache, seconds(2));
  }
  EXPECT_EQ(cache.counters().lookups, 2u);
  EXPECT_EQ(cache.counters().lookups_unknown, 1u);
}

TEST_F(NameCacheTest, AsksAgainForWhoHadNoNameBeforeItAsksForOthers) {
  NameCache cache(options_);
  cache.User(5);
  cache.User(77);
  users_ = {{5, "players"}, {77, "late"}};
  Pass(cache, options_.unknown_age_max);
  EXPECT_EQ(cache.User(77), "\"late\"");
  EXPECT_EQ(cache.User(5), "\"games\"");
  Pass(cache, options_.known_age_max);
  EXPECT_EQ(cache.User(5), "\"players\"");
}

TEST_F(NameCacheTest, DoesNotAskAgainAtOnceWhenTheAnswerWasSlow) {
  answer_time_ = options_.unknown_age_max * 2;
  NameCache cache(options_);
  cache.User(77);
  Pass(cache, seconds(0));
  cache.User(77);
  EXPECT_EQ(cache.counters().lookups, 1u);
}

TEST_F(NameCacheTest, ForgetsWhenAFileHasChanged) {
  NameCache cache(options_);
  cache.User(5);
  users_[5] = "players";
  const auto expect_after_change = [&](std::string_view name) {
    EXPECT_NE(cache.User(5), name);
    Pass(cache, seconds(1));
    EXPECT_EQ(cache.User(5), name);
  };
  std::ofstream(file_) << "players:x:5\n";  // It comes,
  expect_after_change("\"players\"");
  users_[5] = "gamblers";
  std::ofstream(file_) << "gamblers:x:5\n";  // is written to,
  expect_after_change("\"gamblers\"");
  users_[5] = "jugglers";
  std::ofstream(file_ + ".new") << "jugglers:x:5\n";  // and another takes its place.
  ASSERT_EQ(rename((file_ + ".new").c_str(), file_.c_str()), 0);
  expect_after_change("\"jugglers\"");
  EXPECT_EQ(cache.counters().forgotten_changes, 3u);
}

TEST_F(NameCacheTest, LooksAtFilesOnceASecond) {
  NameCache cache(options_);
  cache.User(5);
  std::ofstream(file_) << "players:x:5\n";
  Pass(cache, seconds(0));
  EXPECT_EQ(cache.counters().forgotten_changes, 0u);
  Pass(cache, seconds(1));
  EXPECT_EQ(cache.counters().forgotten_changes, 1u);
}

TEST_F(NameCacheTest, IsBounded) {
  options_.names_max = 3;
  NameCache cache(options_);
  for (uint32_t id = 1; id <= 6; ++id) {
    cache.User(id);
    cache.Group(id);
  }
  EXPECT_EQ(cache.counters().forgotten_full, 2u);
  EXPECT_EQ(cache.User(6), "\"unknown(6)\"");
  EXPECT_EQ(cache.counters().lookups, 12u);
}

TEST(FindName, KnowsTheNamesOfThisHost) {
  EXPECT_EQ(base::FindUserName(0), "root");
  EXPECT_EQ(base::FindGroupName(0), "root");
  EXPECT_EQ(base::FindUserName(3'999'999'999), std::nullopt);
  EXPECT_EQ(base::FindGroupName(3'999'999'999), std::nullopt);
}

}  // namespace
}  // namespace client_plugin
