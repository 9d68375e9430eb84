// Hosts as messages (proto/auspex/v1/query.proto): for who answers, and for who asks. And what an
// agent tells of its host's losses (proto/auspex/v1/ingest.proto).

#pragma once

#include "proto/auspex/v1/ingest.pb.h"
#include "proto/auspex/v1/query.pb.h"
#include "storage/host_list.h"
#include "storage/losses.h"

namespace api {

// Fills in an empty message.
void Fill(const storage::ListedHost& host, auspex::v1::HostsResponse::Host* message);

// The reverse.
storage::ListedHost HostOf(const auspex::v1::HostsResponse::Host& message);

// Likewise, of all hosts together.
void Fill(const storage::Losses& losses, auspex::v1::HostsResponse::Losses* message);
storage::Losses LossesOf(const auspex::v1::HostsResponse::Losses& message);

storage::BootLosses LossesOf(const auspex::v1::Losses& message);

}  // namespace api
