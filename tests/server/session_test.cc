#include "server/session.h"

#include <deque>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "audit/frame.h"

namespace server {
namespace {

namespace asio = boost::asio;
using audit::FrameType;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

// A peer whose words come in exactly the pieces that the test says.
class FakeTransport : public Transport {
 public:
  explicit FakeTransport(asio::io_context& context)
      : said_(context, asio::steady_timer::time_point::max()) {}

  asio::awaitable<void> WaitReadable() override {
    while (pieces.empty() && !closed && !cancelled) co_await Wait();
    cancelled = false;
  }
  asio::awaitable<void> WaitWritable() override {
    while (write_limit == 0 && !closed) co_await Wait();
  }

  absl::StatusOr<size_t> Read(std::span<char> buffer) override {
    if (closed) return absl::AbortedError("closed");
    if (pieces.empty()) return absl::UnavailableError("would block");
    const std::string piece = pieces.front().substr(0, buffer.size());
    pieces.front().erase(0, piece.size());
    if (pieces.front().empty()) pieces.pop_front();
    std::copy(piece.begin(), piece.end(), buffer.begin());
    return piece.size();
  }
  absl::StatusOr<size_t> Write(std::string_view bytes) override {
    if (closed) return absl::AbortedError("closed");
    if (write_limit == 0) return absl::UnavailableError("would block");
    const size_t taken = std::min(bytes.size(), write_limit);
    write_limit -= taken;
    written += bytes.substr(0, taken);
    return taken;
  }
  void Cancel() override {
    cancelled = true;
    said_.cancel();
  }
  void Close() override {
    closed = true;
    said_.cancel();
  }

  void Changed() { said_.cancel(); }

  std::deque<std::string> pieces;  // "" is the end of what the peer has to say.
  std::string written;
  size_t write_limit = 1 << 20;
  bool closed = false;
  bool cancelled = false;

 private:
  asio::awaitable<void> Wait() {
    boost::system::error_code changed;
    co_await said_.async_wait(asio::redirect_error(asio::use_awaitable, changed));
  }

  asio::steady_timer said_;
};

// Stores in memory, when the test lets it.
class FakeIngest : public Ingest {
 public:
  explicit FakeIngest(asio::io_context& context)
      : changed_(context, asio::steady_timer::time_point::max()) {}

  size_t ReadBytesMax(const storage::Identity&) const override { return read_bytes_max; }
  asio::awaitable<size_t> WaitForRoom(storage::Identity) override { co_return read_bytes_max; }

  asio::awaitable<absl::StatusOr<storage::Receipt>> Append(storage::Delivery delivery) override {
    for (const storage::Batch& batch : delivery.batches) {
      hosts.push_back(batch.host().name);
      last_lines.emplace_back(batch.last());
      record_count += batch.record_count();
      malformed_count += batch.malformed_count();
    }
    if (delivery.retry) retries.push_back(*delivery.retry);
    while (disk_is_slow) {
      boost::system::error_code changed;
      co_await changed_.async_wait(asio::redirect_error(asio::use_awaitable, changed));
    }
    if (!answer.ok()) co_return answer;
    co_return storage::Receipt();
  }

  void DiskIsDone() {
    disk_is_slow = false;
    changed_.cancel();
  }

  RecordReplies replies() const override { return frames; }

  absl::Status answer;
  RecordReplies frames;
  size_t read_bytes_max = 1 << 20;
  bool disk_is_slow = false;
  std::vector<std::string> hosts;
  std::vector<std::string> last_lines;
  std::vector<storage::RetryKey> retries;
  uint64_t record_count = 0;
  uint64_t malformed_count = 0;

 private:
  asio::steady_timer changed_;
};

std::string Frame(FrameType type, uint32_t sequence, const std::string& body = "") {
  const audit::FrameBytes header = audit::EncodeFrameHeader(
      {.type = type, .body_bytes = static_cast<uint16_t>(body.size()), .sequence = sequence});
  return std::string(header.data(), header.size()) + body;
}

std::string Message(uint32_t sequence, const std::string& body) {
  return Frame(FrameType::kMessage, sequence, body);
}

std::string Ack(uint32_t sequence) { return Frame(FrameType::kAck, sequence); }

class SessionTest : public testing::Test {
 protected:
  SessionTest() : ingest_(network_) {
    auto transport = std::make_unique<FakeTransport>(network_);
    transport_ = transport.get();
    session_.emplace(std::move(transport), Peer{.address = "192.0.2.7", .connection = 9}, context_);
    asio::co_spawn(network_, session_->Serve(),
                   [this](const std::exception_ptr& error, std::string reason) {
                     ASSERT_FALSE(error);
                     reason_ = std::move(reason);
                     ended_ = true;
                   });
    RunUntilQuiet();
  }

