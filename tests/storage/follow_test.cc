// Following the store: what becomes whole is given once, in an order that nothing changes.

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <thread>

#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/event_store.h"
#include "tests/storage/open_store.h"
#include "tests/storage/temporary_directory.h"

namespace storage {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::string TextOf(const FoundEvent& found) {
  std::string text = found.host.name;
  for (size_t i = 0; i < found.event.record_count(); ++i) {
    absl::StrAppendFormat(&text, " | %s", std::string(found.event.line(i)));
  }
  return text;
}

// Without the marks that tell nothing: they are not waited for.
std::vector<std::string> WithoutMarks(std::vector<std::string> texts) {
  for (std::string& text : texts) {
    const size_t mark = text.find(" | type=EOE");
    if (mark != std::string::npos) text.erase(mark);
  }
  return texts;
}

// Follows a store on a thread of its own.
class Follower {
 public:
  Follower(const EventStore& store, FollowRequest request) {
    request.beat = std::chrono::milliseconds(1);
    request.stop = stop_.get_token();
    last_ = request.after;
    thread_ = std::thread([this, &store, request] {
      ended_ = store.Follow(request, {.event =
                                          [this](const FoundEvent& found) {
                                            const std::lock_guard lock(mutex_);
                                            EXPECT_TRUE(!last_ || *last_ < found.cursor);
                                            last_ = found.cursor;
                                            last_event_ = found.cursor;
                                            given_.push_back(TextOf(found));
                                            return true;
                                          },
                                      .reached =
                                          [this](const SearchCursor& cursor) {
                                            const std::lock_guard lock(mutex_);
                                            EXPECT_TRUE(!last_ || *last_ <= cursor);
                                            last_ = cursor;
                                            changed_.notify_all();
                                            return true;
                                          }});
    });
  }

  ~Follower() { Stop(); }

  void Stop() {
    if (!thread_.joinable()) return;
    stop_.request_stop();
    thread_.join();
    EXPECT_TRUE(absl::IsCancelled(ended_)) << ended_;
  }

  // Waits until it has come to a place; until it has come to any, without one.
  void WaitFor(const SearchCursor& place = {.order = SearchOrder::kWhole}) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return last_ && *last_ >= place; });
  }

  std::vector<std::string> TakeGiven() {
    const std::lock_guard lock(mutex_);
    return std::exchange(given_, {});
  }

  // Where it is; and the place of the last event that it was given.
  std::optional<SearchCursor> last() {
    const std::lock_guard lock(mutex_);
    return last_;
  }
  std::optional<SearchCursor> last_event() {
    const std::lock_guard lock(mutex_);
    return last_event_;
  }

 private:
  std::stop_source stop_;
  absl::Status ended_;

  std::mutex mutex_;  // Guards what follows.
  std::condition_variable changed_;
  std::vector<std::string> given_;
  std::optional<SearchCursor> last_;
  std::optional<SearchCursor> last_event_;

  std::thread thread_;
};

class FollowTest : public testing::Test {
 protected:
  FollowTest() { Open(); }

  void Open() {
    store_.reset();
    options_.on_problem = [](const absl::Status& problem) { ADD_FAILURE() << problem; };
    store_ = OpenStore(path_, options_);
    ASSERT_NE(store_, nullptr);
  }

  void Append(const std::string& host, const std::vector<std::string>& lines) {
    std::vector<Delivery> deliveries(1);
    deliveries[0].received_ms = 1;
    deliveries[0].batches.emplace_back(Identity{.kind = IdentityKind::kNode, .name = host},
                                       "192.0.2.1");
    for (const std::string& line : lines) deliveries[0].batches[0].Add(line);
    const auto appended = store_->Append(deliveries);
    ASSERT_TRUE(appended.ok()) << appended.status();
  }

  // What a search finds in the order of a follower, and the place of the last event.
  std::vector<std::string> Search(SearchCursor* last = nullptr) {
    std::vector<std::string> found;
    const absl::Status searched =
        store_->Search({.order = SearchOrder::kWhole}, [&](const FoundEvent& event) {
          found.push_back(TextOf(event));
          if (last != nullptr) *last = event.cursor;
          return true;
        });
    EXPECT_TRUE(searched.ok()) << searched;
    return found;
  }

  void WaitForAll(Follower& follower) {
    SearchCursor last{.order = SearchOrder::kWhole};
    Search(&last);
    follower.WaitFor(last);
  }

  TemporaryDirectory temporary_;
  const std::string path_ = temporary_.path() + "/store";
  StoreOptions options_;
  std::unique_ptr<EventStore> store_;
};

