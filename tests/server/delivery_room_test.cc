#include "server/delivery_room.h"

#include <string>

#include <gtest/gtest.h>

namespace server {
namespace {

using storage::Identity;
using storage::IdentityKind;

const Identity kQuiet{.kind = IdentityKind::kAddress, .name = "quiet"};
const Identity kNoisy{.kind = IdentityKind::kAddress, .name = "noisy"};

class DeliveryRoomTest : public testing::Test {
 protected:
  DeliveryRoom room_{{.sender_small_bytes_max = 10,
                      .small_bytes_max = 100,
                      .large_bytes_max = 200,
                      .small_read_bytes = 4}};
};

TEST_F(DeliveryRoomTest, TakesWhatIsLittleForSmallAndWhatIsMuchForLarge) {
  EXPECT_FALSE(room_.Take(kQuiet, 10));
  EXPECT_TRUE(room_.Take(kNoisy, 11));
  EXPECT_EQ(room_.small_bytes(), 10u);
  EXPECT_EQ(room_.large_bytes(), 11u);
}

TEST_F(DeliveryRoomTest, TakesManySmallOnesOfOneSenderForLarge) {
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(room_.Take(kNoisy, 1));
  EXPECT_TRUE(room_.Take(kNoisy, 1));
  EXPECT_FALSE(room_.Take(kQuiet, 1));
}

TEST_F(DeliveryRoomTest, TakesWhatFollowsALargeOneForLargeUntilThatIsStored) {
  EXPECT_TRUE(room_.Take(kNoisy, 11));
  EXPECT_TRUE(room_.Take(kNoisy, 1));
  room_.GiveBack(kNoisy, 11, true);
  EXPECT_TRUE(room_.Take(kNoisy, 1));
  room_.GiveBack(kNoisy, 1, true);
  room_.GiveBack(kNoisy, 1, true);
  EXPECT_FALSE(room_.Take(kNoisy, 1));
}

TEST_F(DeliveryRoomTest, LetsTheQuietReadALittleWhereTheNoisyHaveTakenAllTheRoom) {
  EXPECT_EQ(room_.ReadBytesMax(kQuiet), DeliveryRoom::kAnyBytes);
  room_.Take(kNoisy, 200);
  EXPECT_EQ(room_.ReadBytesMax(kQuiet), 4u);
  EXPECT_EQ(room_.ReadBytesMax(kNoisy), 0u);
}

TEST_F(DeliveryRoomTest, LetsWhoSentLittleBeReadWholeWhereTheNoisyHaveTakenAllTheRoom) {
  EXPECT_TRUE(room_.MayReadWhole(kQuiet, 11));
  room_.Take(kNoisy, 200);
  EXPECT_TRUE(room_.MayReadWhole(kQuiet, 10));
  EXPECT_FALSE(room_.MayReadWhole(kQuiet, 11));
  EXPECT_FALSE(room_.MayReadWhole(kNoisy, 1));
  room_.Take(kQuiet, 6);
  EXPECT_TRUE(room_.MayReadWhole(kQuiet, 4));
  EXPECT_FALSE(room_.MayReadWhole(kQuiet, 5));
}

TEST_F(DeliveryRoomTest, TrustsNobodyWhereTheRoomIsTakenTwice) {
  room_.Take(kNoisy, 399);
  EXPECT_TRUE(room_.MayReadWhole(kQuiet, 1));
  const Identity liar{.kind = IdentityKind::kAddress, .name = "liar"};
  EXPECT_TRUE(room_.Take(liar, 11));
  EXPECT_FALSE(room_.MayReadWhole(kQuiet, 1));
  room_.GiveBack(liar, 11, true);
  EXPECT_TRUE(room_.MayReadWhole(kQuiet, 1));
}

TEST_F(DeliveryRoomTest, LetsNobodyReadPastTheRoomForSmallOnes) {
  for (int i = 0; i < 10; ++i) {
    room_.Take({.kind = IdentityKind::kAddress, .name = std::string(1, static_cast<char>('a' + i))},
               10);
  }
  EXPECT_EQ(room_.ReadBytesMax(kQuiet), 0u);
  EXPECT_FALSE(room_.MayReadWhole(kQuiet, 1));
}

TEST_F(DeliveryRoomTest, HasAllItsRoomAgainWhenAllIsStored) {
  EXPECT_TRUE(room_.Take(kNoisy, 500));
  EXPECT_FALSE(room_.Take(kQuiet, 5));
  room_.GiveBack(kNoisy, 500, true);
  room_.GiveBack(kQuiet, 5, false);
  EXPECT_EQ(room_.small_bytes() + room_.large_bytes(), 0u);
  EXPECT_EQ(room_.ReadBytesMax(kNoisy), DeliveryRoom::kAnyBytes);
}

TEST(SenderOf, IsWhoConnectsWhateverItsRecordsName) {
  storage::Delivery of_client;
  of_client.batches.emplace_back(Identity{.kind = IdentityKind::kNode, .name = "web1"},
                                 "192.0.2.7");
  EXPECT_EQ(SenderOf(of_client), (Identity{.kind = IdentityKind::kAddress, .name = "192.0.2.7"}));

  const Identity agent{.kind = IdentityKind::kCertificate, .name = "web1"};
  storage::Delivery of_agent;
  of_agent.batches.emplace_back(agent, "192.0.2.7");
  of_agent.number = {.boot_id = "boot", .number = 1};
  EXPECT_EQ(SenderOf(of_agent), agent);

  storage::Delivery own;
  own.batches.emplace_back(Identity{.kind = IdentityKind::kCollector, .name = "auspexd"}, "");
  EXPECT_EQ(SenderOf(own).kind, IdentityKind::kCollector);
}

}  // namespace
}  // namespace server
