#include "api/host_message.h"

#include <gtest/gtest.h>

namespace api {
namespace {

storage::ListedHost SentAndRead(const storage::ListedHost& host) {
  auspex::v1::HostsResponse::Host message;
  Fill(host, &message);
  auspex::v1::HostsResponse::Host received;
  EXPECT_TRUE(received.ParseFromString(message.SerializeAsString()));
  return HostOf(received);
}

TEST(HostMessage, ComesBackAsItWas) {
  const storage::Identity identity{.kind = storage::IdentityKind::kCertificate, .name = "w\xff"};
  const storage::ListedHost hosts[] = {
      {.host = identity},
      {.host = identity, .contents = storage::HostContents(), .losses = storage::Losses()},
      {.host = identity,
       .contents =
           storage::HostContents{
               .records = 5, .bytes = 8, .first_ms = 0, .last_ms = 7, .address = "a"},
       .losses = storage::Losses{1, 2, 3, 4, 5, 6, 7},
       .pace = storage::HostPace{2.5, -7, 9}},
      {.host = identity, .pace = storage::HostPace{.last_received_ms = 9}},
  };
  for (const storage::ListedHost& host : hosts) EXPECT_EQ(SentAndRead(host), host);
}

TEST(HostMessage, TellsWhatAnAgentHasTold) {
  auspex::v1::Losses message;
  message.set_boot_id("boot1");
  message.set_kernel_records(1);
  message.set_overruns(2);
  message.set_missing_events(3);
  message.set_queue_records(4);
  message.set_spool_records(5);
  message.set_aged_records(6);
  message.set_error_records(7);
  EXPECT_EQ(LossesOf(message),
            (storage::BootLosses{.boot_id = "boot1", .totals = {1, 2, 3, 4, 5, 6, 7}}));
}

}  // namespace
}  // namespace api
