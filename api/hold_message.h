// Holds, and what a retention policy would do, as messages (proto/auspex/v1/admin.proto): for who
// answers, and for who asks.

#pragma once

#include "proto/auspex/v1/admin.pb.h"
#include "storage/hold.h"
#include "storage/retention.h"

namespace api {

// Fill in an empty message.
void Fill(const storage::Hold& hold, auspex::v1::Hold* message);
void Fill(const storage::RuleEffect& effect, auspex::v1::PreviewRetentionResponse::Effect* message);

// The reverse.
storage::Hold HoldOf(const auspex::v1::Hold& message);
storage::RuleEffect EffectOf(const auspex::v1::PreviewRetentionResponse::Effect& message);

}  // namespace api
