#include "api/hold_message.h"

#include <gtest/gtest.h>

namespace api {
namespace {

TEST(HoldMessage, ComesBackAsItWas) {
  const storage::Hold hold{.id = 1,
                           .host_pattern = "web*",
                           .from_ms = 2,
                           .to_ms = 3,
                           .reason = "case 4",
                           .placed_by = "alice",
                           .placed_ms = 5};
  auspex::v1::Hold message;
  Fill(hold, &message);
  EXPECT_EQ(HoldOf(message), hold);
}

TEST(RuleEffectMessage, ComesBackAsItWas) {
  const storage::RuleEffect effect{.rule = "pci",
                                   .hosts = 1,
                                   .host_days = 2,
                                   .events = 3,
                                   .records = 4,
                                   .bytes = 5,
                                   .held_host_days = 6,
                                   .held_events = 7,
                                   .held_bytes = 8};
  auspex::v1::PreviewRetentionResponse::Effect message;
  Fill(effect, &message);
  EXPECT_EQ(EffectOf(message), effect);
}

}  // namespace
}  // namespace api
