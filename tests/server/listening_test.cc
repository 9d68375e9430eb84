#include "server/listening.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/server/held_port.h"

namespace server {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// Addresses of this machine, and a listening that moves between them.
class ListeningTest : public testing::Test {
 protected:
  absl::Status MoveTo(const ListeningPlace& place) {
    absl::StatusOr<Listening::Move> move = listening_.Prepare(network_, place);
    if (!move.ok()) return move.status();
    changed_ = listening_.Take(*std::move(move));
    CloseAll(changed_.closed);
    return absl::OkStatus();
  }

  bool Connects(const tcp::endpoint& endpoint) {
    boost::system::error_code error;
    tcp::socket(network_).connect(endpoint, error);
    return !error;
  }

  uint16_t port() const { return listening_.endpoints().front().port(); }

  asio::io_context network_;
  const asio::ip::address first_ = asio::ip::make_address("127.0.0.1");
  const asio::ip::address second_ = asio::ip::make_address("127.0.0.2");
  Listening listening_;
  Listening::Changed changed_;
};

TEST_F(ListeningTest, KeepsTheSocketsThatStay) {
  ASSERT_TRUE(MoveTo({.addresses = {first_}, .port = 0}).ok());
  const tcp::endpoint kept(first_, port());
  EXPECT_EQ(changed_.opened.size(), 1u);
  tcp::socket waiting(network_);  // In the queue: nobody has accepted it.
  waiting.connect(kept);
  ASSERT_TRUE(MoveTo({.addresses = {first_, second_}, .port = port(), .queue = 7}).ok());
  EXPECT_THAT(listening_.endpoints(), ElementsAre(kept, tcp::endpoint(second_, kept.port())));
  EXPECT_EQ(changed_.opened.size(), 1u);
  EXPECT_THAT(changed_.closed, IsEmpty());
  waiting.non_blocking(true);
  char byte = 0;
  boost::system::error_code error;
  waiting.receive(asio::buffer(&byte, 1), 0, error);
  EXPECT_EQ(error, asio::error::would_block);  // It was not reset.
}

TEST_F(ListeningTest, LeavesAPlaceThatIsNotWantedAnyMore) {
  ASSERT_TRUE(MoveTo({.addresses = {first_, second_}, .port = 0}).ok());
  const std::vector<tcp::endpoint> before = listening_.endpoints();
  ASSERT_TRUE(MoveTo({.addresses = {second_}, .port = 0}).ok());
  EXPECT_THAT(listening_.endpoints(), ElementsAre(before[1]));
  EXPECT_FALSE(Connects(before[0]));
  EXPECT_TRUE(Connects(before[1]));
  ASSERT_TRUE(MoveTo({.addresses = {second_}, .port = {}}).ok());
  EXPECT_THAT(listening_.endpoints(), IsEmpty());
  EXPECT_FALSE(Connects(before[1]));
}

// They overlap, and no moment is without a socket.
TEST_F(ListeningTest, MovesFromAllAddressesToOneAndBack) {
  ASSERT_TRUE(MoveTo({.port = 0}).ok());
  const uint16_t wanted = port();
  for (const auto& addresses : {std::vector{first_, second_}, {}, {second_}}) {
    ASSERT_TRUE(MoveTo({.addresses = addresses, .port = wanted}).ok());
    EXPECT_EQ(Connects({first_, wanted}), addresses != std::vector{second_});
    EXPECT_TRUE(Connects({second_, wanted}));
  }
}

TEST_F(ListeningTest, ChangesNothingIfAPortIsTaken) {
  const HeldPort held;  // At the first address, where others must not have it.
  const uint16_t taken = held.number();
  tcp::acceptor other(network_, {second_, taken});
  ASSERT_TRUE(MoveTo({.addresses = {first_}, .port = 0}).ok());
  const std::vector<tcp::endpoint> before = listening_.endpoints();
  const absl::Status refused = MoveTo({.addresses = {first_, second_}, .port = taken});
  EXPECT_EQ(refused.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(refused.message()),
              HasSubstr("cannot listen on 127.0.0.2 port " + std::to_string(taken)));
  EXPECT_EQ(listening_.endpoints(), before);
  EXPECT_TRUE(Connects(before[0]));
  EXPECT_FALSE(Connects({first_, taken}));
}

// The port is ours, at another address.
TEST_F(ListeningTest, TakesNoPlaceOfAnotherAtItsOwnPort) {
  ASSERT_TRUE(MoveTo({.addresses = {first_}, .port = 0}).ok());
  tcp::acceptor other(network_, {second_, port()});
  for (const auto& addresses : {std::vector{first_, second_}, {}}) {
    EXPECT_EQ(MoveTo({.addresses = addresses, .port = port()}).code(),
              absl::StatusCode::kUnavailable);
  }
  EXPECT_TRUE(Connects(listening_.endpoints().front()));
}

TEST_F(ListeningTest, DropsWhatWasPreparedInVain) {
  ASSERT_TRUE(MoveTo({.addresses = {first_}, .port = 0}).ok());
  const uint16_t wanted = port();
  {
    const auto move = listening_.Prepare(network_, {.addresses = {second_}, .port = wanted});
    ASSERT_TRUE(move.ok()) << move.status();
    EXPECT_TRUE(Connects({second_, wanted}));
  }
  EXPECT_FALSE(Connects({second_, wanted}));
  EXPECT_TRUE(Connects({first_, wanted}));
}

}  // namespace
}  // namespace server