TEST_F(FollowTest, GivesAnEventAsSoonAsItsLastRecordIsThere) {
  Append("web1", {"type=USER_CMD msg=audit(100.000:1): a=1"});
  Follower follower(*store_, {});
  follower.WaitFor();
  Append("web1", {"type=SYSCALL msg=audit(100.000:2): a=2"});
  Append("db1", {"type=USER_CMD msg=audit(900.000:1): a=3"});
  WaitForAll(follower);
  EXPECT_THAT(follower.TakeGiven(), ElementsAre("db1 | type=USER_CMD msg=audit(900.000:1): a=3"));
  Append("web1", {"type=PROCTITLE msg=audit(100.000:2): b=2"});
  WaitForAll(follower);
  EXPECT_THAT(follower.TakeGiven(), ElementsAre("web1 | type=SYSCALL msg=audit(100.000:2): a=2 | "
                                                "type=PROCTITLE msg=audit(100.000:2): b=2"));
}

TEST_F(FollowTest, GivesAnEventAgainIfItTellsMoreAfterItsEnd) {
  Follower follower(*store_, {});
  follower.WaitFor();
  Append("web1", {"type=PROCTITLE msg=audit(100.000:2): a=1"});
  WaitForAll(follower);
  Append("web1", {"type=EOE msg=audit(100.000:2):"});
  Append("web1", {"type=PATH msg=audit(100.000:2): b=1"});
  WaitForAll(follower);
  EXPECT_THAT(follower.TakeGiven(),
              ElementsAre("web1 | type=PROCTITLE msg=audit(100.000:2): a=1",
                          "web1 | type=PROCTITLE msg=audit(100.000:2): a=1 | type=EOE "
                          "msg=audit(100.000:2): | type=PATH msg=audit(100.000:2): b=1"));
}

TEST_F(FollowTest, GivesAnEventWithoutAnEndWhenItIsComplete) {
  Follower follower(*store_, {});
  follower.WaitFor();
  Append("web1", {"type=SYSCALL msg=audit(100.000:2): a=1"});
  Append("web1", {"type=USER_CMD msg=audit(109.000:3): a=2"});
  WaitForAll(follower);
  EXPECT_THAT(follower.TakeGiven(), ElementsAre("web1 | type=USER_CMD msg=audit(109.000:3): a=2",
                                                "web1 | type=SYSCALL msg=audit(100.000:2): a=1"));
  Append("web1", {"type=SYSCALL msg=audit(110.000:4): a=3"});
  ASSERT_TRUE(store_->Settle({}).ok());
  WaitForAll(follower);
  EXPECT_THAT(follower.TakeGiven(), ElementsAre("web1 | type=SYSCALL msg=audit(110.000:4): a=3"));
}

TEST_F(FollowTest, GivesWhatIsWantedOnly) {
  const query::Predicate wanted(
      query::AttributeIs{query::Attribute::kKey, "k", query::TermMatch::kIs});
  Follower follower(*store_,
                    {.predicate = wanted, .host_patterns = {"*1"}, .visible_hosts = {"web*"}});
  follower.WaitFor();
  for (const std::string host : {"web1", "web2", "db1"}) {
    Append(host, {"type=USER_LOGIN msg=audit(100.000:1): key=\"k\"",
                  "type=USER_LOGIN msg=audit(100.000:2): key=\"other\""});
  }
  WaitForAll(follower);
  EXPECT_THAT(follower.TakeGiven(),
              ElementsAre("web1 | type=USER_LOGIN msg=audit(100.000:1): key=\"k\""));
}

// A store that was put back from a copy would give nothing until it has come to the cursor again.
TEST_F(FollowTest, RefusesACursorAheadOfTheStore) {
  Append("web1", {"type=USER_LOGIN msg=audit(1626611363.001:1): pid=1"});
  const FollowSink none{.event = [](const FoundEvent&) { return true; },
                        .reached = [](const SearchCursor&) { return false; }};
  const SearchCursor ahead{.order = SearchOrder::kWhole, .key = {1000, 0, 0, 0, 0}};
  EXPECT_TRUE(absl::IsOutOfRange(store_->Follow({.after = ahead}, none)));
}

TEST_F(FollowTest, IsEndedByItsSinkAndRefusesOtherCursors) {
  const FollowSink none{.event = [](const FoundEvent&) { return false; },
                        .reached = [](const SearchCursor&) { return false; }};
  EXPECT_TRUE(store_->Follow({}, none).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(
      store_->Follow({.after = SearchCursor{.order = SearchOrder::kReceipt}}, none)));
  const auto reader = EventStore::OpenForReading(path_);
  ASSERT_TRUE(reader.ok());
  EXPECT_TRUE(absl::IsFailedPrecondition((*reader)->Follow({}, none)));
}

