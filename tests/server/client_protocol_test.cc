#include "server/client_protocol.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "audit/frame.h"
#include "audit/record.h"

namespace server {
namespace {

using audit::FrameType;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string Frame(FrameType type, uint32_t sequence, const std::string& body = "") {
  const audit::FrameBytes header = audit::EncodeFrameHeader(
      {.type = type, .body_bytes = static_cast<uint16_t>(body.size()), .sequence = sequence});
  return std::string(header.data(), header.size()) + body;
}

std::string Message(uint32_t sequence, const std::string& body) {
  return Frame(FrameType::kMessage, sequence, body);
}

// Says bytes, and notes what came of them.
class ClientProtocolTest : public testing::Test {
 protected:
  absl::Status Say(std::string bytes) {
    // A buffer of its own, so that a view that outlives it is found by the sanitizer.
    const auto buffer = std::make_unique<std::string>(std::move(bytes));
    Input input;
    const absl::Status status = protocol_.Take(*buffer, &input);
    Note(input);
    return status;
  }

  void HangUp() {
    Input input;
    protocol_.TakeRest(&input);
    Note(input);
  }

  ClientProtocol protocol_;
  std::vector<std::string> lines_;
  std::vector<uint32_t> sequences_;
  std::string replies_;

 private:
  void Note(const Input& input) {
    for (const ReceivedRecord& record : input.records) {
      lines_.emplace_back(record.line);
      sequences_.push_back(record.sequence);
    }
    replies_ += input.replies;
  }
};

TEST_F(ClientProtocolTest, TakesARecordAndOwesItsAcknowledgement) {
  EXPECT_TRUE(Say(Message(7, "type=CWD\n")).ok());
  EXPECT_THAT(lines_, ElementsAre("type=CWD"));
  EXPECT_THAT(sequences_, ElementsAre(7u));
  EXPECT_EQ(replies_, Frame(FrameType::kAck, 7));
  EXPECT_FALSE(protocol_.in_the_middle());
}

TEST_F(ClientProtocolTest, TakesSeveralFramesOfOneReadInOrder) {
  EXPECT_TRUE(Say(Message(1, "a\n") + Frame(FrameType::kHeartbeat, 2) + Message(3, "b")).ok());
  EXPECT_THAT(lines_, ElementsAre("a", "b"));
  EXPECT_EQ(replies_,
            Frame(FrameType::kAck, 1) + Frame(FrameType::kAck, 2) + Frame(FrameType::kAck, 3));
}

TEST_F(ClientProtocolTest, PutsAFrameTogetherFromAnyPieces) {
  const std::string said = Message(1, "first\n") + Message(2, std::string(8970, 'x'));
  for (const size_t piece : {size_t{1}, size_t{7}, size_t{16}, size_t{17}, size_t{4096}}) {
    protocol_ = ClientProtocol();
    lines_.clear();
    for (size_t at = 0; at < said.size(); at += piece) {
      ASSERT_TRUE(Say(said.substr(at, piece)).ok());
      EXPECT_EQ(protocol_.in_the_middle(), at + piece < said.size() && at + piece != 22);
    }
    EXPECT_THAT(lines_, ElementsAre("first", std::string(8970, 'x'))) << piece;
  }
}

TEST_F(ClientProtocolTest, StripsOneNewlineOnly) {
  EXPECT_TRUE(Say(Message(1, "a\n\n") + Message(2, "") + Message(3, "\n")).ok());
  EXPECT_THAT(lines_, ElementsAre("a\n", "", ""));
}

TEST_F(ClientProtocolTest, TakesLinesOfAClientThatSendsNoFrames) {
  EXPECT_TRUE(Say("type=CWD a\ntype=").ok());
  EXPECT_TRUE(Say("PATH b\n\nno record at all\n").ok());
  EXPECT_THAT(lines_, ElementsAre("type=CWD a", "type=PATH b", "", "no record at all"));
  EXPECT_THAT(replies_, IsEmpty());
  EXPECT_TRUE(protocol_.ascii());
}

TEST_F(ClientProtocolTest, KeepsTheLastLineOfAClientThatHangsUp) {
  EXPECT_TRUE(Say("one\ntwo").ok());
  HangUp();
  HangUp();
  EXPECT_THAT(lines_, ElementsAre("one", "two"));
}

TEST_F(ClientProtocolTest, DropsPartOfAFrameWhenTheClientHangsUp) {
  EXPECT_TRUE(Say(Message(1, "whole") + Message(2, "part").substr(0, 18)).ok());
  HangUp();
  EXPECT_THAT(lines_, ElementsAre("whole"));
}

TEST_F(ClientProtocolTest, EndsOnAMalformedFrameAndNamesTheFault) {
  const auto changed = [](size_t at, char to) {
    std::string frame = Message(1, "x");
    frame[at] = to;
    return frame;
  };
  const struct {
    std::string bytes;
    const char* fault;
  } cases[] = {
      {changed(1, 'x'), "bad magic"},
      {changed(4, 1), "unknown version"},
      {changed(5, 1), "unknown version"},
      {changed(8, 1), "unknown type"},
      {Frame(FrameType::kAck, 1), "is a server's"},
      {Frame(FrameType::kEnding, 1), "is a server's"},
      {Frame(FrameType::kMessage, 1, std::string(audit::kFrameBodyBytesMax + 1, 'x')), "body of"},
  };
  for (const auto& [bytes, fault] : cases) {
    protocol_ = ClientProtocol();
    lines_.clear();
    const absl::Status status = Say(Message(1, "before") + bytes);
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << fault;
    EXPECT_THAT(std::string(status.message()), HasSubstr(fault));
    EXPECT_THAT(lines_, ElementsAre("before"));
  }
}

TEST_F(ClientProtocolTest, EndsOnALineWithoutEnd) {
  const std::string longest(audit::kRecordBytesMax, 'x');
  EXPECT_TRUE(Say(longest + "\n").ok());
  EXPECT_TRUE(Say(longest).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(Say("x")));
  EXPECT_THAT(lines_, ElementsAre(longest));
  protocol_ = ClientProtocol();
  EXPECT_TRUE(absl::IsInvalidArgument(Say("good\n" + longest + "x\n")));
  EXPECT_THAT(lines_, ElementsAre(longest, "good"));
}

}  // namespace
}  // namespace server