  void Say(std::vector<std::string> pieces) {
    for (std::string& piece : pieces) transport_->pieces.push_back(std::move(piece));
    transport_->Changed();
    RunUntilQuiet();
  }

  void HangUp() { Say({""}); }

  void RunUntilQuiet() {
    network_.restart();
    network_.poll();
  }

  void CheckLimits(SessionLimits limits, seconds later) {
    session_->CheckLimits(limits, Session::Clock::now() + later);
    RunUntilQuiet();
  }

  void SetQuotas(QuotaLimits limits) {
    absl::StatusOr<QuotaRules> rules = QuotaRules::Parse(limits, "", "");
    ASSERT_TRUE(rules.ok());
    quotas_.SetRules(*std::move(rules));
  }

  // Another connection of the same address has delivered so many records.
  void ChargeEarlier(uint64_t records) {
    const storage::Identity payer = {.kind = storage::IdentityKind::kAddress, .name = "192.0.2.7"};
    quotas_.Charge(payer, {.has_place = true}, {.records = records}, Quotas::Moment::Now());
  }

  // Lets time pass until something is so.
  template <typename Condition>
  void RunUntil(Condition condition) {
    network_.restart();
    while (!condition()) {
      ASSERT_GT(network_.run_one_for(seconds(60)), 0u) << "waited in vain";
    }
  }

