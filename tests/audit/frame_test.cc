#include "audit/frame.h"

#include <algorithm>
#include <limits>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace audit {
namespace {

using ::testing::HasSubstr;

constexpr FrameType kAllTypes[] = {
    FrameType::kMessage, FrameType::kHeartbeat, FrameType::kAck,      FrameType::kEnding,
    FrameType::kDiskLow, FrameType::kDiskFull,  FrameType::kDiskError};

TEST(Frame, LiesOnTheWireAsAuditdWritesIt) {
  const FrameBytes bytes =
      EncodeFrameHeader({FrameType::kAck, /*body_bytes=*/0x0102, /*sequence=*/0x0a0b0c0d});
  const unsigned char expected[] = {0xfe, 0x00, 0x00, 0xff, 0x00, 0x00, 0x00, 0x00,
                                    0x00, 0x40, 0x02, 0x01, 0x0d, 0x0c, 0x0b, 0x0a};
  EXPECT_TRUE(std::equal(bytes.begin(), bytes.end(), std::begin(expected),
                         [](char a, auto b) { return static_cast<unsigned char>(a) == b; }));
  EXPECT_EQ(bytes[0], kFrameFirstByte);
}

TEST(Frame, SurvivesTheRoundTrip) {
  for (const FrameType type : kAllTypes) {
    for (const size_t body_bytes : {size_t{0}, size_t{1}, size_t{256}, kFrameBodyBytesMax}) {
      for (const uint32_t sequence : {0u, 1u, 0x80000000u, 0xffffffffu}) {
        const FrameHeader header{type, static_cast<uint16_t>(body_bytes), sequence};
        const auto decoded = DecodeFrameHeader(EncodeFrameHeader(header));
        ASSERT_TRUE(decoded.ok()) << decoded.status();
        EXPECT_EQ(*decoded, header);
      }
    }
  }
}

TEST(Frame, NamesTheBadPart) {
  const struct {
    size_t offset;
    char byte;
    const char* message;
  } cases[] = {
      {0, '\0', "magic"},   {1, '\1', "magic"},   {2, '\1', "magic"},      {3, '\0', "magic"},
      {4, '\1', "version"}, {5, '\1', "version"}, {6, '\7', "type"},       {8, '\1', "type"},
      {9, '\x41', "type"},  {9, '\xff', "type"},  {11, '\x7f', "body of"}, {11, '\xff', "body of"},
  };
  for (const auto& [offset, byte, message] : cases) {
    FrameBytes bytes = EncodeFrameHeader({FrameType::kMessage, 10, 1});
    bytes[offset] = byte;
    const auto decoded = DecodeFrameHeader(bytes);
    ASSERT_FALSE(decoded.ok()) << offset;
    EXPECT_EQ(decoded.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(decoded.status().message()), HasSubstr(message)) << offset;
  }
}

TEST(Frame, BelievesNoBodyThatIsTooLong) {
  FrameHeader header{FrameType::kMessage, static_cast<uint16_t>(kFrameBodyBytesMax), 1};
  EXPECT_TRUE(DecodeFrameHeader(EncodeFrameHeader(header)).ok());
  ++header.body_bytes;
  EXPECT_FALSE(DecodeFrameHeader(EncodeFrameHeader(header)).ok());
}

TEST(Frame, IsNotWhatARecordBeginsWith) {
  const std::string line = "type=CWD msg=audit(1.000:1): cwd=\"/\"";
  FrameBytes bytes;
  std::copy_n(line.begin(), bytes.size(), bytes.begin());
  EXPECT_FALSE(DecodeFrameHeader(bytes).ok());
}

}  // namespace
}  // namespace audit
