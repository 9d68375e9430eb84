#include "storage/retry_marks.h"

#include <gtest/gtest.h>

namespace storage {
namespace {

constexpr HostId kHost = 3;

// A client and its connections: each says one record.
class RetryMarksTest : public testing::Test {
 protected:
  // The connection's first record. Whether it repeats one that is stored.
  bool Opens(uint64_t connection, uint32_t sequence, std::string_view line) {
    RetryKey key = Key(connection, sequence);
    key.opens_connection = true;
    const auto repeated = marks_.FindRepeated(kHost, key, line);
    Write(key, line, repeated);
    return repeated.has_value();
  }

  void GoesOn(uint64_t connection, uint32_t sequence, std::string_view line) {
    Write(Key(connection, sequence), line, std::nullopt);
  }

  void RestartServer() {
    marks_ = RetryMarks();
    for (const RetryMark& mark : journal_) marks_.Load(kHost, mark);
  }

  RetryMarks marks_;
  uint32_t siblings_ = 0;
  uint32_t connections_max_ = 1;
  std::string client_ = "192.0.2.7";

 private:
  RetryKey Key(uint64_t connection, uint32_t sequence) const {
    return {.client = client_,
            .connection = connection,
            .connections_max = connections_max_,
            .first_sequence = sequence,
            .last_sequence = sequence};
  }

  void Write(const RetryKey& key, std::string_view line, const std::optional<RetryMark>& repeated) {
    if (repeated) marks_.Erase(kHost, repeated->connection);
    siblings_ = marks_.Set(kHost, key, ++arrival_, line);
    if (repeated) return;  // It is in the journal already.
    journal_.push_back({.client = key.client,
                        .connection = key.connection,
                        .arrival = arrival_,
                        .sequence = key.last_sequence,
                        .record = FingerprintOf(line)});
  }

  std::vector<RetryMark> journal_;
  uint64_t arrival_ = 0;
};

TEST_F(RetryMarksTest, KnowsARecordThatIsSentAgainAfterABrokenConnection) {
  EXPECT_FALSE(Opens(1, 1, "a"));
  GoesOn(1, 2, "b");
  EXPECT_TRUE(Opens(2, 2, "b"));
}

TEST_F(RetryMarksTest, KnowsItAgainWhenTheSecondAcknowledgementIsLostToo) {
  EXPECT_FALSE(Opens(1, 1, "a"));
  EXPECT_TRUE(Opens(2, 1, "a"));
  EXPECT_TRUE(Opens(3, 1, "a"));
}

TEST_F(RetryMarksTest, KnowsItWhenTheClientWasRestartedInBetween) {
  EXPECT_FALSE(Opens(1, 77, "a"));
  EXPECT_TRUE(Opens(2, 1, "a"));
}

TEST_F(RetryMarksTest, TakesAnEqualRecordWithTheNextSequenceForASecondOne) {
  EXPECT_FALSE(Opens(1, 1, "a"));
  EXPECT_FALSE(Opens(2, 2, "a"));
}

TEST_F(RetryMarksTest, LooksAtTheLastRecordOnly) {
  EXPECT_FALSE(Opens(1, 1, "a"));
  GoesOn(1, 2, "b");
  EXPECT_FALSE(Opens(2, 1, "a"));
}

// After a restart it is not known whether the client heard of the record: ENDING may have come.
TEST_F(RetryMarksTest, KnowsItAfterARestartOfTheServerWithAnySequence) {
  EXPECT_FALSE(Opens(1, 5, "a"));
  RestartServer();
  EXPECT_TRUE(Opens(2, 6, "a"));
  EXPECT_FALSE(Opens(3, 7, "a"));
}

TEST_F(RetryMarksTest, KeepsTheClientsBehindOneAddressApart) {
  connections_max_ = 2;
  EXPECT_FALSE(Opens(1, 1, "a"));
  EXPECT_FALSE(Opens(2, 1, "b"));
  GoesOn(2, 2, "c");
  RestartServer();
  EXPECT_TRUE(Opens(3, 1, "a"));
  EXPECT_TRUE(Opens(4, 2, "c"));
  EXPECT_EQ(siblings_, 2u);
}

TEST_F(RetryMarksTest, KeepsNoMoreMarksThanAClientMayHaveConnections) {
  connections_max_ = 3;
  for (uint64_t connection = 1; connection <= 100; ++connection) {
    EXPECT_FALSE(Opens(connection, 1, std::to_string(connection)));
  }
  EXPECT_EQ(siblings_, 3u);
  EXPECT_FALSE(Opens(101, 1, "97"));
  EXPECT_TRUE(Opens(102, 1, "100"));
}

TEST_F(RetryMarksTest, KeepsClientsOfOneNameApart) {
  EXPECT_FALSE(Opens(1, 1, "a"));
  client_ = "192.0.2.8";
  EXPECT_FALSE(Opens(2, 1, "b"));
  EXPECT_EQ(siblings_, 2u);
  RestartServer();
  client_ = "192.0.2.7";
  EXPECT_TRUE(Opens(3, 1, "a"));
}

TEST_F(RetryMarksTest, KnowsAClientThatComesBackUnderAnotherAddress) {
  EXPECT_FALSE(Opens(1, 1, "a"));
  client_ = "192.0.2.8";
  EXPECT_TRUE(Opens(2, 1, "a"));
}

}  // namespace
}  // namespace storage