  asio::io_context network_;
  FakeIngest ingest_;
  Counters counters_;
  HostSessions host_sessions_;
  Quotas quotas_{counters_};
  std::vector<char> buffer_ = std::vector<char>(65536);
  uint16_t connections_max_ = 1;
  const SessionContext context_{.ingest = ingest_,
                                .counters = counters_,
                                .host_sessions = host_sessions_,
                                .quotas = quotas_,
                                .connections_max = connections_max_,
                                .read_buffer = buffer_,
                                .quota_delay_max = std::chrono::milliseconds(50)};
  FakeTransport* transport_ = nullptr;
  std::optional<Session> session_;
  bool ended_ = false;
  std::string reason_;
};

TEST_F(SessionTest, AcknowledgesEveryRecordWithItsSequence) {
  Say({Message(7, "a\n"), Message(8, "b\n")});
  EXPECT_EQ(transport_->written, Ack(7) + Ack(8));
  EXPECT_THAT(ingest_.last_lines, ElementsAre("a", "b"));
}

TEST_F(SessionTest, DoesNotAcknowledgeWhatIsNotStoredYet) {
  ingest_.disk_is_slow = true;
  Say({Message(1, "a\n")});
  EXPECT_EQ(transport_->written, "");
  ingest_.DiskIsDone();
  RunUntilQuiet();
  EXPECT_EQ(transport_->written, Ack(1));
}

TEST_F(SessionTest, StoresWhatCameTogetherTogether) {
  Say({Message(1, "a\n") + Message(2, "b\n") + Message(3, "c\n")});
  EXPECT_EQ(transport_->written, Ack(1) + Ack(2) + Ack(3));
  EXPECT_EQ(ingest_.retries.size(), 1u);
  EXPECT_EQ(ingest_.record_count, 3u);
}

TEST_F(SessionTest, ReadsNoMoreThanThereIsRoomFor) {
  const std::string first = Message(1, "a\n");
  ingest_.read_bytes_max = first.size();
  Say({first + Message(2, "b\n")});
  EXPECT_EQ(transport_->written, Ack(1) + Ack(2));
  EXPECT_EQ(ingest_.retries.size(), 2u);
}

TEST_F(SessionTest, AnswersHeartbeatsWithoutStoringThem) {
  Say({Frame(FrameType::kHeartbeat, 5)});
  EXPECT_EQ(transport_->written, Ack(5));
  EXPECT_THAT(ingest_.last_lines, IsEmpty());
  EXPECT_EQ(counters_.heartbeats_total, 1u);
}

TEST_F(SessionTest, KeepsTheHostsOfARelayApart) {
  const auto record = [](const std::string& node) {
    return node + "type=CWD msg=audit(1.000:1): cwd=\"/\"\n";
  };
  Say({Message(1, record("node=a ")) + Message(2, record("node=b ")) +
       Message(3, record("node=a ")) + Message(4, record(""))});
  EXPECT_THAT(ingest_.hosts, ElementsAre("a", "b", "192.0.2.7"));
  EXPECT_EQ(ingest_.record_count, 4u);
  EXPECT_EQ(ingest_.retries.at(0).last_batch, 2u);
}

TEST_F(SessionTest, TellsTheStoreHowToKnowARetry) {
  Say({Message(4, "a\n") + Message(5, "b\n"), Message(6, "c\n")});
  ASSERT_EQ(ingest_.retries.size(), 2u);
  const storage::RetryKey& first = ingest_.retries[0];
  EXPECT_EQ(first.client, "192.0.2.7");
  EXPECT_EQ(first.connection, 9u);
  EXPECT_TRUE(first.opens_connection);
  EXPECT_EQ(first.first_sequence, 4u);
  EXPECT_EQ(first.last_sequence, 5u);
  EXPECT_FALSE(ingest_.retries[1].opens_connection);
}

TEST_F(SessionTest, StoresMalformedRecordsAsTheyAreAndCountsThem) {
  Say({Message(1, "no record"), Message(2, "type=CWD msg=audit(1626611363.720:2): cwd=2F\n")});
  EXPECT_THAT(ingest_.last_lines,
              ElementsAre("no record", "type=CWD msg=audit(1626611363.720:2): cwd=2F"));
  EXPECT_EQ(transport_->written, Ack(1) + Ack(2));
  EXPECT_EQ(ingest_.malformed_count, 1u);
}

TEST_F(SessionTest, CountsForTheHostOfItsLastRecord) {
  const auto host = [](storage::IdentityKind kind, const std::string& name) {
    return testing::Pair(storage::Identity{.kind = kind, .name = name}, 1u);
  };
  Say({});
  EXPECT_THAT(host_sessions_.Open(), IsEmpty());
  Say({Message(1, "no record")});
  EXPECT_THAT(host_sessions_.Open(),
              ElementsAre(host(storage::IdentityKind::kAddress, "192.0.2.7")));
  Say({Message(2, "node=web1 type=CWD msg=audit(1626611363.720:2): cwd=2F\n")});
  EXPECT_THAT(host_sessions_.Open(), ElementsAre(host(storage::IdentityKind::kNode, "web1")));
  HangUp();
  session_.reset();
  EXPECT_THAT(host_sessions_.Open(), IsEmpty());
}

TEST_F(SessionTest, SaysEndingInsteadOfAcknowledgingALoss) {
  ingest_.answer = absl::UnavailableError("disk");
  Say({Message(3, "a\n")});
  EXPECT_EQ(transport_->written, Frame(FrameType::kEnding, 3));
  EXPECT_TRUE(transport_->closed);
  EXPECT_EQ(counters_.sessions_ended_store_total, 1u);
}

TEST_F(SessionTest, TellsWhatItIsToldToTellOfTheDisk) {
  ingest_.frames = {.accepted = FrameType::kDiskLow, .refused = FrameType::kDiskFull};
  Say({Message(1, "a\n") + Frame(FrameType::kHeartbeat, 2)});
  EXPECT_EQ(transport_->written, Frame(FrameType::kDiskLow, 1) + Ack(2));
  transport_->written.clear();
  ingest_.answer = absl::UnavailableError("disk");
  Say({Message(3, "b\n")});
  EXPECT_EQ(transport_->written, Frame(FrameType::kDiskFull, 3));
  EXPECT_TRUE(transport_->closed);
}

TEST_F(SessionTest, CountsWhatAnAsciiClientLoses) {
  ingest_.answer = absl::UnavailableError("disk");
  Say({"one\ntwo\n"});
  EXPECT_EQ(transport_->written, "");
  EXPECT_EQ(counters_.records_lost_total, 2u);
}

TEST_F(SessionTest, StoresAndAcknowledgesWhatCameBeforeAMalformedFrame) {
  Say({Message(1, "a\n") + std::string(16, 'x')});
  EXPECT_EQ(transport_->written, Ack(1));
  EXPECT_TRUE(ended_);
  EXPECT_EQ(reason_, "frame: bad magic 0x78787878");
  EXPECT_EQ(counters_.sessions_ended_malformed_total, 1u);
}

TEST_F(SessionTest, StoresTheLastLineOfAnAsciiClient) {
  Say({"one\ntwo"});
  HangUp();
  EXPECT_THAT(ingest_.last_lines, ElementsAre("one", "two"));
  EXPECT_EQ(counters_.records_unterminated_total, 1u);
  EXPECT_EQ(reason_, "client closed");
}

TEST_F(SessionTest, SaysEndingWhenTheServerStops) {
  Say({Message(1, "a\n")});
  session_->Stop();
  RunUntilQuiet();
  EXPECT_EQ(transport_->written, Ack(1) + Frame(FrameType::kEnding, 0));
  EXPECT_TRUE(ended_);
}

TEST_F(SessionTest, AcknowledgesWhatIsBeingStoredBeforeItSaysEnding) {
  ingest_.disk_is_slow = true;
  Say({Message(1, "a\n")});
  session_->Stop();
  RunUntilQuiet();
  EXPECT_FALSE(ended_);
  ingest_.DiskIsDone();
  RunUntilQuiet();
  EXPECT_EQ(transport_->written, Ack(1) + Frame(FrameType::kEnding, 0));
  EXPECT_TRUE(ended_);
}

TEST_F(SessionTest, StoresAllThatAnAsciiClientHasSentWhenTheServerStops) {
  Say({"one\n"});
  transport_->pieces = {"two\nth", "ree\nfour"};
  session_->Stop();
  RunUntilQuiet();
  EXPECT_THAT(ingest_.last_lines, ElementsAre("one", "two", "three", "four"));
}

TEST_F(SessionTest, DoesNotBlameAClientForASlowDisk) {
  ingest_.disk_is_slow = true;
  Say({Message(1, "a\n") + Message(2, "b\n").substr(0, 5)});
  CheckLimits({.idle_max = seconds(10), .stall_max = seconds(10)}, seconds(60));
  EXPECT_FALSE(ended_);
}

TEST_F(SessionTest, SaysNothingToAnAsciiClientWhenTheServerStops) {
  Say({"one\n"});
  session_->Stop();
  RunUntilQuiet();
  EXPECT_EQ(transport_->written, "");
  EXPECT_TRUE(ended_);
}

TEST_F(SessionTest, PutsOffTheReadOfWhoIsOverItsQuota) {
  SetQuotas({.records_per_second = 1'000});
  ChargeEarlier(10'020);
  Say({Message(1, "a\n")});
  EXPECT_EQ(transport_->pieces.size(), 1u);
  EXPECT_EQ(transport_->written, "");
  RunUntil([this] { return !transport_->written.empty(); });
  EXPECT_EQ(transport_->written, Ack(1));
  EXPECT_GE(counters_.quota_delays_total, 1u);
}

TEST_F(SessionTest, DoesNotBlameAClientForItsQuota) {
  SetQuotas({.records_per_second = 1});
  ChargeEarlier(11);
  Say({Message(1, "a\n")});
  CheckLimits({.idle_max = seconds(10), .stall_max = seconds(10)}, seconds(60));
  EXPECT_FALSE(ended_);
}

TEST_F(SessionTest, SaysEndingToWhoIsTooFarOverItsQuota) {
  SetQuotas({.records_per_second = 1});
  ChargeEarlier(1000);
  Say({Message(3, "a\n")});
  EXPECT_FALSE(ended_);
  RunUntil([this] { return ended_; });
  EXPECT_EQ(transport_->written, Frame(FrameType::kEnding, 3));
  EXPECT_EQ(reason_, "over quota_records");
  EXPECT_THAT(ingest_.last_lines, IsEmpty());
  EXPECT_EQ(counters_.quota_refused_records_total, 1u);
}

TEST_F(SessionTest, ChargesTheAddressWhateverNodeItsRecordsName) {
  SetQuotas({.bytes_per_day = 100});
  const std::string body = "type=CWD msg=audit(1626611363.720:2): cwd=\"" + std::string(60, '/');
  Say({Message(1, "node=a " + body + "\n")});
  EXPECT_EQ(transport_->written, Ack(1));
  Say({Message(2, "node=b " + body + "\n")});
  RunUntil([this] { return ended_; });
  EXPECT_EQ(transport_->written, Ack(1) + Frame(FrameType::kEnding, 2));
  EXPECT_EQ(reason_, "over quota_bytes_day until the day of UTC ends");
  EXPECT_THAT(ingest_.hosts, ElementsAre("a"));
  EXPECT_EQ(counters_.quota_days_passed_total, 1u);
}

TEST_F(SessionTest, AnswersHeartbeatsOfWhoIsOverItsQuota) {
  SetQuotas({.records_per_second = 1});
  ChargeEarlier(1000);
  Say({Frame(FrameType::kHeartbeat, 5)});
  RunUntil([this] { return !transport_->written.empty(); });
  EXPECT_EQ(transport_->written, Ack(5));
  EXPECT_FALSE(ended_);
}

TEST_F(SessionTest, LetsAnAsciiClientWaitForItsTurn) {
  SetQuotas({.records_per_second = 1'000});
  ChargeEarlier(10'200);
  Say({"one\n", "two\n"});
  RunUntil([this] { return ingest_.record_count == 2; });
  EXPECT_EQ(counters_.quota_records_lost_total, 0u);
  EXPECT_EQ(counters_.quota_refused_records_total, 0u);
}

TEST_F(SessionTest, CountsWhatAnAsciiClientLosesByItsQuota) {
  SetQuotas({.bytes_per_day = 3});
  Say({"one\ntwo\n", "three\nfour\n"});
  RunUntil([this] { return counters_.quota_records_lost_total == 2; });
  EXPECT_FALSE(ended_);
  HangUp();
  RunUntil([this] { return ended_; });
  EXPECT_EQ(reason_, "client closed");
  EXPECT_THAT(ingest_.last_lines, ElementsAre("two"));
}

TEST_F(SessionTest, DoesNotWaitForATurnWhenTheServerStops) {
  SetQuotas({.records_per_second = 1});
  ChargeEarlier(1000);
  Say({Message(1, "a\n")});
  session_->Stop();
  RunUntilQuiet();
  EXPECT_TRUE(ended_);
  EXPECT_EQ(transport_->written, Frame(FrameType::kEnding, 0));
  EXPECT_THAT(ingest_.last_lines, IsEmpty());
}

TEST_F(SessionTest, DoesNotWaitForATurnWhenItIsAborted) {
  SetQuotas({.records_per_second = 1});
  ChargeEarlier(1000);
  Say({Message(1, "a\n")});
  session_->Abort("stale");
  RunUntilQuiet();
  EXPECT_TRUE(ended_);
  EXPECT_EQ(reason_, "stale");
}

TEST_F(SessionTest, SendsTheRestOfAReplyWhenThePeerTakesIt) {
  transport_->write_limit = 20;
  Say({Message(1, "a\n") + Message(2, "b\n")});
  EXPECT_EQ(transport_->written.size(), 20u);
  transport_->write_limit = 100;
  transport_->Changed();
  RunUntilQuiet();
  EXPECT_EQ(transport_->written, Ack(1) + Ack(2));
}

TEST_F(SessionTest, EndsAClientThatDoesNotReadItsReplies) {
  transport_->write_limit = 0;
  Say({Message(1, "a\n")});
  CheckLimits({.stall_max = seconds(10)}, seconds(5));
  EXPECT_FALSE(ended_);
  CheckLimits({.stall_max = seconds(10)}, seconds(11));
  EXPECT_TRUE(ended_);
  EXPECT_EQ(counters_.sessions_ended_slow_total, 1u);
}

TEST_F(SessionTest, EndsAClientThatDoesNotFinishAFrame) {
  Say({Message(1, "a\n").substr(0, 10)});
  CheckLimits({.stall_max = seconds(10)}, seconds(11));
  EXPECT_EQ(reason_, "frame not whole after 10 s");
  EXPECT_EQ(counters_.sessions_ended_slow_total, 1u);
}

TEST_F(SessionTest, EndsAnIdleClientOnlyWhereThatIsAsked) {
  Say({Message(1, "a\n")});
  CheckLimits({}, seconds(1'000'000));
  EXPECT_FALSE(ended_);
  CheckLimits({.idle_max = seconds(60)}, seconds(59));
  EXPECT_FALSE(ended_);
  CheckLimits({.idle_max = seconds(60)}, seconds(62));
  EXPECT_EQ(reason_, "idle for more than 60 s");
  EXPECT_EQ(counters_.sessions_ended_idle_total, 1u);
}

}  // namespace
}  // namespace server