// Whatever is appended, sealed, merged or cut off by a restart, a follower that goes on from its
// last cursor is given what a search in the same order finds in the end.
class FollowModelTest : public FollowTest, public testing::WithParamInterface<int> {
 protected:
  FollowModelTest() : random_(static_cast<uint32_t>(GetParam())) {
    options_.open_bytes_max = 30'000;
    // So little that followers have to look into the store.
    options_.follow_bytes_max = GetParam() % 2 == 0 ? 3'000 : size_t{16} << 20;
    Open();
  }

  uint32_t Random(uint32_t below) { return static_cast<uint32_t>(random_() % below); }

  // One more event to be sent; its records come in time, and one by one.
  void NewEvent() {
    const std::string host = absl::StrFormat("host%d", Random(4));
    now_ms_[host] += Random(900);
    const uint64_t time_ms = 1'700'000'000'000 + now_ms_[host];
    const std::string stamp =
        absl::StrFormat(" msg=audit(%d.%03d:%d): ", time_ms / 1000, time_ms % 1000, ++serial_);
    std::deque<std::string>& lines = to_send_[host];
    if (Random(4) == 0) {
      lines.push_back("type=USER_CMD" + stamp + "a=1");
      return;
    }
    if (Random(20) == 0) lines.push_back(absl::StrFormat("garbage %d", serial_));
    lines.push_back("type=SYSCALL" + stamp + absl::StrFormat("exe=\"/e%d\"", Random(9)));
    lines.push_back("type=CWD" + stamp + "cwd=\"/\"");
    // Of some the last record is lost.
    if (Random(5) > 0) lines.push_back("type=PROCTITLE" + stamp + "proctitle=00");
    if (Random(3) == 0) lines.push_back("type=EOE" + stamp);
  }

  void AppendSome() {
    for (uint32_t i = Random(20); i > 0; --i) NewEvent();
    for (auto& [host, lines] : to_send_) {
      std::vector<std::string> sent;
      for (uint32_t i = Random(30); i > 0 && !lines.empty(); --i) {
        sent.push_back(lines.front());
        lines.pop_front();
      }
      for (const std::string& line : sent) {
        if (line.starts_with("type") && !line.starts_with("type=EOE"))
          sent_.insert(host + " | " + line);
      }
      if (!sent.empty()) Append(host, sent);
    }
  }

  void Follow(std::optional<SearchCursor> after) {
    follower_.emplace(*store_, FollowRequest{.after = after});
    follower_->WaitFor();
  }

  // Ends the follower; the next one goes on from one of the cursors of this one.
  std::optional<SearchCursor> StopFollower() {
    follower_->Stop();
    std::ranges::copy(follower_->TakeGiven(), std::back_inserter(given_));
    if (const auto of_event = follower_->last_event()) last_event_ = of_event;
    const auto last = follower_->last();
    follower_.reset();
    return Random(2) == 0 && last_event_ ? last_event_ : last;
  }

  std::mt19937 random_;
  std::map<std::string, uint64_t> now_ms_;
  uint32_t serial_ = 0;
  std::map<std::string, std::deque<std::string>> to_send_;
  std::multiset<std::string> sent_;
  std::optional<Follower> follower_;
  std::optional<SearchCursor> last_event_;
  std::vector<std::string> given_;
};

TEST_P(FollowModelTest, GivesEachEventOnceInOrder) {
  Follow({});
  for (int step = 0; step < 150 && !HasFailure(); ++step) {
    switch (Random(12)) {
      case 0: {
        const auto after = StopFollower();
        if (Random(2) == 0) Open();
        Follow(after);
        break;
      }
      case 1:
        ASSERT_TRUE(store_->Seal().ok());
        break;
      case 2:
        ASSERT_TRUE(store_->Settle({}).ok());
        break;
      default:
        AppendSome();
    }
  }
  ASSERT_TRUE(store_->Settle({}).ok());
  WaitForAll(*follower_);
  StopFollower();
  given_ = WithoutMarks(given_);
  const std::vector<std::string> found = WithoutMarks(Search());
  const auto [first, other] = std::ranges::mismatch(given_, found);
  EXPECT_EQ(given_.size(), found.size());
  EXPECT_TRUE(first == given_.end() || other == found.end()) << *first << "\n" << *other;
  // Parts of an event that was sealed before its last records came are events of their own.
  std::multiset<std::string> lines;
  for (const std::string& text : given_) {
    const std::vector<std::string> parts = absl::StrSplit(text, " | ");
    for (size_t i = 1; i < parts.size(); ++i) lines.insert(parts[0] + " | " + parts[i]);
  }
  std::vector<std::string> different;
  std::ranges::set_symmetric_difference(lines, sent_, std::back_inserter(different));
  EXPECT_THAT(different, IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Seeds, FollowModelTest, testing::Range(1, 9));

}  // namespace
}  // namespace storage
