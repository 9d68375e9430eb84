// A store for a test.

#pragma once

#include <memory>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "storage/event_store.h"

namespace storage {

// Null, and the test has failed, if it cannot be opened for writing.
inline std::unique_ptr<EventStore> OpenStore(const std::string& path, const StoreOptions& options) {
  absl::StatusOr<std::unique_ptr<EventStore>> opened = EventStore::Open(path, options);
  EXPECT_TRUE(opened.ok()) << opened.status();
  return opened.ok() ? *std::move(opened) : nullptr;
}

}  // namespace storage
